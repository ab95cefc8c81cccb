"""The captioner's novelty detector: trained on what is outside of its world, too.

Inside are pictures of the things, augmented as for the captioner; outside are crops of photographs,
other emoji, and generated noise, textures and shapes. Photographs are of packages that carry them
freely: half of the files teach, the other half are for evaluation. The threshold of the caption's
score is set on drawings that the captioner was not trained on (``VALIDATION_SET``).
"""

import hashlib
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn

from marsam import CaptionOptions
from marsam.device import choose_device
from marsam.hub.catalog import MINI, bundled_folder
from marsam.stages.captioner import BlipCaptioner
from marsam.stages.novelty import FILE_NAME, pooled
from training import drawings
from training.augment import GLYPH_PX, other_glyphs, render_augmented, thing_glyphs
from training.dataset import OTHER_VARIANTS, VARIANTS
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene, random_scene, render_scene
from training.workspace import WORKSPACE

PHOTOGRAPHS = WORKSPACE / "photographs"
"""Photographs from scikit-image, scikit-learn and Debian's packages of wallpapers."""
HIDDEN_DIM, STEPS, BATCH_SIZE = 48, 3000, 256
INSIDE, OUTSIDE = 6000, 6000
"""Pictures of each kind to train on."""
MAX_FALSE_ALARMS = 0.08
"""The share of right captions of the calibration style that may be flagged."""


class Thresholds(NamedTuple):
    """An image is outside above this logit, or below this score of its caption."""

    logit: float
    score: float


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


def _noise(rng: random.Random) -> Image.Image:
    """Noise of one scale, or of several, in colour or grey."""
    generator = np.random.default_rng(rng.getrandbits(32))
    total = np.zeros((SIZE, SIZE, 3))
    for _ in range(rng.randint(1, 4)):
        cells = rng.choice((2, 4, 8, 16, 32, 64, 128))
        grid = generator.uniform(0, 255, (cells, cells, 3)).astype(np.uint8)
        scaled = Image.fromarray(grid).resize((SIZE, SIZE), rng.choice((2, 0, 3)))
        total += np.asarray(scaled) * rng.random()
    total = (total - total.min()) / max(np.ptp(total), 1) * 255
    image = Image.fromarray(total.astype(np.uint8))
    return image.convert("L").convert("RGB") if rng.random() < 0.3 else image


def _shapes(rng: random.Random) -> Image.Image:
    """Random lines, rectangles, ellipses or text-like marks; a plain background has none."""
    image = Image.new("RGB", (SIZE, SIZE), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    kind = rng.choice(("lines", "boxes", "ellipses", "text", "stripes", "plain"))
    for i in range(0 if kind == "plain" else rng.randint(3, 40)):
        x, y = rng.randrange(SIZE), rng.randrange(SIZE)
        w, h = rng.randint(2, 60), rng.randint(2, 60)
        fill = tuple(rng.randrange(256) for _ in range(3))
        if kind == "lines":
            draw.line((x, y, x + w, y + h - 30), fill, rng.randint(1, 5))
        elif kind == "boxes":
            draw.rectangle((x, y, x + w, y + h), fill)
        elif kind == "ellipses":
            draw.ellipse((x, y, x + w, y + h), fill)
        elif kind == "stripes":
            draw.rectangle((0, i * 9, SIZE, i * 9 + rng.randint(1, 6)), fill)
        else:
            draw.rectangle((x, y // 10 * 10, x + rng.randint(1, 9), y // 10 * 10 + 6), fill)
    return (
        image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3))) if rng.random() < 0.3 else image
    )


def outside_pictures(rng: random.Random) -> Iterator[Image.Image]:
    """Endless pictures of nothing that the captioner knows."""
    others = other_glyphs(OTHER_VARIANTS)
    glyphs = [*np.empty((len(THINGS), 0)), *others]
    files = photographs(held_out=False)
    while True:
        kind = rng.random()
        if kind < 0.45:
            yield photograph_crop(rng.choice(files), rng)
        elif kind < 0.75:
            scene = random_scene(rng, alone=0.7, pairs=0.2)
            kinds = rng.sample(range(len(THINGS), len(glyphs)), len(scene.things))
            scene = Scene(tuple(kinds), scene.count, scene.colour)
            yield render_augmented(scene, glyphs, rng, strength=float(rng.random() < 0.6))
        elif kind < 0.88:
            yield _noise(rng)
        else:
            yield _shapes(rng)


def inside_pictures(rng: random.Random) -> Iterator[Image.Image]:
    """Endless pictures of the things, as in the captioner's training and as the painter draws."""
    glyphs = thing_glyphs(VARIANTS)
    while True:
        scene = random_scene(rng)
        if rng.random() < 0.25:
            yield render_scene(scene, rng)
        else:
            yield render_augmented(scene, glyphs, rng, strength=float(rng.random() < 0.7))


