"""Two small classifiers that name the thing in a picture, to evaluate the painter independently.

They are trained separately from the mini set, on drawings in all training styles, with and without
augmentation. One is a CNN, the other an MLP-Mixer (Tolstikhin et al., 2021), so that they do not
make the same errors.
"""

import random
import sys
from typing import TypeVar

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
STEPS, MIXER_STEPS = 900, 1_500
GLYPH_VARIANTS = 140
Judge = TypeVar("Judge", "Classifier", "Mixer")


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

    def features(self, pictures: Tensor) -> list[Tensor]:
        """The output of every nonlinearity but the last, with channels of unit length."""
        found, x = [], pictures
        for layer in self.body[:-3]:
            x = layer(x)
            if isinstance(layer, nn.SiLU):
                found.append(F.normalize(x, dim=1))
        return found


class MixerBlock(nn.Module):
    """Mixes the patches (n, patches, channels), then the channels."""

    def __init__(self, patches: int, channels: int) -> None:
        super().__init__()
        self.norm_patches, self.norm_channels = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.patches = nn.Sequential(nn.Linear(patches, 128), nn.GELU(), nn.Linear(128, patches))
        self.channels = nn.Sequential(nn.Linear(channels, 512), nn.GELU(), nn.Linear(512, channels))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.patches(self.norm_patches(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm_channels(x))


class Mixer(nn.Module):
    """An MLP-Mixer from pictures (n, 3, 128, 128) in [-1, 1] to logits (n, things)."""

    def __init__(self, channels: int = 192, blocks: int = 5) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, channels, 8, stride=8)
        self.blocks = nn.Sequential(
            *(MixerBlock((SIZE // 8) ** 2, channels) for _ in range(blocks))
        )
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, len(THINGS))

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.embed(pictures).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(patches)).mean(1))  # type: ignore[no-any-return]


def as_tensor(pictures: list[Image.Image]) -> Tensor:
    """Pictures as (n, 3, 128, 128) in [-1, 1]."""
    stack = np.stack([np.asarray(picture.resize((SIZE, SIZE))) for picture in pictures])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(*, resume: bool = True) -> Classifier:
    """The CNN with averaged weights, trained to the end unless ``resume`` is False."""
    torch.manual_seed(1)
    return _train("judge", Classifier(), STEPS, resume=resume)


def train_mixer(*, resume: bool = True) -> Mixer:
    """The same for the MLP-Mixer."""
    torch.manual_seed(2)
    return _train("second-judge", Mixer(), MIXER_STEPS, resume=resume)


def _train(name: str, classifier: Judge, steps: int, *, resume: bool) -> Judge:
    trainer = Trainer(
        name,
        classifier,
        optimisers(classifier, muon_lr=3e-3, adam_lr=1e-3),
        steps=steps,
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
    return trainer.ema_model  # type: ignore[return-value]


@torch.inference_mode()
def predict(classifier: nn.Module, pictures: list[Image.Image]) -> list[int]:
    """The index of the thing in each picture."""
    return [int(i) for i in classifier(as_tensor(pictures)).argmax(1)]


@torch.inference_mode()
def distances(classifier: Classifier, picture: Image.Image, others: list[Image.Image]) -> Tensor:
    """The perceptual distance of a picture to each of the others, (n,).

    As in LPIPS (Zhang et al., 2018): squared differences of features of all depths, averaged over
    the positions and summed over the channels; without its learned weights.
    """
    ours = classifier.features(as_tensor([picture]))
    theirs = classifier.features(as_tensor(others))
    layers = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(ours, theirs, strict=True)]
    return torch.stack(layers).mean(0)


def background_colour(picture: Image.Image) -> int:
    """The index of the colour nearest to the median of the picture's corners."""
    pixels = np.asarray(picture.convert("RGB").resize((SIZE, SIZE))).astype(float)
    corners = [pixels[y : y + 8, x : x + 8] for x in (0, SIZE - 8) for y in (0, SIZE - 8)]
    colour = np.median(np.concatenate([c.reshape(-1, 3) for c in corners]), axis=0)
    return int(np.argmin([np.abs(colour - np.array(c.rgb)).sum() for c in COLOURS]))


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
    train_mixer()
