"""The figures of the mini set, measured through the package on pictures and words it never saw.

``python -m training.evaluate`` prints them and writes ``docs/mini.json`` and the contact sheets.
"""

import json
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Studio, TranslateOptions
from marsam.results import Picture
from marsam.text.fidelity import compare
from training import drawings, judge
from training.grammar import caption
from training.lexicon import COLOURS, THINGS
from training.translator import ARABIC, ENGLISH, Pair, name_pairs, random_pair
from training.wild import GLYPH, wild_picture
from training.world import SIZE, Scene, random_scene, tidy_picture

DOCS = Path(__file__).parents[1] / "docs"
# Where the painter's world puts two or three things, and where it then puts nothing.
PLACES = {
    2: (((0, 32, 64, 96), (64, 32, 128, 96)), ((0, 0, 128, 20), (0, 108, 128, 128))),
    3: (
        ((32, 0, 96, 64), (0, 64, 64, 128), (64, 64, 128, 128)),
        ((0, 0, 28, 60), (100, 0, 128, 60)),
    ),
}
GOALS = {
    "captioner_training_styles": 0.97,
    "captioner_unseen_style": 0.80,
    "translator_to_arabic": 0.995,
    "translator_to_english": 0.995,
    "translator_names": 0.995,
    "painter_things": 0.85,
    "painter_backgrounds": 0.98,
    "painter_pairs_and_counts": 0.60,
}


def _glyphs(style: str) -> np.ndarray:
    """The plain drawings of a style, (things, 1, GLYPH, GLYPH, 4); blank where it has none."""
    blank = Image.new("RGBA", (GLYPH, GLYPH))
    return np.stack(
        [
            np.asarray(drawing.render(GLYPH) if drawing else blank)[None]
            for drawing in drawings.load(style)
        ]
    )


def _says(text: str, scene: Scene) -> bool:
    """Whether a caption names everything, the count and the background; pairs in either order."""
    turned = Scene(scene.things[::-1], scene.count, scene.colour)
    return text in (caption(scene), caption(turned))


def names(text: str, thing: int) -> bool:
    wordings = [noun.en for noun in THINGS[thing].nouns] + [en for en, _ in THINGS[thing].synonyms]
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in wordings)


def captioner_training_styles(studio: Studio, seed: int, count: int = 600) -> dict[str, Any]:
    rng = random.Random(seed)
    plain = np.concatenate([_glyphs(style) for style in drawings.TRAINING_STYLES], axis=1)
    wrong: list[str] = []
    for _ in range(count):
        scene = random_scene(rng)
        said = studio.captioner.caption(wild_picture(scene, plain, rng, wild=0), CaptionOptions())[
            0
        ].text
        if not _says(said, scene):
            wrong.append(f"{caption(scene)} → {said}")
    return {"right": 1 - len(wrong) / count, "of": count, "wrong": wrong[:40]}


