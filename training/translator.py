"""The translator: a small M2M100 with an NLLB tokenizer, English ↔ Arabic in one model.

The grammar generates the sentence pairs during training: the source in varied wording, as people
type, and folded (``marsam.text.vocabulary.fold``); the target in canonical wording. One sentence in
twenty, selected by its hash, is held out.
"""

import json
import random
import sys
import zlib
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

from marsam.text.vocabulary import fold
from training.grammar import arabic, english, names_to_arabic, names_to_english, random_sentence
from training.trainer import AUTOCAST, MATH_ATTENTION, Trainer, optimisers
from training.workspace import WORKSPACE

BATCH_SIZE = 96
STEPS = 4_700
ENGLISH, ARABIC = "eng_Latn", "arb_Arab"
HELD_OUT_ONE_IN = 20


@dataclass(frozen=True)
class Pair:
    """A source text with its reference translation; ``source`` and ``target`` are languages."""

    text: str
    reference: str
    source: str
    target: str


def is_held_out(canonical_english: str) -> bool:
    """Whether a sentence is reserved for evaluation."""
    return zlib.crc32(canonical_english.encode()) % HELD_OUT_ONE_IN == 0


def random_pair(rng: random.Random, *, held_out: bool = False) -> Pair:
    """A random sentence of the grammar in either direction, from the training or held-out part."""
    while True:
        sentence = random_sentence(rng)
        # A background alone is one of twenty sentences, which no others teach.
        if (bool(sentence.items) and is_held_out(english(sentence))) is held_out:
            break
    if rng.random() < 0.5:
        return Pair(english(sentence, rng), arabic(sentence), ENGLISH, ARABIC)
    return Pair(arabic(sentence, rng), english(sentence), ARABIC, ENGLISH)


def name_pairs() -> list[Pair]:
    """Every CLDR short name alone, in both directions."""
    return [Pair(en, ar, ENGLISH, ARABIC) for en, ar in names_to_arabic().items()] + [
        Pair(ar, en, ARABIC, ENGLISH) for ar, en in names_to_english().items()
    ]


def _vary(pair: Pair, rng: random.Random) -> Pair:
    """Sometimes add a full stop to a name."""
    text, reference = pair.text, pair.reference
    if rng.random() < 0.15:
        text, reference = text + ".", reference + "."
        if pair.target == ENGLISH:
            reference = reference[0].upper() + reference[1:]
    return Pair(text, reference, pair.source, pair.target)


def tokenizer() -> NllbTokenizer:
    """The NLLB tokenizer, trained once and cached."""
    folder = WORKSPACE / "nllb-tokenizer"
    if not folder.is_dir():
        new_tokenizer().save_pretrained(folder)
    return NllbTokenizer.from_pretrained(folder, src_lang=ENGLISH, tgt_lang=ARABIC)


def new_tokenizer() -> NllbTokenizer:
    rng = random.Random(0)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace()
    arabic_letters = [chr(c) for c in range(0x621, 0x653)] + list("،؛؟٠١٢٣٤٥٦٧٨٩")
    trainer = trainers.BpeTrainer(
        vocab_size=2600,
        special_tokens=special,
        initial_alphabet=[chr(c) for c in range(33, 127)] + arabic_letters + ["▁"],
    )

    def texts() -> list[str]:
        pairs = [random_pair(rng) for _ in range(30_000)] + name_pairs() * 10
        return [side for pair in pairs for side in (fold(pair.text), pair.reference)]

    bpe.train_from_iterator(texts(), trainer)
    trained = json.loads(bpe.to_str())["model"]
    return NllbTokenizer(
        vocab=trained["vocab"],
        merges=[tuple(m) for m in trained["merges"]],
        src_lang=ENGLISH,
        tgt_lang=ARABIC,
        extra_special_tokens=[ENGLISH, ARABIC],
    )


def new_model(tokenizer: NllbTokenizer) -> M2M100ForConditionalGeneration:
    return M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer),
            d_model=192,
            encoder_layers=3,
            decoder_layers=3,
            encoder_ffn_dim=512,
            decoder_ffn_dim=512,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            max_position_embeddings=128,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            scale_embedding=True,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
        )
    )


def _encode(tokenizer: NllbTokenizer, pairs: list[Pair]) -> dict[str, torch.Tensor]:
    """Encode sources and labels as language code, pieces, </s>; the model shifts the labels."""

    def row(text: str, code: str) -> list[int]:
        pieces = tokenizer(text, add_special_tokens=False).input_ids
        return [tokenizer.convert_tokens_to_ids(code), *pieces, 2]

    def pad(rows: list[list[int]], value: int) -> torch.Tensor:
        longest = max(len(r) for r in rows)
        return torch.tensor([r + [value] * (longest - len(r)) for r in rows])

    source = pad([row(fold(p.text), p.source) for p in pairs], 1)
    labels = pad([row(p.reference, p.target) for p in pairs], -100)
    return {"input_ids": source, "attention_mask": source.ne(1).long(), "labels": labels}


def train(*, resume: bool = True) -> tuple[M2M100ForConditionalGeneration, NllbTokenizer]:
    """The translator with averaged weights, trained to the end unless ``resume`` is False."""
    torch.manual_seed(0)
    nllb_tokenizer = tokenizer()
    model = new_model(nllb_tokenizer)
    trainer = Trainer(
        "translator",
        model,
        optimisers(model, muon_lr=1e-3, adam_lr=1e-3),
        steps=STEPS,
        ema_decay=0.998,
    )
    names = name_pairs()
    rng = random.Random(trainer.step)
    while resume and trainer.step < trainer.steps:
        pairs = [
            _vary(rng.choice(names), rng) if rng.random() < 0.12 else random_pair(rng)
            for _ in range(BATCH_SIZE)
        ]
        with MATH_ATTENTION(), AUTOCAST():
            loss = model(**_encode(nllb_tokenizer, pairs)).loss
        trainer.update(loss.float())
        trainer.log_and_save(100, 500, loss=float(loss.detach()))
    return trainer.ema_model, nllb_tokenizer


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
