"""Evaluate the mini set through the package, on pictures and sentences not used in training.

``python -m training.evaluate [NAME...]`` prints the metrics and writes ``docs/mini.json`` and the
contact sheets.
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
from diffusers import StableDiffusionPipeline
from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Studio, TranslateOptions
from marsam.hub.catalog import MINI, bundled_folder
from marsam.notices import Notice
from marsam.results import Caption, Picture
from marsam.text.fidelity import compare
from marsam.text.vocabulary import ClosedVocabulary
from training import classifier, drawings
from training.augment import GLYPH_PX, render_augmented
from training.grammar import arabic, caption, english, random_sentence, vocabulary
from training.lexicon import COLOURS, THINGS
from training.novelty import photograph_crop, photographs
from training.scenes import SIZE, Scene, draw, every_placement, random_scene, render_scene
from training.translator import ARABIC, ENGLISH, Pair, is_held_out, name_pairs, random_pair

DOCS = Path(__file__).parents[1] / "docs"
CROPS = {
    2: (((0, 32, 64, 96), (64, 32, 128, 96)), ((0, 0, 128, 20), (0, 108, 128, 128))),
    3: (
        ((32, 0, 96, 64), (0, 64, 64, 128), (64, 64, 128, 128)),
        ((0, 0, 28, 60), (100, 0, 128, 60)),
    ),
}
"""Boxes of the things in pictures of two or three, and boxes that must be empty, in pixels."""
TARGETS = {
    "captioner_training_styles": 0.97,
    "captioner_unseen_style": 0.85,
    "photographs_flagged": 0.98,
    "own_world_not_flagged": 0.99,
    "wrong_captions_flagged": 0.60,
    "translator_to_arabic": 0.995,
    "translator_to_english": 0.995,
    "translator_canonical": 1.0,
    "translator_names": 0.995,
    "unknown_words_flagged": 1.0,
    "known_words_flagged": 0.0,
    "painter_things": 0.98,
    "painter_things_by_second": 0.97,
    "painter_backgrounds": 0.98,
    "painter_pairs_and_counts": 0.92,
}


def _glyphs(style: str) -> np.ndarray:
    """The unchanged drawings of a style, (things, 1, 104, 104, 4); blank where it has none."""
    blank = Image.new("RGBA", (GLYPH_PX, GLYPH_PX))
    return np.stack(
        [
            np.asarray(drawing.render(GLYPH_PX) if drawing else blank)[None]
            for drawing in drawings.load(style)
        ]
    )


def _training_glyphs() -> list[np.ndarray]:
    """For each thing its unchanged drawings in the training sets that draw in colour."""
    styles = [drawings.load(s.name) for s in drawings.TRAINING_SETS if s.colours]
    return [
        np.stack([np.asarray(drawing.render(GLYPH_PX)) for drawing in column if drawing])
        for column in zip(*styles, strict=True)
    ]


def _matches(text: str, scene: Scene) -> bool:
    """Whether a caption is exactly that of the scene; pairs in either order."""
    swapped = Scene(scene.things[::-1], scene.count, scene.colour)
    return text in (caption(scene), caption(swapped))


def mentions(text: str, thing: int) -> bool:
    """Whether a text contains a name of the thing."""
    names = [noun.en for noun in THINGS[thing].nouns] + [en for en, _ in THINGS[thing].synonyms]
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def captioner_training_styles(studio: Studio, seed: int, count: int = 600) -> dict[str, Any]:
    rng = random.Random(seed)
    plain = _training_glyphs()
    errors: list[str] = []
    for _ in range(count):
        scene = random_scene(rng)
        picture = render_augmented(scene, plain, rng, strength=0)
        text = studio.captioner.caption(picture, CaptionOptions())[0].text
        if not _matches(text, scene):
            errors.append(f"{caption(scene)} → {text}")
    return {"accuracy": 1 - len(errors) / count, "samples": count, "errors": errors[:40]}


def _unseen_style(studio: Studio, seed: int) -> tuple[list[tuple[Scene, Caption]], list[bool]]:
    """Captions of the evaluation set's drawings, and whether each names the thing."""
    rng = random.Random(seed)
    plain = _glyphs(drawings.EVALUATION_SET.name)
    found = []
    for thing, drawing in enumerate(drawings.load(drawings.EVALUATION_SET.name)):
        for colour in rng.sample(range(len(COLOURS)), 4) if drawing else ():
            scene = Scene((thing,), 1, colour)
            picture = render_augmented(scene, plain, rng, strength=0)
            found.append((scene, studio.captioner.caption(picture, CaptionOptions())[0]))
    return found, [mentions(best.text, scene.things[0]) for scene, best in found]


