"""Checks of a device with tiny models: every stage, every family, both dtypes of a GPU.

They paint, caption and translate with the classes of the large models. What the mini set says must
be what it says on a CPU in float32.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.helpers import tiny_captioners, tiny_language_models, tiny_painters, tiny_translators

from marsam.device import Device
from marsam.hub.catalog import MINI, bundled_folder
from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe
from marsam.results import Painted
from marsam.stages.captioners import captioner_in
from marsam.stages.painter import DiffusionPainter
from marsam.stages.translators import translator_in

PAINTERS = ("sdxl", "sd3", "flux-dev", "klein", "z-image", "lumina2", "sana", "qwen-image")
CAPTIONERS = ("qwen2_5_vl", "qwen3_vl", "qwen3_5", "gemma3", "smolvlm")
EXAMPLES = Path(__file__).parents[1] / "src" / "marsam" / "web" / "examples"
SENTENCES = ("two cats on a red background", "a fish", "three cars on a green background")
LARGEST_DIFFERENCE = 3
"""Of a pixel, between two pictures that should be the same."""
Check = Callable[[Device], None]


class CheckFailed(Exception):
    """A device gave a wrong result."""


def checks(folder: Path) -> Iterator[tuple[str, Check]]:
    """Yield the checks by name; tiny models are built into a folder."""
    yield "the mini set says and paints the same as on a CPU", check_mini
    yield "batches of captions and translations are as single ones", check_batches
    for name in PAINTERS:
        yield f"{name} paints", partial(check_painter, name, folder)
    for name in CAPTIONERS:
        yield f"{name} captions", partial(check_captioner, name, folder)
    for name, build in TRANSLATORS.items():
        yield f"{name} translates", partial(check_translator, build, folder / name)


def examples() -> list[Image.Image]:
    """The pictures of the Studio's examples."""
    return [Image.open(file).convert("RGB") for file in sorted(EXAMPLES.glob("*.png"))]


def mini(stage: str, device: Device) -> Any:
    """A stage of the mini set on a device."""
    model = {one.stage: one for one in MINI.models}[stage]
    folder = bundled_folder(model)
    if stage == "captioner":
        return captioner_in(folder, device=device)
    if stage == "translator":
        return translator_in([folder], device=device, names=["mini"], name="mini")
    return DiffusionPainter(folder, device=device, guidance_scale=model.guidance_scale)


def check_mini(device: Device) -> None:
    """Caption, translate and paint with the mini set, and caption what was painted."""
    exact = Device(kind="cpu", dtype="float32", reason="to compare with")
    said = []
    for one in (device, exact):
        captioner, translator, painter = (
            mini(stage, one) for stage in ("captioner", "translator", "painter")
        )
        captions = [captioner.caption(image, CaptionOptions())[0].text for image in examples()]
        arabic = [translator.translate(text, TranslateOptions()).text for text in captions]
        options = PaintOptions(pictures=1, seed=3, recipe=Recipe.BALANCED)
        painted = [
            captioner.caption(_paint(painter, text, options), CaptionOptions())[0].text
            for text in captions
        ]
        said.append([*captions, *arabic, *painted])
    different = [f"{mine} / {theirs}" for mine, theirs in zip(*said, strict=True) if mine != theirs]
    if different:
        raise CheckFailed("; ".join(different))


def check_batches(device: Device) -> None:
    """Compare batches with the mini set's single results."""
    captioner, translator = mini("captioner", device), mini("translator", device)
    images = examples() * 5
    many = [captions[0].text for captions in captioner.caption_many(images, CaptionOptions())]
    one_by_one = [captioner.caption(image, CaptionOptions())[0].text for image in images]
    translations = translator.translate_many(SENTENCES, TranslateOptions())
    single = [translator.translate(text, TranslateOptions()) for text in SENTENCES]
    if many != one_by_one or [one.text for one in translations] != [one.text for one in single]:
        raise CheckFailed("a batch differs from single results")


def check_painter(name: str, folder: Path, device: Device) -> None:
    """Paint a picture twice, and one with a LoRA."""
    if not (folder / name).is_dir():
        tiny_painters.build(name, folder)
    painter = DiffusionPainter(folder / name, device=device)
    options = PaintOptions(pictures=1, seed=3, width=64, height=64, steps=2)
    first, second = (np.asarray(_paint(painter, "a cat", options)).astype(int) for _ in range(2))
    if np.abs(first - second).max() > LARGEST_DIFFERENCE:
        raise CheckFailed("two pictures of one seed differ")


def check_captioner(name: str, folder: Path, device: Device) -> None:
    """Ask a tiny vision-language model twice."""
    if not (folder / name).is_dir():
        tiny_captioners.build(name, folder)
    captioner = captioner_in(folder / name, device=device)
    options = CaptionOptions(max_tokens=8)
    image = examples()[0]
    if captioner.caption(image, options) != captioner.caption(image.copy(), options):
        raise CheckFailed("two captions of one image differ")


def check_translator(build: Callable[[Path], Path], folder: Path, device: Device) -> None:
    """Translate with a tiny model twice."""
    translator = translator_in([build(folder)], device=device, names=["tiny"], name="tiny")
    options = TranslateOptions(beams=2)
    first, second = (translator.translate("three lions", options) for _ in range(2))
    if first != second:
        raise CheckFailed("two translations of one text differ")


def _paint(painter: DiffusionPainter, prompt: str, options: PaintOptions) -> Image.Image:
    *_, last = painter.paint(prompt, dataclasses.replace(options))
    assert isinstance(last, Painted)
    assert last.picture.image is not None
    return last.picture.image


def _t5(folder: Path) -> Path:
    if folder.is_dir():
        return folder
    folder.mkdir()
    return tiny_translators.build_t5(folder)


def _chat(folder: Path) -> Path:
    built = folder.parent / "qwen3"
    return built if built.is_dir() else tiny_language_models.build("qwen3", folder.parent)


TRANSLATORS: Mapping[str, Callable[[Path], Path]] = {"T5": _t5, "Qwen3": _chat}