def captioner_unseen_style(studio: Studio, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    plain = _glyphs(drawings.JUDGING_SET.name)
    wrong: list[str] = []
    asked = 0
    for thing, drawing in enumerate(drawings.load(drawings.JUDGING_SET.name)):
        if drawing is None:
            continue
        for colour in rng.sample(range(len(COLOURS)), 4):
            scene = Scene((thing,), 1, colour)
            picture = wild_picture(scene, plain, rng, wild=0)
            said = studio.captioner.caption(picture, CaptionOptions())[0].text
            asked += 1
            if not names(said, thing):
                wrong.append(f"{caption(scene)} → {said}")
    return {"right": 1 - len(wrong) / asked, "of": asked, "wrong": wrong}


def _translated(studio: Studio, pairs: list[Pair]) -> dict[str, Any]:
    wrong: list[str] = []
    for pair in pairs:
        said = studio.translator.translate(
            pair.text, TranslateOptions(source=pair.source, target=pair.target)
        ).text
        if said != pair.answer:
            wrong.append(f"{pair.text} → {said} (not {pair.answer})")
    return {"right": 1 - len(wrong) / len(pairs), "of": len(pairs), "wrong": wrong[:40]}


def _unseen(seed: int, source: str, count: int = 2000) -> list[Pair]:
    """Sentences never trained on, as people type them; a quarter of the Arabic with its marks."""
    rng = random.Random(seed)
    pairs: dict[str, Pair] = {}
    while len(pairs) < count:
        pair = random_pair(rng, unseen=True)
        if pair.source == source:
            if source == ARABIC and rng.random() < 0.25:
                pair = replace(pair, text=_marked(pair.text, rng))
            pairs.setdefault(pair.text, pair)
    return list(pairs.values())


def _marked(text: str, rng: random.Random) -> str:
    """Arabic with vowel marks and tatweel here and there; not as grammar has it, but as noise."""
    marks = "\u064e\u064f\u0650\u0652\u0651\u0640"
    return "".join(
        letter + rng.choice(marks)
        if "\u0621" <= letter <= "\u064a" and rng.random() < 0.3
        else letter
        for letter in text
    )


def _painted(studio: Studio, prompt: str, pictures: int, seed: int) -> list[Picture]:
    options = PaintOptions(pictures=pictures, seed=seed)
    return [e.picture for e in studio.painter.paint(prompt, options) if isinstance(e, Painted)]


def _sheet(pictures: list[Image.Image], columns: int, path: Path) -> None:
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (SIZE + 4), rows * (SIZE + 4)), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % columns * (SIZE + 4) + 2, i // columns * (SIZE + 4) + 2))
    sheet.save(path, optimize=True)


def painter_things(studio: Studio, seed: int, each: int = 4) -> dict[str, Any]:
    critic = judge.train()
    rng = random.Random(seed)
    wrong: list[str] = []
    grounds = 0
    shown: list[Image.Image] = []
    for thing in range(len(THINGS)):
        colour = rng.randrange(len(COLOURS))
        prompt = caption(Scene((thing,), 1, colour))
        images = [p.image for p in _painted(studio, prompt, each, seed) if p.image]
        shown.append(images[0])
        grounds += sum(judge.background(image) == colour for image in images)
        for named in judge.names(critic, images):
            if named != thing:
                wrong.append(f"{prompt}: {THINGS[named].name}")
    asked = len(THINGS) * each
    _sheet(shown, 12, DOCS / "mini-things.png")
    return {
        "right": 1 - len(wrong) / asked,
        "backgrounds": grounds / asked,
        "of": asked,
        "wrong": wrong,
    }


def painter_pairs_and_counts(studio: Studio, seed: int, count: int = 200) -> dict[str, Any]:
    """Two or three things, each looked at alone by the judge; and all read back by the captioner.

    Right by the judge: every place of the layout shows the thing asked for, no other place shows
    anything, and the background is right.
    """
    critic = judge.train()
    rng = random.Random(seed)
    wrong: list[str] = []
    read = 0
    shown: list[Image.Image] = []
    for i in range(count):
        scene = random_scene(rng)
        while len(scene.things) == 1 and scene.count == 1:
            scene = random_scene(rng)
        image = _painted(studio, caption(scene), 1, seed + i)[0].image
        if image is None:
            continue
        shown.append(image)
        said = studio.captioner.caption(image, CaptionOptions())[0].text
        read += _says(said, scene)
        asked = scene.things * scene.count
        things, empty = PLACES[len(asked)]
        named = judge.names(critic, [image.crop(place) for place in things])
        bare = all(judge.background(image.crop(place)) == scene.colour for place in empty)
        ground = judge.background(image) == scene.colour
        if tuple(named) != asked or not bare or not ground:
            seen = ", ".join(THINGS[thing].name for thing in named)
            wrong.append(f"{caption(scene)}: {seen}" + ("" if bare and ground else " (background)"))
    _sheet(shown[:48], 12, DOCS / "mini-pairs.png")
    return {
        "right": 1 - len(wrong) / count,
        "by_captioner": read / count,
        "of": count,
        "wrong": wrong[:60],
    }