def captioner_unseen_style(studio: Studio, seed: int) -> dict[str, Any]:
    found, right = _unseen_style(studio, seed)
    errors = [
        f"{caption(scene)} → {best.text}"
        for (scene, best), is_right in zip(found, right, strict=True)
        if not is_right
    ]
    return {"accuracy": sum(right) / len(right), "samples": len(right), "errors": errors}


def wrong_captions_flagged(studio: Studio, seed: int) -> dict[str, Any]:
    """The share of wrong captions in the unseen style with a notice, and that of right ones."""
    found, right = _unseen_style(studio, seed)
    flagged = [Notice.OUT_OF_WORLD in best.warnings for _, best in found]
    of_right = [f for f, is_right in zip(flagged, right, strict=True) if is_right]
    of_wrong = [f for f, is_right in zip(flagged, right, strict=True) if not is_right]
    return {
        "accuracy": sum(of_wrong) / len(of_wrong),
        "right_captions_flagged": sum(of_right) / len(of_right),
        "samples": len(of_wrong),
    }


def photographs_flagged(studio: Studio, seed: int, count: int = 300) -> dict[str, Any]:
    """Crops of the photographs and textures that were not used in training.

    A crop of one colour is flagged as well: there is nothing to see in it.
    """
    rng = random.Random(seed)
    files = photographs(held_out=True)
    errors: list[str] = []
    for i in range(count):
        path = files[i % len(files)]
        best = studio.captioner.caption(photograph_crop(path, rng), CaptionOptions())[0]
        if not {Notice.OUT_OF_WORLD, Notice.NOTHING_TO_SEE}.intersection(best.warnings):
            errors.append(f"{path.name} → {best.text} ({best.score:.2f})")
    return {
        "accuracy": 1 - len(errors) / count,
        "samples": count,
        "files": len(files),
        "errors": errors,
    }


def own_world_not_flagged(studio: Studio, seed: int, count: int = 1000) -> dict[str, Any]:
    """New pictures of the things, in the painter's style and in those of the training sets."""
    rng = random.Random(seed)
    plain = _training_glyphs()
    errors: list[str] = []
    for i in range(count):
        scene = random_scene(rng)
        picture = (
            render_scene(scene, rng) if i % 2 else render_augmented(scene, plain, rng, strength=0)
        )
        best = studio.captioner.caption(picture, CaptionOptions())[0]
        if Notice.OUT_OF_WORLD in best.warnings:
            errors.append(f"{caption(scene)} → {best.text} ({best.score:.2f})")
    return {"accuracy": 1 - len(errors) / count, "samples": count, "errors": errors}


def _exact_translations(studio: Studio, pairs: list[Pair]) -> dict[str, Any]:
    errors: list[str] = []
    for pair in pairs:
        options = TranslateOptions(source=pair.source, target=pair.target)
        text = studio.translator.translate(pair.text, options).text
        if text != pair.reference:
            errors.append(f"{pair.text} → {text} (not {pair.reference})")
    return {"accuracy": 1 - len(errors) / len(pairs), "samples": len(pairs), "errors": errors[:40]}


def _held_out_pairs(seed: int, source: str, count: int = 3000) -> list[Pair]:
    """Held-out sentences in varied wording and spelling."""
    rng = random.Random(seed)
    pairs: dict[str, Pair] = {}
    while len(pairs) < count:
        pair = random_pair(rng, held_out=True)
        if pair.source == source:
            pair = replace(pair, text=_as_typed(pair.text, source, rng))
            pairs.setdefault(pair.text, pair)
    return list(pairs.values())


def _canonical_pairs(seed: int, count: int = 2000) -> list[Pair]:
    """Held-out sentences in the wording that the models write, in both directions."""
    rng = random.Random(seed)
    pairs: dict[str, Pair] = {}
    while len(pairs) < count:
        sentence = random_sentence(rng)
        en, ar = english(sentence), arabic(sentence)
        if sentence.items and is_held_out(en):
            pairs[en], pairs[ar] = Pair(en, ar, ENGLISH, ARABIC), Pair(ar, en, ARABIC, ENGLISH)
    return list(pairs.values())


