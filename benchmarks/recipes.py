"""Measure the quality of the recipes with the trained mini painter.

``python -m benchmarks.recipes`` paints every thing of the mini set with each recipe and the same
seeds, names the pictures with the classifier and the captioner, and compares them with the faithful
ones. Writes ``docs/recipes.json`` and a contact sheet, ``docs/recipes.png``.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.psnr import psnr
from PIL import Image
from training import classifier
from training.evaluate import mentions
from training.grammar import caption
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene

from marsam import CaptionOptions, Recipe, Studio
from marsam.recipes import SamplingConfig, recipes
from marsam.stages.painter import DiffusionPainter, _scheduler

DOCS = Path(__file__).parents[1] / "docs"
SHEET_COLUMNS = 12
BATCH_SIZE = 16


def paint(studio: Studio, sampling: SamplingConfig, scenes: list[Scene]) -> list[Image.Image]:
    """Paint one picture per scene; the seed is the scene's index.

    Batches of 16 are several times faster; the pictures differ from single ones only by rounding in
    bfloat16.
    """
    painter = studio.painter
    assert isinstance(painter, DiffusionPainter)
    pipe, default_scheduler, lora = painter._loaded
    if lora is not None:
        lora.fuse(sampling.adapter)
    guidance = painter.guidance_scale if sampling.classifier_free_guidance else 1.0
    pictures = []
    for start in range(0, len(scenes), BATCH_SIZE):
        batch = scenes[start : start + BATCH_SIZE]
        pipe.scheduler = _scheduler(pipe, sampling, default_scheduler)
        with torch.inference_mode():
            pictures += pipe(
                [caption(scene) for scene in batch],
                num_inference_steps=sampling.steps,
                timesteps=None if sampling.timestep is None else [sampling.timestep],
                guidance_scale=guidance,
                generator=[
                    torch.Generator("cpu").manual_seed(start + i) for i in range(len(batch))
                ],
            ).images
    return pictures


def quality(
    studio: Studio, pictures: list[Image.Image], faithful: list[Image.Image], scenes: list[Scene]
) -> dict[str, Any]:
    """Accuracy of the pictures by three measures, and their PSNR to the faithful ones."""
    predicted = classifier.predict(classifier.train(resume=False), pictures)
    captions = [studio.captioner.caption(p, CaptionOptions())[0].text for p in pictures]
    decibels = [psnr(p, f) for p, f in zip(pictures, faithful, strict=True)]
    rows = list(zip(pictures, predicted, captions, scenes, strict=True))
    return {
        "classifier": float(np.mean([thing == s.things[0] for _, thing, _, s in rows])),
        "captioner": float(np.mean([mentions(text, s.things[0]) for _, _, text, s in rows])),
        "background": float(
            np.mean([classifier.background_colour(p) == s.colour for p, _, _, s in rows])
        ),
        "psnr_to_faithful": (
            round(float(np.median(decibels)), 1) if np.isfinite(decibels).all() else None
        ),
        "pictures": len(pictures),
    }


def main(pictures_per_thing: int = 8) -> None:
    """Measure all recipes; with fewer than 8 pictures per thing two points are within the noise."""
    studio = Studio.load("mini")
    rng = random.Random(7)
    things = [Scene((thing,), 1, rng.randrange(len(COLOURS))) for thing in range(len(THINGS))]
    scenes = [scene for scene in things for _ in range(pictures_per_thing)]
    painter = studio.painter
    assert isinstance(painter, DiffusionPainter)
    samplings = recipes(painter.adapters)
    faithful = paint(studio, samplings[Recipe.FAITHFUL], scenes)
    results: dict[str, Any] = {}
    rows = []
    for recipe in reversed(samplings):
        is_faithful = recipe is Recipe.FAITHFUL
        pictures = faithful if is_faithful else paint(studio, samplings[recipe], scenes)
        results[recipe] = quality(studio, pictures, faithful, scenes)
        rows.append(pictures[:: max(1, len(pictures) // SHEET_COLUMNS)][:SHEET_COLUMNS])
        print(recipe, results[recipe], flush=True)
    sheet = Image.new("RGB", (SHEET_COLUMNS * (SIZE + 4), len(rows) * (SIZE + 4)), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * (SIZE + 4) + 2, y * (SIZE + 4) + 2))
    sheet.quantize(200).save(DOCS / "recipes.png", optimize=True)
    (DOCS / "recipes.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
