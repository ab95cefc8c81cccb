"""Tiny random encoder-decoders that translate: one-way Marian models and the T5 family."""

import io
import json
import warnings
from pathlib import Path

import sentencepiece
import torch
import transformers
from transformers import (
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

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
T5_CLASSES = {
    "t5": (T5Config, T5ForConditionalGeneration),
    "mt5": (transformers.MT5Config, transformers.MT5ForConditionalGeneration),
    "umt5": (transformers.UMT5Config, transformers.UMT5ForConditionalGeneration),
}
T5_LANGUAGES = ("ar", "arz", "en", "iw", "zh")
"""Languages of the tiny T5, by the tags of its tokens: ``iw`` is a former tag of Hebrew."""


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


def build_marian(
    folder: Path, source: str, target: str, *, tokens: tuple[str, ...] = ("ara", "arz")
) -> Path:
    """Build a one-way model in a folder; ``tokens`` select its target where there are several."""
    found = pieces(folder, "source.spm")
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    listed = ["</s>", "<unk>", *(f">>{token}<<" for token in tokens)]
    listed += [token for token in found if token not in listed and token != "<s>"]
    vocabulary = {token: i for i, token in enumerate([*listed, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = MarianTokenizer(
            str(folder / "source.spm"),
            str(folder / "target.spm"),
            str(folder / "vocab.json"),
            source_lang=source,
            target_lang=target,
        )
    tokenizer.save_pretrained(folder)
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
    torch.manual_seed(0)
    MarianMTModel(config).save_pretrained(folder)
    return folder


def build_t5(
    folder: Path, family: str = "t5", *, languages: tuple[str, ...] = T5_LANGUAGES
) -> Path:
    """Build a model as MADLAD-400 is, with these language tokens."""
    letters = {letter for sentence in SENTENCES for letter in sentence if letter != " "}
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), ("▁", -3.0)]
    vocabulary += [(f"<2{tag}>", -1.0) for tag in languages]
    vocabulary += [(piece, -2.0) for piece in ("▁three", "▁lions", "▁قطة", *sorted(letters))]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(folder)
    config_class, model_class = T5_CLASSES[family]
    config = config_class(
        vocab_size=len(tokenizer) + 3,
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)
    return folder