def _as_typed(text: str, language: str, rng: random.Random) -> str:
    """Spell a text as people type it: capitals, hamza, taa marbuta, digits, "و " apart, marks."""
    if language == ENGLISH:
        return rng.choice((str, str, str, str.title, str.upper, str.capitalize))(text)
    if rng.random() < 0.3:
        text = re.sub(r"ة\b", "ه", text)
    if rng.random() < 0.3:
        text = text.translate(str.maketrans("أإآى", "اااي"))
    if rng.random() < 0.15:
        text = re.sub(r"اء\b", "ا", text)
    if rng.random() < 0.3:
        text = text.replace(" و", " و ")
    if rng.random() < 0.5:
        text = text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    return _with_diacritics(text, rng) if rng.random() < 0.2 else text


def unknown_words_flagged(studio: Studio, seed: int, count: int = 4000) -> dict[str, Any]:
    """Sentences in which one word was replaced by one that the mini set does not know."""
    rng = random.Random(seed)
    words = {ENGLISH: _document_words("README.md"), ARABIC: _document_words("README.ar.md")}
    known = ClosedVocabulary(vocabulary())
    for code, found in words.items():
        words[code] = [word for word in found if known.unknown_words(word, code)]
    errors: list[str] = []
    for _ in range(count):
        pair = random_pair(rng)
        parts = pair.text.split()
        word = rng.choice(words[pair.source])
        parts[rng.randrange(len(parts))] = word
        text = " ".join(parts)
        options = TranslateOptions(source=pair.source, target=pair.target)
        translation = studio.translator.translate(text, options)
        if word not in translation.unknown_words or translation.text:
            errors.append(f"{text} → {translation.text} {translation.unknown_words}")
    return {"accuracy": 1 - len(errors) / count, "samples": count, "errors": errors[:40]}


def known_words_flagged(seed: int, count: int = 20_000) -> dict[str, Any]:
    """The share of sentences of the grammar, as people type them, that are flagged by mistake."""
    rng = random.Random(seed)
    known = ClosedVocabulary(vocabulary())
    errors: list[str] = []
    for _ in range(count):
        pair = random_pair(rng)
        text = _as_typed(pair.text, pair.source, rng)
        if unknown := known.unknown_words(text, pair.source):
            errors.append(f"{text}: {unknown}")
    return {"accuracy": len(errors) / count, "samples": count, "errors": errors[:40]}


def _document_words(name: str) -> list[str]:
    """The words of three or more letters in one of the project's documents."""
    text = (DOCS.parent / name).read_text(encoding="utf-8")
    script = r"\b[a-z]{3,}\b" if name == "README.md" else r"\b[\u0621-\u064a]{3,}\b"
    return sorted(set(re.findall(script, text)))


def _with_diacritics(text: str, rng: random.Random) -> str:
    """Add random vowel marks and tatweel to Arabic text, as noise."""
    marks = "\u064e\u064f\u0650\u0652\u0651\u0640"
    return "".join(
        letter + rng.choice(marks)
        if "\u0621" <= letter <= "\u064a" and rng.random() < 0.3
        else letter
        for letter in text
    )


def _paint(studio: Studio, prompt: str, pictures: int, seed: int) -> list[Picture]:
    options = PaintOptions(pictures=pictures, seed=seed)
    return [e.picture for e in studio.painter.paint(prompt, options) if isinstance(e, Painted)]


