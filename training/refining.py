"""The captioner's last lessons: from the finished captioner, closer to what its guide sees.

The tower follows its guide only as far as the pictures lead it, and drawing those costs more than
learning from them. Where only the guide is asked, neat drawing does not matter: here a crowd of
pictures is made at once, of everything drawn anyhow: pulled, turned, coloured, piled up, blended.
"""

import sys
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BlipForConditionalGeneration

from marsam.catalog import MINI, bundled_folder
from training import guide
from training.captioner import Learner, lesson_losses, new_tokenizer, tokens_of
from training.lessons import CELL, STRANGE_VARIANTS, VARIANTS, Lesson, lessons
from training.lexicon import COLOURS
from training.loop import Training, optimisers
from training.wild import pool, strangers
from training.world import SIZE

STEPS = 1_200
KNOWN, CROWD = 40, 88
"""Pictures a step: drawn ones, with captions, and a crowd of which only the guide knows."""


class Crowd:
    """Pictures of anything the training styles draw, many at once."""

    def __init__(self, seed: int) -> None:
        self.glyphs = (pool(VARIANTS), strangers(STRANGE_VARIANTS))
        self.random = torch.Generator().manual_seed(seed)

    def _between(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random) * (high - low) + low

    def _chance(self, share: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random) < share

    def _drawings(self, n: int) -> Tensor:
        """(n, 4, GLYPH, GLYPH) in [0, 1], a third of them things of the world."""
        rows = []
        for known in self._chance(0.34, n).tolist():
            drawn = self.glyphs[0 if known else 1]
            i, j = (int(torch.randint(m, (), generator=self.random)) for m in drawn.shape[:2])
            rows.append(drawn[i, j])
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255

    def _coloured(self, drawn: Tensor) -> Tensor:
        """Colours a little off; now and then others altogether, or none."""
        n = len(drawn)
        mix = torch.eye(3) + 0.08 * torch.randn(n, 3, 3, generator=self.random)
        for i in self._chance(0.15, n).nonzero().flatten().tolist():
            mix[i] = mix[i][torch.randperm(3, generator=self.random)]
        mix[self._chance(0.06, n)] = 1 / 3
        colours = torch.einsum("nij,njhw->nihw", mix, drawn[:, :3])
        gamma = self._between(-0.5, 0.5, n, 1, 1, 1).exp()
        return torch.cat([colours.clamp(0.001, 1) ** gamma, drawn[:, 3:]], dim=1)

    def _placed(self, drawn: Tensor, low: float, high: float) -> Tensor:
        """On a picture's square, anywhere: pulled, turned, mirrored, bent."""
        n = len(drawn)
        size = self._between(low, high, n)
        turn = 0.3 * torch.randn(n, generator=self.random)
        mirror = torch.where(self._chance(0.5, n), -1.0, 1.0)
        pull = self._between(-0.25, 0.25, n).exp()
        cos, sin = turn.cos(), turn.sin()
        rows = [torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)]
        turned = torch.stack(rows, 1) / torch.stack([size * pull, size / pull], 1)[:, :, None]
        free = (1 - size).clamp(min=0)[:, None] + 0.1
        shift = -(turned @ (free * self._between(-1, 1, n, 2))[:, :, None])
        grid = F.affine_grid(
            torch.cat([turned, shift], 2), [n, 4, SIZE, SIZE], align_corners=False
        )
        knots = torch.randn(n, 2, 5, 5, generator=self.random) * self._between(0, 0.14, n, 1, 1, 1)
        bent = F.interpolate(knots, SIZE, mode="bicubic", align_corners=True)
        return F.grid_sample(drawn, grid + bent.permute(0, 2, 3, 1), align_corners=False)

    def pictures(self, n: int) -> tuple[Tensor, Tensor]:
        """Pixels (n, 3, 128, 128) in [-1, 1], and which cells (n, 8, 8) show something."""
        named = torch.tensor([colour.rgb for colour in COLOURS]).float() / 255
        which = torch.randint(len(named), (n,), generator=self.random)
        base = torch.where(
            self._chance(0.5, n, 1), named[which], self._between(0, 1, n, 3)
        )[:, :, None, None].expand(n, 3, SIZE, SIZE)
        cover = torch.zeros(n, 1, SIZE, SIZE)
        for low, high, share in ((0.4, 1.0, 1.0), (0.3, 0.6, 0.4), (0.3, 0.5, 0.2)):
            at = self._chance(share, n).nonzero().flatten()
            if len(at):
                layer = self._placed(self._coloured(self._drawings(len(at))), low, high)
                alpha = layer[:, 3:]
                base = base.index_copy(0, at, base[at] * (1 - alpha) + layer[:, :3] * alpha)
                cover = cover.index_copy(0, at, torch.maximum(cover[at], alpha))
        other = torch.randperm(n, generator=self.random)
        share = torch.where(self._chance(0.25, n), self._between(0.3, 0.7, n), torch.ones(n))
        share = share[:, None, None, None]
        cover = torch.where(share < 1, torch.maximum(cover, cover[other]), cover)
        pixels = (share * base + (1 - share) * base[other]) * 2 - 1
        soft = self._chance(0.15, n)
        if soft.any():
            pixels[soft] = F.avg_pool2d(pixels[soft], 3, 1, 1, count_include_pad=False)
        pixels += 0.02 * torch.randn(pixels.shape, generator=self.random)
        return pixels.clamp(-1, 1), F.avg_pool2d(cover, CELL)[:, 0] > 0.4


def _lessons(step: int) -> Iterator[Lesson]:
    crowd = Crowd(step)
    for lesson in lessons(900_000 + step, known=KNOWN, strange=0, step=20_000):
        pixels, something = crowd.pictures(CROWD)
        where = torch.where(something, guide.KINDS - 2, guide.KINDS - 1)
        yield Lesson(
            torch.cat([lesson.pixels, pixels]), torch.cat([lesson.where, where]), lesson.scenes
        )


def train(*, more: bool = True) -> BlipForConditionalGeneration:
    """The packaged captioner, refined (averaged weights)."""
    torch.manual_seed(5)
    tokenizer = new_tokenizer()
    learner = Learner(tokenizer)
    given = BlipForConditionalGeneration.from_pretrained(
        bundled_folder(MINI.captioner), dtype=torch.float32
    )
    learner.blip.load_state_dict(given.state_dict())
    run = Training(
        "captioner-refined",
        learner,
        optimisers(learner, muon_lr=1.6e-3, adam_lr=5e-4, decay=0.02),
        steps=STEPS,
        warmup=100,
        cooldown=0.7,
        average=0.99,
    )
    if not more or run.step >= run.steps:
        return run.averaged.blip
    teacher = guide.train(more=False).eval()
    for lesson in _lessons(run.step):
        # The helpers begin from nothing: the tower waits until they are worth listening to.
        learner.blip.requires_grad_(run.step >= 80)
        cells = lesson.where[0].numel()
        share = 0.6 if run.rate() > 0.3 else 0.9
        kept = torch.rand(len(lesson.pixels), cells).argsort(1)[:, : round(share * cells)]
        losses = lesson_losses(learner, teacher, lesson, tokens_of(tokenizer, lesson.scenes), kept)
        run.update(
            losses["text"]
            + 0.3 * losses["helpers"]
            + losses["patches"]
            + losses["felt"]
            + losses["agrees"]
        )
        run.report(20, 100, **{k: float(v.detach()) for k, v in losses.items()})
        if run.step >= run.steps:
            break
    return run.averaged.blip


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