def fidelity_agreement(studio: Studio, seed: int, count: int = 400) -> dict[str, Any]:
    """How often the fidelity hint is right, on pictures of which the truth is known.

    Half of the prompts are true of their picture; the others name another thing, another count or
    another background.
    """
    rng = random.Random(seed)
    wrong: list[str] = []
    agreed = {"right": 0, "wrong": 0}
    for i in range(count):
        scene = random_scene(rng)
        picture = tidy_picture(scene, rng)
        kind = "wrong" if i % 2 else "right"
        asked = _spoilt(scene, rng) if i % 2 else scene
        seen = studio.captioner.caption(picture, CaptionOptions(beams=1))[0].text
        hint = compare(caption(asked), seen)
        if (hint.score == 1) is (kind == "right"):
            agreed[kind] += 1
        else:
            wrong.append(f"{kind} prompt {caption(asked)!r}, seen {seen!r}: {hint.score:.2f}")
    half = count // 2
    return {
        "right": sum(agreed.values()) / count,
        "on_right_pictures": agreed["right"] / half,
        "on_wrong_pictures": agreed["wrong"] / half,
        "of": count,
        "wrong": wrong[:40],
    }


def _spoilt(scene: Scene, rng: random.Random) -> Scene:
    kind = rng.choice(("thing", "count", "colour"))
    if kind == "colour":
        others = [c for c in range(len(COLOURS)) if c != scene.colour]
        return Scene(scene.things, scene.count, rng.choice(others))
    if kind == "count" and len(scene.things) == 1:
        others = [n for n in (1, 2, 3) if n != scene.count]
        return Scene(scene.things, rng.choice(others), scene.colour)
    others = [t for t in range(len(THINGS)) if t not in scene.things]
    return Scene((rng.choice(others), *scene.things[1:]), scene.count, scene.colour)


def judge_on_drawings(seed: int, count: int = 500) -> dict[str, Any]:
    """How far the judge itself can be trusted: fresh real drawings in the painter's style."""
    critic = judge.train()
    rng = random.Random(seed)
    scenes = [
        Scene((rng.randrange(len(THINGS)),), 1, rng.randrange(len(COLOURS))) for _ in range(count)
    ]
    pictures = [tidy_picture(scene, rng) for scene in scenes]
    named = judge.names(critic, pictures)
    right = sum(n == s.things[0] for n, s in zip(named, scenes, strict=True))
    grounds = sum(judge.background(p) == s.colour for p, s in zip(pictures, scenes, strict=True))
    return {"right": right / count, "backgrounds": grounds / count, "of": count}


def whole_job(studio: Studio, runs: int = 5) -> dict[str, Any]:
    """Seconds for a picture in, both captions and four pictures out, models loaded."""
    from marsam.web.layout import EXAMPLES

    studio.run(EXAMPLES[1], pictures=1, seed=0)
    times = []
    for i in range(runs):
        started = time.monotonic()
        studio.run(EXAMPLES[i % 3], pictures=4, seed=i)
        times.append(time.monotonic() - started)
    return {"seconds": sorted(times)[runs // 2], "threads": torch.get_num_threads()}


def main(wanted: list[str], seed: int = 20_000) -> None:
    studio = Studio.load("mini")
    to_do: dict[str, Callable[[], dict[str, Any]]] = {
        "captioner_training_styles": lambda: captioner_training_styles(studio, seed),
        "captioner_unseen_style": lambda: captioner_unseen_style(studio, seed),
        "translator_to_arabic": lambda: _translated(studio, _unseen(seed, ENGLISH)),
        "translator_to_english": lambda: _translated(studio, _unseen(seed, ARABIC)),
        "translator_names": lambda: _translated(studio, name_pairs()),
        "fidelity_agreement": lambda: fidelity_agreement(studio, seed),
        "judge_on_drawings": lambda: judge_on_drawings(seed),
        "painter_things": lambda: painter_things(studio, seed),
        "painter_pairs_and_counts": lambda: painter_pairs_and_counts(studio, seed),
        "whole_job": lambda: whole_job(studio),
    }
    for name in wanted or list(to_do):
        figure = to_do[name]()
        short = {k: v for k, v in figure.items() if k != "wrong"}
        print(name, short, f"(goal {GOALS[name]})" if name in GOALS else "", flush=True)
        for line in figure.get("wrong", [])[:12]:
            print("   ", line)
        _write_down(name, figure)


def _write_down(name: str, figure: dict[str, Any]) -> None:
    """Beside what is there by now: figures may be measured side by side."""
    path = DOCS / "mini.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    figures[name] = figure
    path.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
