"""Painters of every family: tiny random models of the true classes, painted on the CPU."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from marsam import ModelError, ModelUnsupported, OptionError, PaintOptions, Recipe, RunOptions
from marsam.device import Device
from marsam.imaging.metadata import read_record
from marsam.results import Painted, Picture, Previewed
from marsam.stages import preview
from marsam.stages.families import DISTILLED, FAMILIES, IMAGE_IS_OPTIONAL, Family
from marsam.stages.family_lookup import pipeline_class
from marsam.stages.painter import DiffusionPainter
from marsam.testing import fake_studio
from tests.helpers.commands import marsam
from tests.helpers.tiny_painters import PAINTERS, build

SIDE = 64
PROMPT = "a cat on the blue background"

STEPS = {
    "stable-diffusion": (8, 12, 50),
    "sdxl": (8, 12, 50),
    "sd-trailing": (1, 2, 4),
    "sdxl-lightning": (4, 4, 8),
    "lcm": (4, 6, 8),
    "sd3": (20, 28, 40),
    "flux-dev": (20, 28, 50),
    "flux-schnell": (2, 4, 4),
    "klein": (2, 4, 4),
    "klein-base": (20, 28, 50),
    "z-image": (20, 28, 50),
    "z-image-turbo": (4, 8, 8),
    "lumina2": (20, 30, 50),
    "sana": (12, 20, 30),
    "sana-sprint": (1, 2, 4),
    "pixart-sigma": (12, 20, 40),
    "pixart-alpha": (20, 20, 20),
    "qwen-image": (20, 30, 50),
    "chroma": (20, 35, 50),
}
START = Image.effect_noise((SIDE, SIDE), 90).convert("RGB")
GUIDED = set(PAINTERS) - {
    *("sd-trailing", "sdxl-lightning", "lcm", "flux-dev", "flux-schnell", "klein"),
    *("z-image-turbo", "sana-sprint"),
}
"""Painters whose default is guidance by a second forward pass."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: build(name, tmp_path_factory.mktemp("painters")) for name in PAINTERS}


@pytest.fixture
def dtype() -> str:
    return "float32"


@pytest.fixture(params=PAINTERS)
def painter(
    request: pytest.FixtureRequest, folders: dict[str, Path], dtype: str
) -> DiffusionPainter:
    device = Device(kind="cpu", dtype=dtype, reason="for a test")
    return DiffusionPainter(folders[request.param], device=device)


def paint(painter: DiffusionPainter, prompt: str = PROMPT, **options: Any) -> Picture:
    options = {"pictures": 1, "seed": 3, "width": SIDE, "height": SIDE, **options}
    *_, last = painter.paint(prompt, PaintOptions(**options))
    assert isinstance(last, Painted)
    return last.picture


def pixels(picture: Picture) -> np.ndarray:
    assert picture.image is not None
    return np.asarray(picture.image)


