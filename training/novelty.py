"""The limits of the captioner's novelty detector (``marsam.stages.novelty``).

The lowest score of a caption that is trusted is set on drawings that the captioner was not trained
on (``VALIDATION_SET``). Photographs are of packages that carry them freely; half of the files may
be looked at here, the other half is for the evaluation.
"""

import hashlib
import random
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from marsam import CaptionOptions
from marsam.device import choose_device
from marsam.hub.catalog import MINI, bundled_folder
from marsam.imaging.image_io import is_uniform
from marsam.stages.captioner import BlipCaptioner
from marsam.stages.novelty import NoveltyDetector, plain_border
from training import drawings
from training.augment import GLYPH_PX, render_augmented
from training.lexicon import COLOURS
from training.scenes import SIZE, Scene
from training.workspace import WORKSPACE

PHOTOGRAPHS = WORKSPACE / "photographs"
"""Photographs from scikit-image, scikit-learn and Debian's packages of wallpapers."""
MIN_PLAIN_BORDER = 0.85
"""Of 1,500 pictures of the things, none had less than 0.8; of 600 photographs, 96 percent."""
MAX_FALSE_ALARMS = 0.08
"""The share of right captions of the calibration style that may be flagged."""


@lru_cache
def photographs(*, held_out: bool) -> tuple[Path, ...]:
    """The files of one half, which is chosen by their names."""
    files = sorted(
        path
        for path in PHOTOGRAPHS.rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
        and path.stat().st_size > 15_000
    )

    def is_held_out(path: Path) -> bool:
        # All sizes of a wallpaper are in one folder, and belong to the same half.
        name = path.relative_to(PHOTOGRAPHS).parent if path.stem[0].isdigit() else path.stem
        return hashlib.sha256(str(name).encode()).digest()[0] % 2 == 0

    return tuple(path for path in files if is_held_out(path) is held_out)


@lru_cache(maxsize=400)
def _photograph(path: Path) -> Image.Image:
    image = Image.open(path).convert("RGB")
    image.thumbnail((1024, 1024))
    return image


def photograph_crop(path: Path, rng: random.Random) -> Image.Image:
    """A square crop of a photograph, 128×128 RGB."""
    image = _photograph(path)
    side = round(min(image.size) * rng.uniform(0.3, 1.0))
    x, y = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
    return image.crop((x, y, x + side, y + side)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)


class Reader:
    """An exported captioner: plain shares of the border, captions and scores of pictures."""

    def __init__(self, folder: Path) -> None:
        self.captioner = BlipCaptioner(folder, device=choose_device("cpu"))
        self.captioner.__dict__["_novelty"] = None  # the one to be replaced

    def borders(self, pictures: Sequence[Image.Image]) -> Tensor:
        images = self.captioner._loaded[1]
        return plain_border(images(images=list(pictures), return_tensors="pt").pixel_values)

    def read(self, pictures: Sequence[Image.Image]) -> list[tuple[str, float]]:
        """The best caption of each picture and its score."""
        found = self.captioner.caption_many(pictures, CaptionOptions())
        return [(candidates[0].text, candidates[0].score) for candidates in found]


def style_pictures(style: str, rng: random.Random, each: int) -> list[tuple[int, Image.Image]]:
    """Pictures of every thing of a style alone, unchanged, with the index of the thing."""
    pictures = []
    for thing, drawing in enumerate(drawings.load(style)):
        if drawing is None:
            continue
        glyph = np.asarray(drawing.render(GLYPH_PX))[None]
        for colour in rng.sample(range(len(COLOURS)), each):
            scene = Scene((0,), 1, colour)
            pictures.append((thing, render_augmented(scene, [glyph], rng, strength=0)))
    return pictures


def calibrate(folder: Path, style: str) -> NoveltyDetector:
    """The limits that flag ``MAX_FALSE_ALARMS`` of a style's right captions."""
    from training.evaluate import mentions

    reader, rng = Reader(folder), random.Random(11)
    things, pictures = zip(*style_pictures(style, rng, 6), strict=True)
    captions = reader.read(pictures)
    right = torch.tensor([mentions(text, t) for t, (text, _) in zip(things, captions, strict=True)])
    scores = torch.tensor([score for _, score in captions])
    detector = NoveltyDetector(MIN_PLAIN_BORDER, float(scores[right].quantile(MAX_FALSE_ALARMS)))
    files = photographs(held_out=False)
    crops = [photograph_crop(files[i % len(files)], rng) for i in range(300)]
    crops = [crop for crop in crops if not is_uniform(crop)]  # these have a notice of their own
    rows = zip(reader.borders(crops).tolist(), reader.read(crops), strict=True)
    flagged = sum(detector.is_outside(border, score) for border, (_, score) in rows)
    of_wrong = (scores[~right] < detector.min_score).float().mean()
    print(
        f"{detector}; {style}: {float(right.float().mean()):.1%} right, {float(of_wrong):.1%} of "
        f"wrong captions flagged; photographs: {flagged / len(crops):.1%}",
        flush=True,
    )
    return detector


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    bundled = bundled_folder(MINI.captioner)
    calibrate(bundled, drawings.VALIDATION_SET.name).save(bundled)