class Reader:
    """The exported captioner: pooled hidden states, captions and scores of pictures."""

    def __init__(self, folder: Path) -> None:
        self.captioner = BlipCaptioner(folder, device=choose_device("cpu"))
        self.captioner.__dict__["_novelty"] = None  # the one to be replaced

    @torch.inference_mode()
    def features(self, pictures: Sequence[Image.Image]) -> Tensor:
        model, images, _, _ = self.captioner._loaded
        pixels = images(images=list(pictures), return_tensors="pt").pixel_values
        return pooled(model.vision_model(pixels)[0])

    def read(self, pictures: Sequence[Image.Image]) -> list[tuple[str, float]]:
        """The best caption of each picture and its score."""
        found = self.captioner.caption_many(pictures, CaptionOptions())
        return [(candidates[0].text, candidates[0].score) for candidates in found]


def _features(reader: Reader, pictures: Iterator[Image.Image], count: int) -> Tensor:
    batches = [[next(pictures) for _ in range(50)] for _ in range(count // 50)]
    return torch.cat([reader.features(batch) for batch in batches])


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


def calibrate(reader: Reader, style: str, detector: Callable[[Tensor], Tensor]) -> Thresholds:
    """The thresholds that flag most wrong captions of a style, for ``MAX_FALSE_ALARMS`` in all.

    Photographs of the training half must stay flagged.
    """
    from training.evaluate import mentions

    rng = random.Random(11)
    things, pictures = zip(*style_pictures(style, rng, 6), strict=True)
    files = photographs(held_out=False)
    crops = [photograph_crop(files[i % len(files)], rng) for i in range(300)]
    logits, crop_logits = (
        torch.cat([detector(reader.features(some[i : i + 50])) for i in range(0, len(some), 50)])
        for some in (pictures, crops)
    )
    captions = [
        one for i in range(0, len(pictures), 50) for one in reader.read(pictures[i : i + 50])
    ]
    right = torch.tensor([mentions(text, t) for t, (text, _) in zip(things, captions, strict=True)])
    scores = torch.tensor([score for _, score in captions])
    crop_scores = torch.tensor(
        [s for i in range(0, 300, 50) for _, s in reader.read(crops[i : i + 50])]
    )
    best = (0.0, Thresholds(0.0, -10.0))
    for logit in logits.quantile(torch.linspace(0.3, 1, 141)).tolist():
        for score in scores.quantile(torch.linspace(0, 0.6, 121)).tolist():
            flagged = (logits > logit) | (scores < score)
            of_crops = ((crop_logits > logit) | (crop_scores < score)).float().mean()
            if flagged[right].float().mean() > MAX_FALSE_ALARMS or of_crops < 0.99:
                continue
            of_wrong = float(flagged[~right].float().mean())
            if of_wrong > best[0]:
                best = of_wrong, Thresholds(logit, score)
    found, thresholds = best
    print(
        f"{style}: {float(right.float().mean()):.1%} right; "
        f"{found:.1%} of {int((~right).sum())} wrong captions flagged; {thresholds}",
        flush=True,
    )
    return thresholds


def train(folder: Path, style: str) -> None:
    """Train the detector of an exported captioner, and write it into its folder."""
    torch.manual_seed(0)
    rng = random.Random(7)
    reader = Reader(folder)
    inside = _features(reader, inside_pictures(rng), INSIDE)
    outside = _features(reader, outside_pictures(rng), OUTSIDE)
    features = torch.cat([inside, outside])
    mean, scale = features.mean(0), features.std(0) + 1e-3
    features = (features - mean) / scale
    targets = torch.cat([torch.zeros(len(inside)), torch.ones(len(outside))])[:, None]
    hidden, out = nn.Linear(features.shape[1], HIDDEN_DIM), nn.Linear(HIDDEN_DIM, 1)
    model = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(0.3), out)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    for step in range(STEPS):
        rows = torch.randint(len(features), (BATCH_SIZE,))
        loss = F.binary_cross_entropy_with_logits(
            model(features[rows] + 0.1 * torch.randn(BATCH_SIZE, features.shape[1])),
            targets[rows] * 0.98 + 0.01,
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 500 == 0:
            print(step, float(loss.detach()), flush=True)
    model.eval()
    with torch.no_grad():
        thresholds = calibrate(reader, style, lambda f: model((f - mean) / scale)[:, 0])
        out.bias -= thresholds.logit
        own = (model(features[: len(inside)])[:, 0] > 0).float().mean()
        print(f"own pictures flagged: {float(own):.2%}", flush=True)
    weights = {
        "mean": mean,
        "scale": scale,
        "hidden.weight": hidden.weight,
        "hidden.bias": hidden.bias,
        "out.weight": out.weight,
        "out.bias": out.bias,
        "min_score": torch.tensor([thresholds.score]),
    }
    save_file({k: v.detach().contiguous() for k, v in weights.items()}, folder / FILE_NAME)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else bundled_folder(MINI.captioner)
    train(folder, drawings.VALIDATION_SET.name)
