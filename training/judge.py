"""Who says what the painter painted: a small classifier, trained apart from everything else.

It sees drawings in all three training styles, neat and wild, and answers which thing is shown.
"""

import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from training.lexicon import COLOURS, THINGS
from training.loop import MIXED, Training, optimisers
from training.wild import pool, wild_picture
from training.world import SIZE, Scene, tidy_picture

BATCH = 64
STEPS = 900
VARIANTS = 24


class Judge(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to one score a thing."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 96, 128)
        layers: list[nn.Module] = [nn.AvgPool2d(2), nn.Conv2d(3, widths[0], 3, padding=1)]
        for before, after in zip(widths, (*widths[1:], 192), strict=True):
            layers += [
                nn.GroupNorm(8, before),
                nn.SiLU(),
                nn.Conv2d(before, after, 3, padding=1, stride=2),
                nn.GroupNorm(8, after),
                nn.SiLU(),
                nn.Conv2d(after, after, 3, padding=1),
            ]
        self.body = nn.Sequential(*layers, nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(4 * 192, len(THINGS))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.body(pictures))  # type: ignore[no-any-return]


def as_tensor(pictures: list[Image.Image]) -> Tensor:
    stack = np.stack([np.asarray(picture.resize((SIZE, SIZE))) for picture in pictures])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(*, more: bool = True) -> Judge:
    """The trained judge (averaged weights)."""
    torch.manual_seed(1)
    judge = Judge()
    run = Training(
        "judge",
        judge,
        optimisers(judge, muon_lr=3e-3, adam_lr=1e-3),
        steps=STEPS,
        average=0.99,
    )
    glyphs = pool(VARIANTS)
    rng = random.Random(1000 + run.step)
    while more and run.step < run.steps:
        shown = [rng.randrange(len(THINGS)) for _ in range(BATCH)]
        scenes = [Scene((thing,), 1, rng.randrange(len(COLOURS))) for thing in shown]
        pictures = [
            tidy_picture(s, rng) if rng.random() < 0.4 else wild_picture(s, glyphs, rng)
            for s in scenes
        ]
        with MIXED():
            scores = judge(as_tensor(pictures)).float()
        loss = F.cross_entropy(scores, torch.tensor(shown), label_smoothing=0.05)
        run.update(loss)
        right = float((scores.argmax(1) == torch.tensor(shown)).float().mean())
        run.report(100, 500, loss=float(loss.detach()), right=right)
    return run.averaged


@torch.inference_mode()
def names(judge: Judge, pictures: list[Image.Image]) -> list[int]:
    """The index of the thing in each picture."""
    return [int(i) for i in judge(as_tensor(pictures)).argmax(1)]


def background(picture: Image.Image) -> int:
    """The index of the background colour, from the picture's corners."""
    pixels = np.asarray(picture.convert("RGB").resize((SIZE, SIZE))).astype(float)
    corners = [pixels[y : y + 8, x : x + 8] for x in (0, SIZE - 8) for y in (0, SIZE - 8)]
    colour = np.median(np.concatenate([c.reshape(-1, 3) for c in corners]), axis=0)
    return int(np.argmin([np.abs(colour - np.array(c.rgb)).sum() for c in COLOURS]))


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
