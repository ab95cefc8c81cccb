"""The captioner: a small BLIP, trained on pictures of the things in every style we could make.

Beside the caption, helpers are asked of the vision tower while it learns: what is shown, on what
background, and in each patch which thing covers it. They point the way (small things side by side
are found far sooner), and are thrown away afterwards.
"""

import random
import sys

import numpy as np
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

from training.grammar import caption
from training.lexicon import COLOURS, THINGS
from training.loop import PLAIN_ATTENTION, Training, optimisers
from training.wild import pool, wild_picture
from training.world import SIZE, Scene, random_scene

BATCH = 64
STEPS = 16_000
VARIANTS = 24
PATCH = 16
HINTS = [len(THINGS), len(THINGS) + 1, len(COLOURS), 4]
"""Answers to choose from: the first thing, the second or none, the colour, how many."""
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
MAX_TOKENS = 20


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
        vision_config={
            "image_size": SIZE,
            "patch_size": PATCH,
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 8,
            "attention_dropout": 0.0,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "encoder_hidden_size": 256,
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
    """BLIP and the helpers of its vision tower."""

    def __init__(self, tokenizer: BertTokenizer) -> None:
        super().__init__()
        self.blip = new_model(tokenizer)
        self.heads = nn.Linear(256, sum(HINTS))
        self.patch_heads = nn.Linear(256, len(THINGS) + 1)

    def forward(
        self, pixels: Tensor, tokens: Tensor, kept: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``kept`` (n, k) says which patches of each picture are looked at."""
        tower = self.blip.vision_model
        patches = tower.embeddings(pixels)
        chosen = patches[:, 1:].gather(1, kept[..., None].expand(-1, -1, patches.shape[2]))
        encoded = tower.encoder(inputs_embeds=torch.cat([patches[:, :1], chosen], dim=1))
        seen = tower.post_layernorm(encoded.last_hidden_state)
        mask = tokens.ne(self.blip.config.text_config.pad_token_id)
        words = self.blip.text_decoder(
            input_ids=tokens, attention_mask=mask.long(), encoder_hidden_states=seen
        ).logits
        return words, self.heads(seen[:, 0]), self.patch_heads(seen[:, 1:])


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
    learner: Learner,
    pixels: Tensor,
    tokens: Tensor,
    scenes: list[Scene],
    where: Tensor,
    kept: Tensor,
) -> dict[str, Tensor]:
    with PLAIN_ATTENTION(), torch.autocast("cpu", dtype=torch.bfloat16):
        words, hints, patches = learner(pixels, tokens, kept)
    # A caption's words after [DEC] are what is predicted.
    wanted = tokens[:, 1:].masked_fill(tokens[:, 1:].eq(0), -100)
    text = F.cross_entropy(words[:, :-1].float().transpose(1, 2), wanted, label_smoothing=0.05)
    asked = hints.float().split(HINTS, dim=1)
    helpers = torch.stack(
        [F.cross_entropy(a, b) for a, b in zip(asked, _targets(scenes), strict=True)]
    ).sum()
    covers = F.cross_entropy(patches.float().transpose(1, 2), where.flatten(1).gather(1, kept))
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
        average=0.998,
        cooldown=0.2,
    )
    glyphs = pool(VARIANTS)
    rng = random.Random(run.step)
    start = tokenizer.convert_tokens_to_ids("[DEC]")
    while more and run.step < run.steps:
        # Easy first: neat pictures of mostly single things, then wilder and fuller ones.
        wildness = min(0.75, 0.2 + run.step / 2500)
        scenes = [random_scene(rng, alone=0.3, pairs=0.35) for _ in range(BATCH)]
        scenes = [
            Scene(s.things[:1], 1, s.colour) if rng.random() > wildness + run.step / 4000 else s
            for s in scenes
        ]
        where = np.full((BATCH, SIZE // PATCH, SIZE // PATCH), len(THINGS))  # all background
        pictures = np.stack(
            [
                np.asarray(
                    wild_picture(
                        scene, glyphs, rng, wild=float(rng.random() < wildness), where=cells
                    )
                )
                for scene, cells in zip(scenes, where, strict=True)
            ]
        )
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        tokens = tokenizer(
            [caption(s) for s in scenes], padding=True, return_tensors="pt"
        ).input_ids
        tokens[:, 0] = start
        # Hiding patches halves the work, and no single detail can be relied upon; at the end,
        # while the learning rate falls, it sees everything, as in use.
        share = 0.6 if run.rate() == 1 else 1.0
        kept = torch.rand(BATCH, where[0].size).argsort(1)[:, : round(share * where[0].size)]
        losses = _loss(learner, pixels, tokens, scenes, torch.from_numpy(where).long(), kept)
        run.update(losses["text"] + 0.3 * losses["helpers"] + losses["patches"])
        run.report(100, 500, **{k: float(v.detach()) for k, v in losses.items()})
    return run.averaged.blip, new_processor(tokenizer)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
