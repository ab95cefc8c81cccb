"""An endless dataset of augmented pictures for the captioner, rendered in a worker process.

Most pictures show things of the mini set; the others show emoji that no caption names. Telling a
thousand kinds apart makes the vision encoder generalise better to new drawings.
"""

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from training.augment import other_glyphs, render_augmented, thing_glyphs
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene, random_scene

CELL_PX = 16
"""Side of a cell of the label maps, in pixels."""
VARIANTS, OTHER_VARIANTS = 140, 24
"""Variants of each thing and of each other emoji, in all styles together."""


@dataclass(frozen=True)
class Batch:
    """Pictures and their label maps.

    Attributes:
        pixels: (n, 3, 128, 128) in [-1, 1].
        labels: what covers each cell, (n, 8, 8): an index of ``THINGS``, then of the other emoji;
            the next index is background.
        scenes: those of the first pictures; the remaining pictures show other emoji.
    """

    pixels: Tensor
    labels: Tensor
    scenes: list[Scene]


class CaptionerDataset(IterableDataset[Batch]):
    """Batches of ``known`` pictures of things and ``other`` pictures of other emoji.

    Args:
        seed: of everything random.
        known: pictures of things per batch.
        other: pictures of other emoji per batch.
        step: where the curriculum starts, in batches.
    """

    def __init__(self, seed: int, *, known: int, other: int, step: int) -> None:
        self.seed, self.known, self.other, self.step = seed, known, other, step

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        signal.signal(signal.SIGTERM, _ignore_once)
        rng = random.Random(self.seed)
        glyphs = [*thing_glyphs(VARIANTS), *other_glyphs(OTHER_VARIANTS)]
        step = self.step
        while True:
            # Curriculum: first plain pictures of mostly single things, then harder ones.
            difficulty = min(0.75, 0.2 + step / 2500)
            scenes = [random_scene(rng, alone=0.3, pairs=0.35) for _ in range(self.known)]
            scenes = [
                Scene(s.things[:1], 1, s.colour) if rng.random() > difficulty + step / 4000 else s
                for s in scenes
            ]
            others = [_other_scene(rng, len(glyphs)) for _ in range(self.other)]
            labels = np.full(
                (self.known + self.other, SIZE // CELL_PX, SIZE // CELL_PX), len(glyphs)
            )
            pictures = [
                render_augmented(
                    s, glyphs, rng, strength=float(rng.random() < difficulty), labels=cells
                )
                for s, cells in zip(scenes + others, labels, strict=True)
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(p) for p in pictures]))
            yield Batch(pixels.permute(0, 3, 1, 2), torch.from_numpy(labels), scenes)
            step += 1


def _ignore_once(*_: object) -> None:
    """Ignore the first SIGTERM: the trainer receives it too, and must save its checkpoint first."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _other_scene(rng: random.Random, kinds: int) -> Scene:
    scene = random_scene(rng, alone=0.3, pairs=0.5)
    things = rng.sample(range(len(THINGS), kinds), len(scene.things))
    return Scene(tuple(things), scene.count, rng.randrange(len(COLOURS)))


def batches(seed: int, *, known: int, other: int, step: int = 0) -> Iterator[Batch]:
    """Load batches in a worker process; the arguments are those of :class:`CaptionerDataset`."""
    dataset = CaptionerDataset(seed, known=known, other=other, step=step)
    for batch in DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=4):
        yield Batch(batch.pixels.float() / 127.5 - 1, batch.labels.long(), batch.scenes)
