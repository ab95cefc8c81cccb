"""What the recipes cost in quality, on the trained mini painter.

``python -m benchmarks.recipes`` paints every thing the mini set knows with every recipe and the
same seeds, asks the judge and the captioner what is shown, and compares with the faithful pictures.
Writes ``docs/recipes.json`` and a contact sheet of the recipes side by side.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.likeness import psnr
from PIL import Image
from training import judge
from training.evaluate import names
from training.grammar import caption
from training.lexicon import COLOURS, THINGS
from training.world import SIZE, Scene

from marsam import CaptionOptions, Recipe, Studio
from marsam.recipes import Method, recipes
from marsam.stages.painter import DiffusionPainter, _scheduler

DOCS = Path(__file__).parents[1] / "docs"
SHOWN, BATCH = 12, 16


def painted(studio: Studio, method: Method, asked: list[Scene]) -> list[Image.Image]:
    """A picture for each scene; the seed is its place.

    Sixteen at a time, which is several times faster here; alone, a picture would come out the same
    but for the rounding of bfloat16.
    """
    painter = studio.painter
    assert isinstance(painter, DiffusionPainter)
    pipe, shipped, _ = painter._loaded
    pictures = []
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        pipe.scheduler = _scheduler(pipe, method, shipped)
        with torch.inference_mode():
            pictures += pipe(
                [caption(scene) for scene in some],
                num_inference_steps=method.steps,
                guidance_scale=painter.guidance_scale,
                generator=[torch.Generator("cpu").manual_seed(start + i) for i in range(len(some))],
            ).images
    return pictures


def figures(
    studio: Studio, pictures: list[Image.Image], faithful: list[Image.Image], asked: list[Scene]
) -> dict[str, Any]:
    critic = judge.train(more=False)
    named = judge.names(critic, pictures)
    said = [studio.captioner.caption(p, CaptionOptions())[0].text for p in pictures]
    far = [psnr(p, f) for p, f in zip(pictures, faithful, strict=True)]
    return {
        "judge": float(np.mean([n == s.things[0] for n, s in zip(named, asked, strict=True)])),
        "captioner": float(
            np.mean([names(t, s.things[0]) for t, s in zip(said, asked, strict=True)])
        ),
        "backgrounds": float(
            np.mean([judge.background(p) == s.colour for p, s in zip(pictures, asked, strict=True)])
        ),
        "psnr_to_faithful": round(float(np.median(far)), 1) if np.isfinite(far).all() else None,
        "of": len(pictures),
    }


def main(each: int = 8) -> None:
    """Judge ``each`` pictures of every thing; fewer than 8 tell two points from none badly."""
    studio = Studio.load("mini")
    rng = random.Random(7)
    scenes = [Scene((thing,), 1, rng.randrange(len(COLOURS))) for thing in range(len(THINGS))]
    asked = [scene for scene in scenes for _ in range(each)]
    methods = recipes(adapter=False)
    faithful = painted(studio, methods[Recipe.FAITHFUL], asked)
    found: dict[str, Any] = {}
    rows = []
    for recipe in (Recipe.FAITHFUL, Recipe.BALANCED, Recipe.DRAFT):
        known = recipe is Recipe.FAITHFUL
        pictures = faithful if known else painted(studio, methods[recipe], asked)
        found[recipe] = figures(studio, pictures, faithful, asked)
        rows.append(pictures[:: max(1, len(pictures) // SHOWN)][:SHOWN])
        print(recipe, found[recipe], flush=True)
    sheet = Image.new("RGB", (SHOWN * (SIZE + 4), len(rows) * (SIZE + 4)), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * (SIZE + 4) + 2, y * (SIZE + 4) + 2))
    sheet.quantize(200).save(DOCS / "recipes.png", optimize=True)
    (DOCS / "recipes.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
