"""Language models that are asked: tiny random models of every family, in the true classes."""

import json
from pathlib import Path

import pytest
import torch

from marsam import ModelUnsupported
from marsam.device import Device
from marsam.stages.language_model import FAMILIES, LanguageModel
from tests.helpers.tiny_captioners import BUILDERS
from tests.helpers.tiny_language_models import CONFIGS, build

QUESTION = [{"role": "user", "content": "two lions"}]


def device(dtype: str) -> Device:
    return Device(kind="cpu", dtype=dtype, reason="for a test")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("models")
    return {family: build(family, parent) for family in CONFIGS}


def ask(model: LanguageModel, beams: int = 1) -> list[str]:
    ids = torch.tensor([model.token_ids(model.prompt(QUESTION))] * 2)
    return model.generate(ids, num_beams=beams, max_new_tokens=5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float16"])
@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_answers_the_same_each_time(
    folders: dict[str, Path], family: str, dtype: str
) -> None:
    model = LanguageModel(folders[family], device=device(dtype))
    wanted = "float32" if dtype == "float16" and not FAMILIES[family].float16 else dtype
    assert model.device.dtype == wanted
    # The model's own settings sample: an answer would change from time to time.
    answers = [*ask(model), *ask(model)]
    assert len(set(answers)) == 1
    assert len(set(ask(model, beams=3))) == 1


def test_the_question_is_put_in_the_model_s_own_template_without_thinking(
    folders: dict[str, Path],
) -> None:
    model = LanguageModel(folders["qwen3"], device=device("bfloat16"))
    assert model.prompt(QUESTION) == (
        "<|im_start|>user\ntwo lions<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_a_model_that_always_thinks_is_refused(tmp_path: Path) -> None:
    always = "{{ messages[0].content }}<|im_end|><|im_start|>assistant\n<think>\n"
    model = LanguageModel(build("qwen3", tmp_path, chat=always), device=device("bfloat16"))
    with pytest.raises(ModelUnsupported, match="qwen3 thinks before every answer") as caught:
        ask(model)
    assert "اختر نسخته" in caught.value.ar


def test_a_template_that_rejects_the_question_is_one_sentence(tmp_path: Path) -> None:
    strict = "{{ raise_exception('a system message must come first') }}"
    model = LanguageModel(build("qwen3", tmp_path, chat=strict), device=device("bfloat16"))
    with pytest.raises(ModelUnsupported, match="qwen3 does not .*: a system message must come"):
        ask(model)


def test_other_models_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(ModelUnsupported, match="pocket is a 'mamba' model"):
        LanguageModel(tmp_path, device=device("bfloat16"), name="pocket")
    base = LanguageModel(build("llama", tmp_path, chat=None), device=device("bfloat16"))
    with pytest.raises(ModelUnsupported, match="llama has no chat template") as caught:
        ask(base)
    assert "قالب محادثة" in caught.value.ar


def test_every_family_has_a_tiny_model() -> None:
    assert {*CONFIGS, *BUILDERS} == set(FAMILIES)
