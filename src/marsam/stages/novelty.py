"""Recognise images that are unlike everything a small captioner was trained on.

The bundled captioner knows 116 pictograms, and names one of them whatever it sees. Two signs tell
that an image shows none of them: its border is not plain, or the captioner is not sure of its own
words. Both limits are in a file in the captioner's folder; a captioner of the open world has none.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

FILE_NAME = "novelty.json"
BORDER_PX = 4
PLAIN_DIFFERENCE = 0.12
"""How far a plain pixel is from the median of its border, in each channel, in [-1, 1]."""


def plain_border(pixels: Tensor) -> Tensor:
    """The share of each image's border that has one colour, (n,).

    Args:
        pixels: what the captioner reads, (n, 3, height, width) in [-1, 1].
    """
    border = torch.ones(pixels.shape[-2:], dtype=torch.bool)
    border[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    frame = pixels[..., border].float()
    difference = (frame - frame.median(dim=-1, keepdim=True).values).abs().amax(1)
    return (difference <= PLAIN_DIFFERENCE).float().mean(1)


@dataclass(frozen=True)
class NoveltyDetector:
    """The limits below which an image is outside of what a captioner knows.

    Attributes:
        min_plain_border: share of the border that has one colour.
        min_score: of the best caption.
    """

    min_plain_border: float
    min_score: float

    @classmethod
    def in_folder(cls, folder: Path) -> "NoveltyDetector | None":
        """Read the limits of a captioner; None for a captioner of the open world."""
        path = folder / FILE_NAME
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def save(self, folder: Path) -> None:
        """Write the limits into the folder of a captioner."""
        text = json.dumps(vars(self), indent=2) + "\n"
        (folder / FILE_NAME).write_text(text, encoding="utf-8")

    def is_outside(self, border: float, score: float) -> bool:
        """Whether an image is outside, by the plain share of its border and its caption's score."""
        return border < self.min_plain_border or score < self.min_score
