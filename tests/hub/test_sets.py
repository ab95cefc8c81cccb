"""The sets beside the standard one: download, verify, load and run, from tiny repositories."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from marsam import CaptionOptions, RunOptions, Studio, TranslateOptions
from marsam.hub.catalog import FREE, MODERN, SETS, model_of
from marsam.hub.locate import is_present
from marsam.hub.model_files import file_sizes
from marsam.options import PaintOptions
from tests.helpers.commands import marsam
from tests.helpers.tiny_captioners import build as build_captioner
from tests.helpers.tiny_painters import build as build_painter
from tests.helpers.tiny_translators import build_marian

from .fake_hub import FakeHub, Repository
from .tiny_models import NLLB

QWEN, KLEIN = MODERN.captioner.source, MODERN.painter.source
PHOTO = Image.effect_noise((40, 30), 80).convert("RGB")
SMALL = RunOptions(
    caption=CaptionOptions(beams=1, max_tokens=4),
    translate=TranslateOptions(beams=1),
    paint=PaintOptions(pictures=1, seed=3, steps=1, width=64, height=64),
    check=False,
)


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in file_sizes(folder)}


@pytest.fixture
def with_opus(hub: FakeHub, tmp_path: Path) -> FakeHub:
    """The hub with a model for each direction; their weights are pickled, as there."""
    for model, source, target in zip(FREE.translators, ("en", "ar"), ("ar", "en"), strict=True):
        folder = tmp_path / target
        folder.mkdir()
        tokens = ("ara",) if target == "ar" else ()
        files = files_of(build_marian(folder, source, target, tokens=tokens))
        weights = io.BytesIO()
        torch.save(load_file(folder / "model.safetensors"), weights)
        del files["model.safetensors"]
        files |= {"pytorch_model.bin": weights.getvalue(), "tf_model.h5": b"never pulled"}
        hub.repositories[model.source] = Repository(files)
    return hub


def test_the_free_set_translates_both_ways(
    with_opus: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "free", "--yes") == 0
    said = capsys.readouterr().out
    for model in FREE.translators:
        assert f"{model.source} is not pinned" in said
        assert not [name for name in with_opus.downloaded(model.source) if name.endswith(".h5")]
    assert not with_opus.downloaded(NLLB)
    assert marsam("models", "verify", "free") == 0
    assert capsys.readouterr().out.count("intact") == len(FREE.parts) == 7
    # Without a choice nothing changes.
    assert Studio.load(device="cpu").models == "mini"
    studio = Studio.load("free", device="cpu")
    assert studio.names["translator"] == " + ".join(model.source for model in FREE.translators)
    both = {"arb_Arab", "eng_Latn"}
    assert {code for code in studio.translator.targets() if code in both} == both
    result = studio.run(PHOTO, SMALL)
    assert result.models == studio.names
    arabic = TranslateOptions(source="arb_Arab", target="eng_Latn", beams=1)
    assert studio.translator.translate("قطة", arabic).target == "eng_Latn"


def test_a_part_of_a_set_is_named_when_it_is_missing(
    with_opus: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", FREE.translators[0].source, "--yes") == 0
    assert not all(is_present(model) for model in FREE.models)
    assert marsam("translate", "a cat", "--models", "free") == 1
    # Not the standard set, which has this model, too, but not for commercial use.
    assert capsys.readouterr().err.endswith("download it with: marsam models pull free\n")


@pytest.fixture
def with_modern(hub: FakeHub, tmp_path: Path) -> FakeHub:
    """The hub with the models of the modern set, whose weights are in shards."""
    folder = build_captioner("qwen3_5", tmp_path)
    files = files_of(folder)
    weights, shard = files.pop("model.safetensors"), "model.safetensors-00001-of-00001.safetensors"
    keys = load_file(folder / "model.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(keys, shard)}
    files |= {shard: weights, "model.safetensors.index.json": json.dumps(index).encode()}
    hub.repositories[QWEN] = Repository(files)
    painted = files_of(build_painter("klein", tmp_path))
    painted["flux-2-klein-4b.safetensors"] = b"never pulled" * 100
    hub.repositories[KLEIN] = Repository(painted)
    return hub


def test_the_modern_set_loads_one_model_for_two_stages(
    with_modern: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "modern", "--yes") == 0
    assert capsys.readouterr().out.count(f"{QWEN}  ") == 1
    assert any(name.endswith(".jinja") for name in with_modern.downloaded(QWEN))
    assert "flux-2-klein-4b.safetensors" not in with_modern.downloaded(KLEIN)
    assert marsam("models", "verify", "modern") == 0
    studio = Studio.load("modern", device="cpu")
    assert studio.names == {"captioner": QWEN, "translator": QWEN, "painter": KLEIN}
    assert studio.captioner.model is studio.translator.models[0].model  # type: ignore[attr-defined]
    (picture,) = studio.run(prompt="a cat", options=SMALL).pictures
    assert picture.image is not None


def test_a_model_is_in_the_catalog_once() -> None:
    for one in SETS.values():
        sources = [model.source for model in one.parts]
        assert len(sources) == len(set(sources))
        assert one.gigabytes == pytest.approx(sum(model.gigabytes for model in one.parts))
        for model in one.models:
            assert model.bundled == one.bundled
            assert one.bundled or model_of(model.source) is not None
            # 2 or 4 bytes for each weight.
            assert 1.9 <= model.gigabytes / model.parameters <= 4.1 or one.bundled
