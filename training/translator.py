"""The translator: a small M2M100 with an NLLB tokenizer, English ↔ Arabic, both ways in one model.

Sentences are made by the grammar, on the fly, in canonical form on the answering side and as people
type on the asking side. One sentence in twenty is set apart by its hash and never trained on.
"""

import json
import random
import sys
import zlib
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

from training.grammar import (
    arabic,
    english,
    names_to_arabic,
    names_to_english,
    random_sentence,
)
from training.loop import MIXED, PLAIN_ATTENTION, Training, optimisers
from training.workspace import WORKSPACE

BATCH = 96
STEPS = 3_400
ENGLISH, ARABIC = "eng_Latn", "arb_Arab"
HELD_OUT = 20


@dataclass(frozen=True)
class Pair:
    """A question to the translator and the one right answer."""

    text: str
    answer: str
    source: str
    target: str


def held_out(canonical_english: str) -> bool:
    """Whether a sentence is kept for judging."""
    return zlib.crc32(canonical_english.encode()) % HELD_OUT == 0


def random_pair(rng: random.Random, *, unseen: bool = False) -> Pair:
    """A sentence of the grammar, either way; ``unseen`` draws from the part never trained on."""
    while True:
        sentence = random_sentence(rng)
        if held_out(english(sentence)) is unseen:
            break
    if rng.random() < 0.5:
        return Pair(english(sentence, rng), arabic(sentence), ENGLISH, ARABIC)
    return Pair(arabic(sentence, rng), english(sentence), ARABIC, ENGLISH)


def name_pairs() -> list[Pair]:
    """Every CLDR short name alone, both ways."""
    return [Pair(en, ar, ENGLISH, ARABIC) for en, ar in names_to_arabic().items()] + [
        Pair(ar, en, ARABIC, ENGLISH) for ar, en in names_to_english().items()
    ]


def _typed(pair: Pair, rng: random.Random) -> Pair:
    """A name as people type it: a capital, a full stop."""
    text, answer = pair.text, pair.answer
    if rng.random() < 0.15:
        text, answer = text + ".", answer + "."
        if pair.target == ENGLISH:
            answer = answer[0].upper() + answer[1:]
    case = rng.random()
    if pair.source == ENGLISH and case < 0.25:
        text = text.upper() if case < 0.05 else text[0].upper() + text[1:]
    return Pair(text, answer, pair.source, pair.target)


def tokenizer() -> NllbTokenizer:
    """The NLLB tokenizer, made once and kept."""
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
        vocab_size=2200,
        special_tokens=special,
        initial_alphabet=[chr(c) for c in range(33, 127)] + arabic_letters + ["▁"],
    )

    def texts() -> list[str]:
        pairs = [random_pair(rng) for _ in range(30_000)] + name_pairs() * 10
        return [side for pair in pairs for side in (pair.text, pair.answer)]

    bpe.train_from_iterator(texts(), trainer)
    trained = json.loads(bpe.to_str())["model"]
    return NllbTokenizer(
        vocab=trained["vocab"],
        merges=[tuple(m) for m in trained["merges"]],
        src_lang=ENGLISH,
        tgt_lang=ARABIC,
        extra_special_tokens=[ENGLISH, ARABIC],
    )


def new_model(words: NllbTokenizer) -> M2M100ForConditionalGeneration:
    return M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(words),
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


def _encode(words: NllbTokenizer, pairs: list[Pair]) -> dict[str, torch.Tensor]:
    """Source: code, pieces, </s>. Labels: code, pieces, </s>; the model shifts them itself."""

    def row(text: str, code: str) -> list[int]:
        pieces = words(text, add_special_tokens=False).input_ids
        return [words.convert_tokens_to_ids(code), *pieces, 2]

    def padded(rows: list[list[int]], filler: int) -> torch.Tensor:
        longest = max(len(r) for r in rows)
        return torch.tensor([r + [filler] * (longest - len(r)) for r in rows])

    source = padded([row(p.text, p.source) for p in pairs], 1)
    labels = padded([row(p.answer, p.target) for p in pairs], -100)
    return {"input_ids": source, "attention_mask": source.ne(1).long(), "labels": labels}


def train(*, more: bool = True) -> tuple[M2M100ForConditionalGeneration, NllbTokenizer]:
    """The trained translator (averaged weights) with its tokenizer."""
    torch.manual_seed(0)
    words = tokenizer()
    model = new_model(words)
    run = Training(
        "translator",
        model,
        optimisers(model, muon_lr=1e-3, adam_lr=1e-3),
        steps=STEPS,
        average=0.998,
    )
    names = name_pairs()
    rng = random.Random(run.step)
    while more and run.step < run.steps:
        pairs = [
            _typed(rng.choice(names), rng) if rng.random() < 0.12 else random_pair(rng)
            for _ in range(BATCH)
        ]
        with PLAIN_ATTENTION(), MIXED():
            loss = model(**_encode(words, pairs)).loss
        run.update(loss.float())
        run.report(100, 500, loss=float(loss.detach()))
    return run.averaged, words


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