def _save_contact_sheet(pictures: list[Image.Image], columns: int, path: Path) -> None:
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (SIZE + 4), rows * (SIZE + 4)), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (i % columns * (SIZE + 4) + 2, i // columns * (SIZE + 4) + 2))
    sheet.save(path, optimize=True)


def painter_things(studio: Studio, seed: int, pictures_per_thing: int = 4) -> dict[str, Any]:
    model, second = classifier.train(), classifier.train_mixer()
    rng = random.Random(seed)
    errors: list[str] = []
    correct_backgrounds = correct_by_second = 0
    sheet: list[Image.Image] = []
    for thing in range(len(THINGS)):
        colour = rng.randrange(len(COLOURS))
        prompt = caption(Scene((thing,), 1, colour))
        images = [p.image for p in _paint(studio, prompt, pictures_per_thing, seed) if p.image]
        sheet.append(images[0])
        correct_backgrounds += sum(
            classifier.background_colour(image) == colour for image in images
        )
        correct_by_second += classifier.predict(second, images).count(thing)
        for predicted in classifier.predict(model, images):
            if predicted != thing:
                errors.append(f"{prompt}: {THINGS[predicted].name}")
    samples = len(THINGS) * pictures_per_thing
    _save_contact_sheet(sheet, 12, DOCS / "mini-things.png")
    return {
        "accuracy": 1 - len(errors) / samples,
        "second_accuracy": correct_by_second / samples,
        "background_accuracy": correct_backgrounds / samples,
        "samples": samples,
        "errors": errors,
    }


def painter_distance(studio: Studio, seed: int) -> dict[str, Any]:
    """How far pictures are from the true drawings, relative to the VAE's own redrawing of these.

    The nearest of all ways to draw the thing counts, on the background that the painter chose.
    """
    model = classifier.train()
    pipe = StableDiffusionPipeline.from_pretrained(bundled_folder(MINI.painter))
    rng = random.Random(seed)
    painted_distances, redrawn_distances = [], []
    for thing in range(len(THINGS)):
        scene = Scene((thing,), 1, rng.randrange(len(COLOURS)))
        image = _paint(studio, caption(scene), 1, seed)[0].image
        if image is None:
            continue
        pixels = np.asarray(image)
        corners = np.concatenate([pixels[:6, :6].reshape(-1, 3), pixels[:6, -6:].reshape(-1, 3)])
        red, green, blue = (int(value) for value in np.median(corners, axis=0))
        true = [draw((red, green, blue), placed) for placed in every_placement(scene)]
        to_painted = classifier.distances(model, image, true)
        nearest = true[int(to_painted.argmin())]
        with torch.inference_mode():
            latents = pipe.vae.encode(classifier.as_tensor([nearest])).latents
            decoded = pipe.vae.decode(latents).sample[0].clamp(-1, 1)
        array = ((decoded.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        painted_distances.append(float(to_painted.min()))
        redrawn_distances.append(
            float(classifier.distances(model, Image.fromarray(array), [nearest])[0])
        )
    return {
        "ratio": float(np.median(painted_distances) / np.median(redrawn_distances)),
        "painted": float(np.median(painted_distances)),
        "redrawn": float(np.median(redrawn_distances)),
        "samples": len(painted_distances),
    }


def painter_pairs_and_counts(studio: Studio, seed: int, count: int = 200) -> dict[str, Any]:
    """Evaluate pictures of two or three things with the classifier and with the captioner.

    A picture is correct by the classifier when every box of the layout shows its thing, the boxes
    between them are empty, and the background is correct.
    """
    model = classifier.train()
    rng = random.Random(seed)
    errors: list[str] = []
    read_back = 0
    sheet: list[Image.Image] = []
    for i in range(count):
        scene = random_scene(rng)
        while len(scene.things) == 1 and scene.count == 1:
            scene = random_scene(rng)
        image = _paint(studio, caption(scene), 1, seed + i)[0].image
        if image is None:
            continue
        sheet.append(image)
        text = studio.captioner.caption(image, CaptionOptions())[0].text
        read_back += _matches(text, scene)
        expected = scene.things * scene.count
        thing_boxes, empty_boxes = CROPS[len(expected)]
        predicted = classifier.predict(model, [image.crop(box) for box in thing_boxes])
        backgrounds = [image, *(image.crop(box) for box in empty_boxes)]
        clean = all(classifier.background_colour(b) == scene.colour for b in backgrounds)
        if tuple(predicted) != expected or not clean:
            names = ", ".join(THINGS[thing].name for thing in predicted)
            errors.append(f"{caption(scene)}: {names}" + ("" if clean else " (background)"))
    _save_contact_sheet(sheet[:48], 12, DOCS / "mini-pairs.png")
    return {
        "accuracy": 1 - len(errors) / count,
        "captioner_accuracy": read_back / count,
        "samples": count,
        "errors": errors[:60],
    }


def fidelity_agreement(studio: Studio, seed: int, count: int = 400) -> dict[str, Any]:
    """Accuracy of the fidelity hint on rendered pictures with matching and non-matching prompts.

    Half of the prompts match their picture; the others differ in a thing, the count or the
    background.
    """
    rng = random.Random(seed)
    errors: list[str] = []
    correct = {"matching": 0, "mismatched": 0}
    for i in range(count):
        scene = random_scene(rng)
        picture = render_scene(scene, rng)
        kind = "mismatched" if i % 2 else "matching"
        prompted = _mismatched(scene, rng) if i % 2 else scene
        text = studio.captioner.caption(picture, CaptionOptions(beams=1))[0].text
        hint = compare(caption(prompted), text)
        if (hint.score == 1) is (kind == "matching"):
            correct[kind] += 1
        else:
            errors.append(
                f"{kind} prompt {caption(prompted)!r}, caption {text!r}: {hint.score:.2f}"
            )
    half = count // 2
    return {
        "accuracy": sum(correct.values()) / count,
        "accuracy_matching": correct["matching"] / half,
        "accuracy_mismatched": correct["mismatched"] / half,
        "samples": count,
        "errors": errors[:40],
    }


def _mismatched(scene: Scene, rng: random.Random) -> Scene:
    """The scene with another thing, count or background."""
    kind = rng.choice(("thing", "count", "colour"))
    if kind == "colour":
        others = [c for c in range(len(COLOURS)) if c != scene.colour]
        return Scene(scene.things, scene.count, rng.choice(others))
    if kind == "count" and len(scene.things) == 1:
        others = [n for n in (1, 2, 3) if n != scene.count]
        return Scene(scene.things, rng.choice(others), scene.colour)
    others = [t for t in range(len(THINGS)) if t not in scene.things]
    return Scene((rng.choice(others), *scene.things[1:]), scene.count, scene.colour)


def classifier_on_drawings(seed: int, count: int = 500) -> dict[str, Any]:
    """Accuracy of the classifier on new pictures rendered in the painter's style."""
    model, second = classifier.train(), classifier.train_mixer()
    rng = random.Random(seed)
    scenes = [
        Scene((rng.randrange(len(THINGS)),), 1, rng.randrange(len(COLOURS))) for _ in range(count)
    ]
    pictures = [render_scene(scene, rng) for scene in scenes]
    predicted = classifier.predict(model, pictures)
    colours = [classifier.background_colour(picture) for picture in pictures]
    correct = sum(p == s.things[0] for p, s in zip(predicted, scenes, strict=True))
    backgrounds = sum(c == s.colour for c, s in zip(colours, scenes, strict=True))
    by_second = classifier.predict(second, pictures)
    return {
        "accuracy": correct / count,
        "second_accuracy": sum(p == s.things[0] for p, s in zip(by_second, scenes, strict=True))
        / count,
        "background_accuracy": backgrounds / count,
        "samples": count,
    }


def complete_run(studio: Studio, runs: int = 5) -> dict[str, Any]:
    """Median seconds of a run: caption, translation and four pictures; models are loaded."""
    from marsam.web.layout import EXAMPLES

    studio.run(EXAMPLES[1], pictures=1, seed=0)
    times = []
    for i in range(runs):
        started = time.monotonic()
        studio.run(EXAMPLES[i % 3], pictures=4, seed=i)
        times.append(time.monotonic() - started)
    return {"seconds": sorted(times)[runs // 2], "threads": torch.get_num_threads()}


def main(names: list[str], seed: int = 20_000) -> None:
    studio = Studio.load("mini")
    metrics: dict[str, Callable[[], dict[str, Any]]] = {
        "captioner_training_styles": lambda: captioner_training_styles(studio, seed),
        "captioner_unseen_style": lambda: captioner_unseen_style(studio, seed),
        "photographs_flagged": lambda: photographs_flagged(studio, seed),
        "own_world_not_flagged": lambda: own_world_not_flagged(studio, seed),
        "wrong_captions_flagged": lambda: wrong_captions_flagged(studio, seed),
        "translator_to_arabic": lambda: _exact_translations(studio, _held_out_pairs(seed, ENGLISH)),
        "translator_to_english": lambda: _exact_translations(studio, _held_out_pairs(seed, ARABIC)),
        "translator_canonical": lambda: _exact_translations(studio, _canonical_pairs(seed)),
        "unknown_words_flagged": lambda: unknown_words_flagged(studio, seed),
        "known_words_flagged": lambda: known_words_flagged(seed),
        "translator_names": lambda: _exact_translations(studio, name_pairs()),
        "fidelity_agreement": lambda: fidelity_agreement(studio, seed),
        "classifier_on_drawings": lambda: classifier_on_drawings(seed),
        "painter_things": lambda: painter_things(studio, seed),
        "painter_distance": lambda: painter_distance(studio, seed),
        "painter_pairs_and_counts": lambda: painter_pairs_and_counts(studio, seed),
        "complete_run": lambda: complete_run(studio),
    }
    for name in names or list(metrics):
        result = metrics[name]()
        summary = {k: v for k, v in result.items() if k != "errors"}
        print(name, summary, f"(target {TARGETS[name]})" if name in TARGETS else "", flush=True)
        for line in result.get("errors", [])[:12]:
            print("   ", line)
        _save(name, result)


def _save(name: str, result: dict[str, Any]) -> None:
    """Update one metric; the file is read again because several may be measured in parallel."""
    path = DOCS / "mini.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results[name] = result
    path.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
