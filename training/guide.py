"""The captioner's guide: a small convolutional network that says what is where in a picture.

Convolutions know from birth that a cat moved aside is the same cat; a vision transformer has to
find that out, and with pictures as few as ours it does not find enough. So the guide learns first,
and the captioner's vision tower then learns to see as it sees. It is thrown away afterwards.
"""

import random
import sys
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import drawings
from training.lessons import lessons
from training.lexicon import COLOURS, THINGS
from training.loop import MIXED, Training, optimisers
from training.wild import GLYPH, wild_picture
from training.world import Scene

STEPS = 2_000
WIDTHS = (32, 64, 128, 224)
KINDS = len(THINGS) + len(drawings.strangers()) + 1
"""Everything a cell may show: a thing, a stranger, or nothing but background, which is last."""


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(F.silu(self.norm(x)))


class Guide(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to features (n, 224, 8, 8), and scores of each cell."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, WIDTHS[0], 4, stride=2, padding=1)]
        for before, after in pairwise(WIDTHS):
            layers += [
                nn.GroupNorm(8, before),
                nn.SiLU(),
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                Block(after),
            ]
        self.body = nn.Sequential(*layers, Block(WIDTHS[-1]), nn.GroupNorm(8, WIDTHS[-1]))
        self.head = nn.Conv2d(WIDTHS[-1], KINDS, 1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(pixels)
        return features, self.head(F.silu(features))


def train(*, more: bool = True) -> Guide:
    """The trained guide (averaged weights)."""
    torch.manual_seed(2)
    guide = Guide()
    run = Training(
        "guide", guide, optimisers(guide, muon_lr=3e-3, adam_lr=1e-3), steps=STEPS, average=0.995
    )
    if not more or run.step >= run.steps:
        return run.averaged
    weights = torch.ones(KINDS)
    weights[-1] = 0.3  # more than half of all cells are background, and easy
    for lesson in lessons(3000 + run.step, known=48, strange=16, step=4000):
        with MIXED():
            scores = guide(lesson.pixels)[1].float()
        loss = F.cross_entropy(scores, lesson.where, weights, label_smoothing=0.05)
        run.update(loss)
        something = lesson.where.ne(KINDS - 1)
        right = scores.argmax(1).eq(lesson.where)[something].float().mean()
        run.report(100, 500, loss=float(loss.detach()), right=float(right))
        if run.step >= run.steps:
            break
    return run.averaged


@torch.inference_mode()
def _unseen(guide: Guide) -> tuple[float, list[str]]:
    """How many drawings of the judging style are recognised, and what the others are taken for."""
    rng = random.Random(1)
    drawn = drawings.load(drawings.JUDGING_SET.name)
    known = [i for i, d in enumerate(drawn) if d]
    glyphs = [np.asarray(d.render(GLYPH))[None] if d else np.empty(0) for d in drawn]
    scenes = [Scene((i,), 1, rng.randrange(len(COLOURS))) for i in known for _ in range(2)]
    pictures = np.stack([np.asarray(wild_picture(s, glyphs, rng, wild=0)) for s in scenes])
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    said = guide(pixels)[1].softmax(1)[:, : len(THINGS)].sum((2, 3)).argmax(1).tolist()
    wrong = [
        f"{THINGS[s.things[0]].name} → {THINGS[i].name}"
        for s, i in zip(scenes, said, strict=True)
        if s.things[0] != i
    ]
    return 1 - len(wrong) / len(scenes), wrong


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(_unseen(train()))
