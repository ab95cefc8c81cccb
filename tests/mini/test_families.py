"""Other translator families: tiny random models in the real file layout, in the same class."""

import io
import json
import re
import warnings
from pathlib import Path

import pytest
import sentencepiece
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
)

from marsam import LanguageError, TranslateOptions, choose_device
from marsam.device import Device
from marsam.stages.translator import Seq2SeqTranslator
from marsam.text.languages import language

SENTENCES = ["a cat on a blue background", "three lions", "قطة على خلفية زرقاء", "ثلاثة أسود"] * 5
SMALL = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 64,
}


def pieces(folder: Path, name: str) -> list[str]:
    """Train a SentencePiece model, save it to the folder and return its pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=70,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / name).write_bytes(model.getvalue())
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [loaded.id_to_piece(i) for i in range(loaded.get_piece_size())]


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
    tokens = pieces(tmp_path, "source.spm")
    (tmp_path / "target.spm").write_bytes((tmp_path / "source.spm").read_bytes())
    listed = ["</s>", "<unk>", ">>ara<<", ">>arz<<"]
    listed += [token for token in tokens if token not in listed and token != "<s>"]
    vocabulary = {token: i for i, token in enumerate([*listed, "<pad>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = MarianTokenizer(
            str(tmp_path / "source.spm"),
            str(tmp_path / "target.spm"),
            str(tmp_path / "vocab.json"),
            source_lang="en",
            target_lang="ar",
        )
    tokenizer.save_pretrained(tmp_path)
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocabulary),
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        bos_token_id=None,
        forced_eos_token_id=0,
        **SMALL,
    )
    MarianMTModel(config).save_pretrained(tmp_path)
    return tmp_path


def test_m2m100(m2m100: Path) -> None:
    translator = Seq2SeqTranslator(m2m100, device=choose_device("cpu"))
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
    translator = Seq2SeqTranslator(m2m100, device=choose_device("cpu"))

    def has_latin_letters(text: str) -> bool:
        answer = translator.translate(text, TranslateOptions()).text
        return re.search("[a-z]", re.sub("__[a-z]+__", "", answer)) is not None

    assert not has_latin_letters("three lions")
    # The weights are random, so the output has letters of both scripts where it may.
    assert has_latin_letters("three lions on a blue background, a cat on the BBC, and an iPhone")


def test_marian_never_passes_its_last_position(marian: Path) -> None:
    translator = Seq2SeqTranslator(marian, device=choose_device("cpu"))
    model, tokenizer = translator._loaded
    model.final_logits_bias[0, tokenizer.eos_token_id] = -1e9  # it never ends by itself
    text = "three lions on a blue background and " * 20
    assert translator.translate(text, TranslateOptions()).text


def test_marian(marian: Path) -> None:
    translator = Seq2SeqTranslator(marian, device=choose_device("cpu"))
    assert isinstance(translator.translate("three lions", TranslateOptions()).text, str)
    with pytest.raises(LanguageError, match="French"):
        translator.translate("three lions", TranslateOptions(target="fra_Latn"))
    with pytest.raises(LanguageError, match="French"):
        translator.translate("trois lions", TranslateOptions(source="fra_Latn"))
    assert set(translator.targets()) == {"eng_Latn"}
    assert "arb_Arab" in translator.targets()["eng_Latn"]
    assert "fra_Latn" not in translator.targets()["eng_Latn"]