class Passes:
    """Counts the denoiser's forward passes: one for each picture of a batch."""

    def __init__(self, painter: DiffusionPainter) -> None:
        pipe = painter._loaded[0]
        denoiser = getattr(pipe, "unet", None) or pipe.transformer
        self.count = 0
        denoiser.register_forward_pre_hook(self._add, with_kwargs=True)

    def _add(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.count += len(args[0] if args else kwargs["hidden_states"])

    def of(self, painter: DiffusionPainter, **options: Any) -> int:
        self.count = 0
        paint(painter, **options)
        return self.count


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_every_family_paints_with_the_passes_it_says(painter: DiffusionPainter) -> None:
    name = painter.name
    passes = Passes(painter)
    for recipe, steps in zip(painter.recipes, STEPS[name], strict=True):
        sampling = painter.sampling(recipe)
        assert sampling.steps == steps
        few = min(steps, 3)  # the rest would only take time
        wanted = sampling.forward_passes(few)
        assert passes.of(painter, recipe=recipe, steps=few) == wanted
        assert wanted == few * (2 if name in GUIDED else 1)
    for guidance in (0, 6):  # off, it halves them
        wanted = sampling.forward_passes(few, guidance_scale=guidance)
        assert passes.of(painter, recipe=recipe, steps=few, guidance_scale=guidance) == wanted
        assert guidance or wanted == few


def test_weights_take_two_bytes_each(painter: DiffusionPainter) -> None:
    """On a CPU that computes in float32: those of linear layers, which are nearly all."""
    pipe = painter._loaded[0]
    networks = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    layers = [
        layer
        for network in networks
        for name, layer in network.named_modules()
        if type(layer) is torch.nn.Linear and not name.endswith(".wo")  # T5's must not overflow
    ]
    halves = [layer for layer in layers if layer.weight.dtype == torch.float16]
    all_halves = len(halves) >= len(layers) - len(networks)  # the first of each tells the dtype
    assert all_halves == (painter._listed is not None)


def test_a_prompt_is_encoded_once(painter: DiffusionPainter) -> None:
    pipe = painter._loaded[0]
    encoders = [part for name, part in pipe.components.items() if name.startswith("text_encoder")]
    count = 0

    def add(*_: Any) -> None:
        nonlocal count
        count += 1

    for encoder in filter(None, encoders):
        for part in encoder.modules():  # some pipelines call a part of it
            if isinstance(part, torch.nn.Embedding):
                part.register_forward_pre_hook(add)
    options: dict[str, Any] = {"steps": 2, "guidance_scale": 6, "negative_prompt": "a red dog"}
    alone = [paint(painter, seed=3, **options)]
    encoded = count
    assert encoded > 0
    alone.append(paint(painter, seed=4, **options))
    together = [
        event.picture
        for event in painter.paint(
            PROMPT, PaintOptions(pictures=2, seed=3, width=SIDE, height=SIDE, **options)
        )
        if isinstance(event, Painted)
    ]
    assert count == encoded
    for one, again in zip(alone, together, strict=True):
        assert np.array_equal(pixels(one), pixels(again))
    other = paint(painter, "a cat on a red dog", **options)
    assert count > encoded
    assert not np.array_equal(pixels(other), pixels(alone[0]))


def test_what_is_recorded_had_effect(painter: DiffusionPainter) -> None:
    plain = paint(painter, steps=2)
    assert pixels(plain).shape == (SIDE, SIDE, 3)
    assert np.array_equal(pixels(plain), pixels(paint(painter, steps=2))), "a repeat is the same"
    assert plain.scheduler == str(painter.sampling(Recipe.BALANCED).scheduler)[:-9]

    guided = paint(painter, steps=2, guidance_scale=6)
    has_guidance = not np.array_equal(pixels(guided), pixels(plain))
    assert has_guidance == (guided.guidance_scale == 6)

    negative = paint(painter, steps=2, guidance_scale=6, negative_prompt="a red dog")
    has_negative = not np.array_equal(pixels(negative), pixels(guided))
    assert has_negative == (negative.negative_prompt == "a red dog")

    off = paint(painter, steps=2, guidance_scale=0, negative_prompt="a red dog")
    assert (off.guidance_scale, off.negative_prompt) == (
        0 if painter.name.startswith("z-image") else 1,
        "",
    )
    again = paint(painter, steps=2, guidance_scale=off.guidance_scale)
    assert np.array_equal(pixels(off), pixels(again))


@pytest.mark.parametrize("dtype", ["bfloat16"])
def test_previews_and_cancelling(painter: DiffusionPainter) -> None:
    options = PaintOptions(pictures=1, seed=3, width=SIDE, height=SIDE, steps=2, preview_every=1)
    previews = []
    for event in painter.paint(PROMPT, options):
        if isinstance(event, Previewed) and event.image is not None:
            previews.append(event.image)
        if isinstance(event, Painted):
            with_previews = event.picture
    assert len(previews) == 1, "the last step is the picture"
    assert np.asarray(previews[0]).std() > 0
    assert np.array_equal(pixels(with_previews), pixels(paint(painter, steps=2)))

    passes = Passes(painter)
    events: Iterator[Any] = painter.paint(
        PROMPT, PaintOptions(pictures=3, seed=3, width=SIDE, height=SIDE, steps=20)
    )
    with closing(events):  # type: ignore[type-var]
        next(events)
    assert passes.count < 40, "closing stops the work between two steps"


def test_a_picture_is_what_diffusers_paints(painter: DiffusionPainter) -> None:
    picture = paint(painter, recipe=Recipe.FAITHFUL, steps=2)
    expected = plain(painter, painter._pipeline, num_inference_steps=2)
    assert np.abs(pixels(picture) - expected).max() <= 1


def test_variations_are_what_diffusers_paints(painter: DiffusionPainter) -> None:
    sampling = painter.sampling(Recipe.FAITHFUL)
    options = PaintOptions(
        pictures=1,
        seed=3,
        recipe=Recipe.FAITHFUL,
        width=SIDE,
        height=SIDE,
        steps=5,
        strength=0.5,
        preview_every=1,
    )
    if not sampling.variations:
        with pytest.raises(OptionError, match="cannot start from a picture"):
            next(painter.paint(PROMPT, options, START))
        return
    passes = Passes(painter)
    *steps, last = painter.paint(PROMPT, options, START)
    assert isinstance(last, Painted)
    done = sampling.denoising_steps(5, 0.5)
    assert passes.count == sampling.forward_passes(5, 0.5)
    assert [event.step for event in steps if isinstance(event, Previewed)] == [*range(1, done + 1)]
    variation = painter._family.image_to_image
    expected = plain(painter, variation, image=START, strength=0.5, num_inference_steps=5)
    assert np.abs(pixels(last.picture) - expected).max() <= 2


def plain(painter: DiffusionPainter, pipeline: str, **options: Any) -> np.ndarray:
    """Paint with diffusers alone, as its documentation says."""
    kind, family = getattr(diffusers, pipeline), painter._family
    takes = inspect.signature(kind.__call__).parameters
    options |= {"width": SIDE, "height": SIDE, "negative_prompt": family.blank_negative or None}
    options |= family.arguments
    options[family.guidance_argument] = painter.sampling(Recipe.FAITHFUL).effective_guidance(None)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        pipe = kind.from_pretrained(painter.folder)
        pipe.set_progress_bar_config(disable=True)
        output = pipe(
            prompt=PROMPT,
            generator=torch.Generator().manual_seed(3),
            **{k: v for k, v in options.items() if k in takes and v is not None},
        )
    return np.asarray(output.images[0]).astype(int)


def in_float32(folder: Path) -> DiffusionPainter:
    return DiffusionPainter(folder, device=Device(kind="cpu", dtype="float32", reason="a test"))


def test_a_size_that_the_family_cannot_paint_is_refused(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        painter = in_float32(folder)
        multiple = painter.sampling(Recipe.DRAFT).size_multiple
        if multiple == 8:
            continue
        with pytest.raises(OptionError, match=f"width must be a multiple of {multiple}"):
            next(painter.paint(PROMPT, PaintOptions(width=SIDE + 8, height=SIDE)))
        assert "_loaded" not in vars(painter), name


READ = {
    "stable-diffusion": 77,
    "sd3": 256,
    "flux-dev": 512,
    "flux-schnell": 256,
    "klein": 509,
    "z-image": 509,
    "sana": 299,
    "pixart-sigma": 300,
    "pixart-alpha": 120,
    "chroma": 512,
}
"""Tokens that are read. Those of Lumina2 and Qwen-Image are for the true vocabularies, which have
fewer tokens for the pipelines' own words."""


@pytest.mark.parametrize("name", READ)
def test_exactly_what_is_cut_is_not_painted(name: str, folders: dict[str, Path]) -> None:
    painter = in_float32(folders[name])
    prompt = ("a cat on the red dog and " * 100)[:1900].strip()
    length = painter.measure(prompt)
    assert length.limit == READ[name] < length.tokens
    kept = prompt[: prompt.rindex(length.cut)]
    assert prompt == kept + length.cut

    def painted(text: str) -> np.ndarray:
        return pixels(paint(painter, text, steps=2))

    whole = painted(prompt)
    assert np.array_equal(painted(kept + "blue " * (len(length.cut) // 5)), whole)
    assert not np.array_equal(painted(kept[:-8] + "blue " * 99), whole)
    short = painter.measure(kept.strip()[:-8])
    assert not short.cut
    assert short.tokens <= short.limit


@pytest.mark.parametrize(("name", "limit"), [("lumina2", 226), ("qwen-image", 512)])
def test_a_tokenizer_without_a_limit_has_the_familys(
    name: str, limit: int, folders: dict[str, Path]
) -> None:
    length = in_float32(folders[name]).measure(PROMPT)
    assert (length.limit, length.cut) == (limit, "")


def test_a_preview_that_fails_costs_no_picture(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = in_float32(folders["flux-dev"])
    whole = pixels(paint(painter, steps=2))
    monkeypatch.setattr(preview, "_decode", lambda *_, **__: 1 / 0)
    assert np.array_equal(pixels(paint(painter, steps=2, preview_every=1)), whole)


@pytest.mark.parametrize("name", ["stable-diffusion", "flux-dev", "pixart-sigma", "qwen-image"])
@pytest.mark.parametrize("part", ["denoiser", "decoder"])
def test_an_empty_picture_is_an_error(name: str, part: str, folders: dict[str, Path]) -> None:
    painter = in_float32(folders[name])
    pipe = painter._loaded[0]
    network = pipe.vae if part == "decoder" else getattr(pipe, "unet", None) or pipe.transformer
    for weight in network.parameters():
        weight.data.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"empty picture.*float32.*--device cpu"):
        paint(painter, steps=2)


def test_a_picture_of_one_colour_is_an_error(folders: dict[str, Path]) -> None:
    painter = in_float32(folders["z-image"])
    last = painter._loaded[0].vae.decoder.conv_out
    last.weight.data.zero_()
    with pytest.raises(ModelError, match="empty picture"):
        paint(painter, steps=1)


def test_what_the_pipeline_refuses_is_an_error_of_the_options(folders: dict[str, Path]) -> None:
    with pytest.raises(OptionError, match="with these options: .*150"):
        paint(in_float32(folders["lcm"]), steps=150)


@pytest.mark.parametrize("name", ["flux-dev", "pixart-alpha", "qwen-image"])
def test_float16_is_for_families_that_can_compute_in_it(
    name: str, folders: dict[str, Path]
) -> None:
    gpu = Device(kind="cuda", dtype="float16", reason="a GPU without bfloat16")
    assert DiffusionPainter(folders[name], device=gpu).device.dtype == "float32"
    assert DiffusionPainter(folders["sdxl"], device=gpu).device.dtype == "float16"


def rows() -> Iterator[tuple[str, Family]]:
    yield from FAMILIES.items()
    for pipeline, kinds in DISTILLED.items():
        yield from ((pipeline, family) for family in kinds.values())


def test_the_table_agrees_with_diffusers() -> None:
    for pipeline, family in rows():
        takes = inspect.signature(pipeline_class(pipeline, "a model").__call__).parameters
        assert family.guidance_argument in takes, pipeline
        assert ("negative_prompt" in takes) or not family.negative_prompts, pipeline
        assert family.arguments.keys() <= takes.keys(), pipeline
        assert family.steps.keys() == set(Recipe) - {Recipe.INSTANT}, pipeline
        assert family.guidance_scale >= family.guidance_off, pipeline
        assert not (family.classifier_free_guidance and family.embedded_guidance), pipeline
        if family.image_to_image:
            variation = getattr(diffusers, family.image_to_image)
            assert "strength" in inspect.signature(variation.__call__).parameters, pipeline
    for pipeline in IMAGE_IS_OPTIONAL:
        assert pipeline_class(pipeline, "a model")


@pytest.mark.parametrize(
    "pipeline",
    [
        *("StableDiffusionImg2ImgPipeline", "FluxInpaintPipeline", "QwenImageEditPipeline"),
        *("FluxKontextPipeline", "StableDiffusionUpscalePipeline", "FluxControlNetPipeline"),
        *("WanPipeline", "CogVideoXPipeline", "TextToVideoSDPipeline", "SanaVideoPipeline"),
        *("AudioLDM2Pipeline", "StableAudioPipeline", "ShapEPipeline", "KandinskyPriorPipeline"),
        *("StableVideoDiffusionPipeline", "BlipDiffusionPipeline", "DDPMPipeline", "NoPipeline"),
    ],
)
def test_what_is_no_text_to_image_family_is_refused_by_name(pipeline: str) -> None:
    with pytest.raises(ModelUnsupported, match=f"toy is a {pipeline}, which is no text-to-image"):
        pipeline_class(pipeline, "toy")


@pytest.mark.parametrize("name", ["klein", "z-image-turbo", "qwen-image"])
def test_an_arabic_prompt_reaches_the_text_encoder(name: str, folders: dict[str, Path]) -> None:
    painter = in_float32(folders[name])
    studio = replace(fake_studio(), painter=painter)
    options = PaintOptions(pictures=1, seed=3, width=SIDE, height=SIDE, steps=2, as_written=True)
    result = studio.run(prompt="قطة حمراء", options=RunOptions(paint=options))
    assert result.prompt.english == "[eng_Latn] قطة حمراء"
    (picture,) = result.pictures
    assert picture.prompt == "قطة حمراء"
    assert np.array_equal(pixels(picture), pixels(paint(painter, "قطة حمراء", steps=2)))
    assert not np.array_equal(pixels(picture), pixels(paint(painter, "كلب", steps=2)))


def test_other_families_refuse_arabic_prompts_as_written(folders: dict[str, Path]) -> None:
    for name in folders.keys() - {"klein", "klein-base", "qwen-image"}:
        if not name.startswith("z-image"):
            painter = in_float32(folders[name])
            with pytest.raises(OptionError, match="reads no Arabic"):
                next(painter.paint("قطة", PaintOptions(as_written=True)))
            assert "_loaded" not in vars(painter), name


def test_the_command_paints_and_records_what_had_effect(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command: tuple[str, ...] = (
        "run",
        "--prompt",
        "a cat",
        "-n",
        "1",
        "--seed",
        "5",
        "--no-check",
        "--steps",
        "1",
    )
    command += ("--models", "mini", "--size", f"{SIDE}x{SIDE}", "--negative", "a dog")
    for name, guidance, recorded in (
        ("klein", "4", (1.0, "", "has no effect")),
        ("flux-dev", "4", (4.0, "", "takes no negative prompt")),
        ("z-image", "0", (0.0, "", "has no effect")),
        ("z-image", "4", (4.0, "a dog", "")),
    ):
        out = tmp_path / f"{name}-{guidance}"
        options = ("--painter", str(folders[name]), "--guidance", guidance, "--out", str(out))
        assert marsam(*command, *options) == 0
        record = read_record(out / "marsam-5.png")
        assert record is not None
        assert (record.guidance_scale, record.negative_prompt) == recorded[:2]
        assert record.scheduler == "FlowMatchEulerDiscrete"
        assert recorded[2] in capsys.readouterr().err.replace("have", "has")
    assert marsam(*command, "--painter", str(folders["sana"]), "--size", "72x64") == 1
    assert "width must be a multiple of 32" in capsys.readouterr().err
