"""Other translator families: tiny random models in the real file layout, in the same class."""

import json
import re
from pathlib import Path

import pytest
import torch
from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

from marsam import LanguageError, TranslateOptions, choose_device
from marsam.device import Device
from marsam.stages.seq2seq_model import Seq2SeqModel
from marsam.stages.translator import SentenceTranslator
from marsam.text.languages import language
from tests.helpers.tiny_translators import SMALL, build_marian, pieces


@pytest.fixture
def m2m100(tmp_path: Path) -> Path:
    tokens = [p for p in pieces(tmp_path, "sentencepiece.bpe.model") if not p.startswith("<")]
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *tokens])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(
        str(tmp_path / "vocab.json"), str(tmp_path / "sentencepiece.bpe.model")
    )
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    size = 1 + max(tokenizer.get_lang_id(code) for code in tokenizer.lang_code_to_token)
    M2M100ForConditionalGeneration(M2M100Config(vocab_size=size, **SMALL)).save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def marian(tmp_path: Path) -> Path:
    return build_marian(tmp_path, "en", "ar")


def test_m2m100(m2m100: Path) -> None:
    translator = SentenceTranslator(Seq2SeqModel(m2m100, device=choose_device("cpu")))
    for text, source, target in (
        ("three lions", "eng_Latn", "arb_Arab"),
        ("ثلاثة أسود", "arb_Arab", "eng_Latn"),
    ):
        answer = translator.translate(text, TranslateOptions(source=source, target=target))
        # The weights are random: only the reduced vocabulary excludes the other script. The
        # tokenizer does not remove language tokens from the text.
        assert language(target).matches_script(re.sub("__[a-z]+__", "", answer.text))
    with pytest.raises(LanguageError, match="Bambara"):
        translator.translate("three lions", TranslateOptions(target="bam_Latn"))
    known = translator.targets()
    assert {"arb_Arab", "eng_Latn"} <= set(known["eng_Latn"]) == set(known)
    assert "bam_Latn" not in known


@pytest.mark.parametrize("is_cpu", [True, False], ids=["cpu", "other device"])
def test_only_names_keep_the_letters_of_another_script(
    m2m100: Path, is_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "is_cpu", property(lambda _: is_cpu))
    translator = SentenceTranslator(Seq2SeqModel(m2m100, device=choose_device("cpu")))

    def has_latin_letters(text: str) -> bool:
        answer = translator.translate(text, TranslateOptions()).text
        return re.search("[a-z]", re.sub("__[a-z]+__", "", answer)) is not None

    assert not has_latin_letters("three lions")
    # The weights are random, so the output has letters of both scripts where it may.
    assert has_latin_letters("three lions on a blue background, a cat on the BBC, and an iPhone")


def test_marian_never_passes_its_last_position(marian: Path) -> None:
    loaded = Seq2SeqModel(marian, device=choose_device("cpu"))
    model, tokenizer = loaded._loaded
    model.final_logits_bias[0, tokenizer.eos_token_id] = -1e9  # it never ends by itself
    text = "three lions on a blue background and " * 20
    assert SentenceTranslator(loaded).translate(text, TranslateOptions()).text


def test_marian(marian: Path) -> None:
    translator = SentenceTranslator(Seq2SeqModel(marian, device=choose_device("cpu")))
    assert isinstance(translator.translate("three lions", TranslateOptions()).text, str)
    with pytest.raises(LanguageError, match="French"):
        translator.translate("three lions", TranslateOptions(target="fra_Latn"))
    with pytest.raises(LanguageError, match="French"):
        translator.translate("trois lions", TranslateOptions(source="fra_Latn"))
    assert set(translator.targets()) == {"eng_Latn"}
    assert "arb_Arab" in translator.targets()["eng_Latn"]
    assert "fra_Latn" not in translator.targets()["eng_Latn"]
