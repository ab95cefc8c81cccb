"""The captioner: a small BLIP, trained on pictures of the things in every style we could make.

Beside the caption, helpers are asked of the vision tower while it learns: what is shown, on what
background, how many, and in each patch which thing (or which of a thousand strangers) covers it.
They point the way (small things side by side are found far sooner, styles never seen are read far
better), and are thrown away afterwards.
"""

import random
import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
)

from marsam.cpu.allocator import retain_freed_memory
from training import drawings, tower
from training.grammar import caption
from training.judge import as_tensor
from training.lessons import Lesson, lessons
from training.lexicon import COLOURS, THINGS
from training.loop import MIXED, PLAIN_ATTENTION, Training, optimisers
from training.world import SIZE, Scene, random_scene, tidy_picture

KNOWN, STRANGE = 48, 16
"""Pictures a step: of the things, and of strangers, which only the patches have to name."""
STEPS, LAST = 2_400, 60
"""Steps in all, and those at the end that see every patch, as in use."""
HINTS = [len(THINGS), len(THINGS) + 1, len(COLOURS), 4]
"""Answers to choose from: the first thing, the second or none, the colour, how many."""
KINDS = len(THINGS) + len(drawings.strangers()) + 1
"""Everything a patch may show: a thing, a stranger, or nothing but background, which is last."""
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def new_tokenizer() -> BertTokenizer:
    """A BERT tokenizer with one token a word of the world, and letters for everything else."""
    words: set[str] = set()
    for thing in range(len(THINGS)):
        for count in (1, 2):
            words.update(caption(Scene((thing,), count, 0)).split())
    words.update(colour.en for colour in COLOURS)
    words |= {"a", "an", "and", "on", "two", "three", "background"}
    words |= {"the", "of", "photograph", "picture", "image"}
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *sorted(words - set(letters)), *letters, *(f"##{c}" for c in letters)]
    return BertTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)},
        extra_special_tokens=["[DEC]", "[ENC]"],
    )


def new_model(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    config = BlipConfig(
        vision_config=tower.config(),
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "encoder_hidden_size": tower.SEEN + tower.PLACE,
            "intermediate_size": 512,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "max_position_embeddings": 64,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.sep_token_id,
            "sep_token_id": tokenizer.sep_token_id,
        },
        image_text_hidden_size=64,
        projection_dim=192,
        label_smoothing=0.0,
    )
    return BlipForConditionalGeneration(config)


def new_processor(tokenizer: BertTokenizer) -> BlipProcessor:
    images = BlipImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, image_mean=list(MEAN), image_std=list(STD)
    )
    return BlipProcessor(images, tokenizer)


class Learner(nn.Module):
    """BLIP, its tower still as convolutions, and the helpers."""

    def __init__(self, tokenizer: BertTokenizer) -> None:
        super().__init__()
        self.tower = tower.Tower()
        self.decoder = new_model(tokenizer).text_decoder
        width = tower.SEEN + tower.PLACE
        self.heads = nn.Linear(width, sum(HINTS))
        self.patch_heads = nn.Linear(width, KINDS)

    def forward(
        self, pixels: Tensor, tokens: Tensor, quarters: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of words (n, length, vocabulary), hints (n, all of them), and patches' kinds.

        Words and hints are about the first pictures, as many as there are captions; what the
        patches show, (n, quarters × 64, kinds), is about all.
        """
        seen = self.tower(pixels, quarters)
        named = seen[: len(tokens)]
        words = self.decoder(
            input_ids=tokens, attention_mask=tokens.ne(0).long(), encoder_hidden_states=named
        ).logits
        return words, self.heads(named[:, 0]), self.patch_heads(seen[:, 1:])

    def finished(self, tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
        """The captioner as it is used; its tower a vision transformer, looked through first."""
        blip = new_model(tokenizer).eval()
        blip.text_decoder.load_state_dict(self.decoder.state_dict())
        rng = random.Random(0)
        pixels = as_tensor([tidy_picture(random_scene(rng), rng) for _ in range(16)])
        tower.write(self.tower, blip.vision_model, pixels)
        if (apart := tower.apart(self.tower, blip.vision_model, pixels)) > 0.01:
            raise RuntimeError(f"BLIP's tower sees otherwise than the convolutions did: {apart}")
        return blip


def _targets(scenes: list[Scene]) -> list[Tensor]:
    """The first thing, the second (or none), the colour, and how many."""
    none = len(THINGS)
    return [
        torch.tensor(column)
        for column in zip(
            *(
                (
                    scene.things[0],
                    scene.things[1] if len(scene.things) == 2 else none,
                    scene.colour,
                    3 if len(scene.things) == 2 else scene.count - 1,
                )
                for scene in scenes
            ),
            strict=True,
        )
    ]


def _loss(
    learner: Learner, lesson: Lesson, tokens: Tensor, quarters: list[tuple[int, int]]
) -> dict[str, Tensor]:
    with PLAIN_ATTENTION(), MIXED():
        words, hints, patches = learner(lesson.pixels, tokens, quarters)
    # A caption's words after [DEC] are what is predicted.
    wanted = tokens[:, 1:].masked_fill(tokens[:, 1:].eq(0), -100)
    text = F.cross_entropy(words[:, :-1].float().transpose(1, 2), wanted, label_smoothing=0.05)
    asked = hints.float().split(HINTS, dim=1)
    helpers = torch.stack(
        [F.cross_entropy(a, b) for a, b in zip(asked, _targets(lesson.scenes), strict=True)]
    ).sum()
    # A cell of the lesson is as large as four patches, one of each quarter.
    where = lesson.where.flatten(1).repeat(1, len(quarters))
    weights = torch.ones(KINDS)
    weights[-1] = 0.3  # more than half of all cells are background, and easy
    kinds = patches.float().flatten(0, 1)
    covers = F.cross_entropy(kinds, where.flatten(), weights, label_smoothing=0.05)
    return {"text": text, "helpers": helpers, "patches": covers}


def train(*, more: bool = True) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """The trained captioner (averaged weights) with its processor."""
    torch.manual_seed(0)
    tokenizer = new_tokenizer()
    learner = Learner(tokenizer)
    run = Training(
        "captioner",
        learner,
        optimisers(learner, muon_lr=4e-3, adam_lr=1e-3, decay=0.02),
        steps=STEPS,
        average=0.995,
        cooldown=0.4,
    )
    if more and run.step < run.steps:
        _study(run, learner, tokenizer)
    return run.averaged.finished(tokenizer), new_processor(tokenizer)


def _study(run: Training, learner: Learner, tokenizer: BertTokenizer) -> None:
    start = tokenizer.convert_tokens_to_ids("[DEC]")
    rng = random.Random(run.step)
    for lesson in lessons(run.step, known=KNOWN, strange=STRANGE, step=600 + run.step):
        tokens = tokenizer(
            [caption(s) for s in lesson.scenes], padding=True, return_tensors="pt"
        ).input_ids
        tokens[:, 0] = start
        few = run.steps - run.step > LAST
        quarters = [rng.choice(tower.QUARTERS)] if few else tower.QUARTERS
        losses = _loss(learner, lesson, tokens, quarters)
        run.update(losses["text"] + 0.3 * losses["helpers"] + losses["patches"])
        run.report(50, 100, **{k: float(v.detach()) for k, v in losses.items()})
        if run.step >= run.steps:
            break


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    retain_freed_memory()
    train()
