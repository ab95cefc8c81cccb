"""Wild pictures without end, drawn by a process of their own while the model learns.

Most show the things of the mini world; some show strangers, everything else the training styles
draw. No caption names those, but eyes that tell a thousand things apart meet a new drawing of a cat
with less surprise.
"""

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from training.lexicon import COLOURS, THINGS
from training.wild import pool, strangers, wild_picture
from training.world import SIZE, Scene, random_scene

CELL = 16
"""Side of the squares a picture is divided into when asked what is where, in pixels."""
VARIANTS, STRANGE_VARIANTS = 24, 8


@dataclass(frozen=True)
class Lesson:
    """Pictures (n, 3, 128, 128) in [-1, 1] and what each cell of them shows, (n, 8, 8).

    ``scenes`` tells of the first pictures; strangers are shown on the others. Cells hold indices of
    ``THINGS``, then of the strangers; ``the number after the last`` where nothing is.
    """

    pixels: Tensor
    where: Tensor
    scenes: list[Scene]


class Lessons(IterableDataset[Lesson]):
    def __init__(self, seed: int, *, known: int, strange: int, step: int) -> None:
        self.seed, self.known, self.strange, self.step = seed, known, strange, step

    def __iter__(self) -> Iterator[Lesson]:
        torch.set_num_threads(1)
        signal.signal(signal.SIGTERM, _not_yet)
        rng = random.Random(self.seed)
        glyphs = [*pool(VARIANTS), *strangers(STRANGE_VARIANTS)]
        step = self.step
        while True:
            # Easy first: neat pictures of mostly single things, then wilder and fuller ones.
            wildness = min(0.75, 0.2 + step / 2500)
            scenes = [random_scene(rng, alone=0.3, pairs=0.35) for _ in range(self.known)]
            scenes = [
                Scene(s.things[:1], 1, s.colour) if rng.random() > wildness + step / 4000 else s
                for s in scenes
            ]
            shown = scenes + [_strange_scene(rng, len(glyphs)) for _ in range(self.strange)]
            where = np.full((len(shown), SIZE // CELL, SIZE // CELL), len(glyphs))
            pictures = [
                wild_picture(s, glyphs, rng, wild=float(rng.random() < wildness), where=cells)
                for s, cells in zip(shown, where, strict=True)
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(p) for p in pictures]))
            yield Lesson(pixels.permute(0, 3, 1, 2), torch.from_numpy(where), scenes)
            step += 1


def _not_yet(*_: object) -> None:
    """Asked to end together with the trainer, which saves first: the second time it is meant."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _strange_scene(rng: random.Random, kinds: int) -> Scene:
    scene = random_scene(rng, alone=0.3, pairs=0.5)
    things = rng.sample(range(len(THINGS), kinds), len(scene.things))
    return Scene(tuple(things), scene.count, rng.randrange(len(COLOURS)))


def lessons(seed: int, *, known: int, strange: int, step: int = 0) -> Iterator[Lesson]:
    """Pictures of the things, ``known`` a lesson, and after them ``strange`` of strangers."""
    made = Lessons(seed, known=known, strange=strange, step=step)
    for lesson in DataLoader(made, batch_size=None, num_workers=1, prefetch_factor=4):
        yield Lesson(lesson.pixels.float() / 127.5 - 1, lesson.where.long(), lesson.scenes)
