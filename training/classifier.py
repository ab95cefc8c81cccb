"""A small classifier that names the thing in a picture, to evaluate the painter independently.

It is trained separately from the mini set, on drawings in all three training styles, with and
without augmentation.
"""

import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from training.augment import render_augmented, thing_glyphs
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene, render_scene
from training.trainer import AUTOCAST, Trainer, optimisers

BATCH_SIZE = 64
STEPS = 900
GLYPH_VARIANTS = 24


class Classifier(nn.Module):
    """A CNN from pictures (n, 3, 128, 128) in [-1, 1] to logits (n, things)."""

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
    """Pictures as (n, 3, 128, 128) in [-1, 1]."""
    stack = np.stack([np.asarray(picture.resize((SIZE, SIZE))) for picture in pictures])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(*, resume: bool = True) -> Classifier:
    """The classifier with averaged weights, trained to the end unless ``resume`` is False."""
    torch.manual_seed(1)
    classifier = Classifier()
    trainer = Trainer(
        "judge",  # the name of the checkpoint
        classifier,
        optimisers(classifier, muon_lr=3e-3, adam_lr=1e-3),
        steps=STEPS,
        ema_decay=0.99,
    )
    glyphs = thing_glyphs(GLYPH_VARIANTS)
    rng = random.Random(1000 + trainer.step)
    while resume and trainer.step < trainer.steps:
        targets = [rng.randrange(len(THINGS)) for _ in range(BATCH_SIZE)]
        scenes = [Scene((thing,), 1, rng.randrange(len(COLOURS))) for thing in targets]
        pictures = [
            render_scene(s, rng) if rng.random() < 0.4 else render_augmented(s, glyphs, rng)
            for s in scenes
        ]
        with AUTOCAST():
            logits = classifier(as_tensor(pictures)).float()
        loss = F.cross_entropy(logits, torch.tensor(targets), label_smoothing=0.05)
        trainer.update(loss)
        accuracy = float((logits.argmax(1) == torch.tensor(targets)).float().mean())
        trainer.log_and_save(100, 500, loss=float(loss.detach()), accuracy=accuracy)
    return trainer.ema_model


@torch.inference_mode()
def predict(classifier: Classifier, pictures: list[Image.Image]) -> list[int]:
    """The index of the thing in each picture."""
    return [int(i) for i in classifier(as_tensor(pictures)).argmax(1)]


def background_colour(picture: Image.Image) -> int:
    """The index of the colour nearest to the median of the picture's corners."""
    pixels = np.asarray(picture.convert("RGB").resize((SIZE, SIZE))).astype(float)
    corners = [pixels[y : y + 8, x : x + 8] for x in (0, SIZE - 8) for y in (0, SIZE - 8)]
    colour = np.median(np.concatenate([c.reshape(-1, 3) for c in corners]), axis=0)
    return int(np.argmin([np.abs(colour - np.array(c.rgb)).sum() for c in COLOURS]))


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
