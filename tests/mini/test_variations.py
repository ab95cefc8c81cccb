"""Variations: pictures that start from a picture, with the bundled painter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from marsam import OptionError, Painted, PaintOptions, Picture, Previewed, Recipe, Studio
from marsam.device import Device
from marsam.hub.catalog import MINI, bundled_folder
from marsam.stages.painter import DiffusionPainter
from marsam.web.session import EXAMPLES_DIR

CAT = Image.open(EXAMPLES_DIR / "cat.png").convert("RGB")
PROMPT = "a cat on a green background"


def painted(studio: Studio, start: Image.Image | None = CAT, **options: object) -> list[Picture]:
    chosen = PaintOptions(**options)  # type: ignore[arg-type]
    events = studio.painter.paint(PROMPT, chosen, start)
    return [event.picture for event in events if isinstance(event, Painted)]


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image, float)


def test_a_low_strength_stays_near_the_start_picture_and_a_high_one_follows_the_prompt(
    studio: Studio,
) -> None:
    start = np.asarray(CAT.resize((128, 128)), float)
    (near,), (middle,), (far,) = (
        painted(studio, seed=7, pictures=1, strength=s) for s in (0.2, 0.5, 0.9)
    )
    distances = [abs(pixels(one) - start).mean() for one in (near, middle, far)]
    assert distances == sorted(distances)
    assert distances[0] < 20
    blue, green = pixels(near)[2, 2], pixels(far)[2, 2]
    assert blue.argmax() == 2  # the start picture's background
    assert green.argmax() == 1  # the prompt's


def test_what_is_where_in_the_start_picture_stays_there(studio: Studio) -> None:
    corner = Image.new("RGB", (128, 128), CAT.getpixel((2, 2)))
    corner.paste(CAT.resize((64, 64)), (64, 64))
    (picture,) = painted(studio, corner, seed=7, pictures=1, strength=0.3)
    orange = pixels(picture)[..., 0] - pixels(picture)[..., 2]
    assert orange[64:, 64:].mean() > orange[:64, :64].mean() + 60


@pytest.mark.parametrize("recipe", [Recipe.DRAFT, Recipe.BALANCED, Recipe.FAITHFUL])
def test_same_pixels_alone_or_in_a_batch(studio: Studio, recipe: Recipe) -> None:
    many = painted(studio, pictures=2, seed=7, recipe=recipe, strength=0.4)
    (alone,) = painted(studio, pictures=1, seed=8, recipe=recipe, strength=0.4)
    assert (pixels(many[1]) == pixels(alone)).all()
    assert (pixels(many[0]) != pixels(many[1])).any()


def test_a_variation_does_not_affect_pictures_from_words(studio: Studio) -> None:
    (before,) = painted(studio, None, pictures=1, seed=3, steps=4)
    painted(studio, pictures=1, seed=3, strength=0.5)
    (after,) = painted(studio, None, pictures=1, seed=3, steps=4)
    assert (pixels(before) == pixels(after)).all()
    assert (before.strength, before.start_sha256) == (None, "")


def test_only_steps_that_are_done_are_reported_and_all_values_recorded(studio: Studio) -> None:
    options = PaintOptions(pictures=1, seed=7, steps=10, strength=0.55, preview_every=2)
    *previews, last = studio.painter.paint(PROMPT, options, CAT)
    steps = [(e.step, e.steps) for e in previews if isinstance(e, Previewed)]
    assert steps == [(step, 5) for step in range(1, 6)]
    assert [e.step for e in previews if isinstance(e, Previewed) and e.image] == [2, 4]
    assert isinstance(last, Painted)
    assert (last.picture.steps, last.picture.strength) == (10, 0.55)
    assert len(last.picture.start_sha256) == 64


def test_closing_the_stream_stops_between_two_steps(studio: Studio) -> None:
    events = studio.painter.paint(PROMPT, PaintOptions(steps=150, strength=0.9), CAT)
    assert isinstance(next(events), Previewed)
    events.close()  # type: ignore[attr-defined]
    assert painted(studio, pictures=1, strength=0.5)  # and the painter is free again


def test_the_start_picture_is_scaled_and_cropped_around_its_centre(studio: Studio) -> None:
    wide = Image.new("RGB", (512, 128), "red")
    wide.paste("blue", (192, 0, 320, 128))
    (square,) = painted(studio, wide, pictures=1, seed=1, strength=0.1)
    assert square.image is not None
    assert square.image.size == (128, 128)
    assert pixels(square)[..., 2].mean() > pixels(square)[..., 0].mean() + 60  # only blue is left
    (small,) = painted(studio, wide, pictures=1, seed=1, strength=0.1, width=128, height=64)
    assert small.image is not None
    assert small.image.size == (128, 64)
    assert small.start_sha256 != square.start_sha256
    assert pixels(small)[:, :30, 0].mean() > 150  # red at the left


def test_it_is_what_diffusers_does(studio: Studio) -> None:
    from diffusers import StableDiffusionImg2ImgPipeline

    ours = studio.painter
    assert isinstance(ours, DiffusionPainter)
    exact = ours.device.torch_dtype
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(ours.folder, dtype=exact)
    pipe.set_progress_bar_config(disable=True)
    (picture,) = painted(
        studio, pictures=1, seed=5, strength=0.7, steps=6, recipe=Recipe.FAITHFUL, guidance_scale=4
    )
    expected = pipe(
        PROMPT,
        image=CAT.resize((128, 128), Image.Resampling.LANCZOS),
        strength=0.7,
        num_inference_steps=6,
        guidance_scale=4,
        generator=torch.Generator().manual_seed(5),
    ).images[0]
    assert abs(pixels(picture) - np.asarray(expected, float)).mean() < 1.5


def test_the_encoder_is_loaded_by_the_first_variation(studio: Studio) -> None:
    ours = studio.painter
    assert isinstance(ours, DiffusionPainter)
    painter = DiffusionPainter(bundled_folder(MINI.painter), device=ours.device)
    list(painter.paint("a cat", PaintOptions(pictures=1, seed=1, steps=1)))
    vae = painter._loaded[0].vae
    assert vae.encoder is None
    list(painter.paint("a cat", PaintOptions(pictures=1, seed=1, steps=2, strength=0.5), CAT))
    loaded = vae.encoder
    assert loaded is not None
    list(painter.paint("a cat", PaintOptions(pictures=1, seed=1, steps=2, strength=0.5), CAT))
    assert vae.encoder is loaded


def test_a_strength_that_leaves_no_step_is_refused(studio: Studio) -> None:
    with pytest.raises(OptionError, match=r"at least 0\.084 with 12 steps") as refused:
        painted(studio, strength=0.08)
    assert "0.084" in refused.value.ar
    assert len(painted(studio, pictures=1, seed=1, strength=0.084)) == 1
    with pytest.raises(OptionError, match="needs a picture to start from"):
        painted(studio, None, strength=0.5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_sdxl_has_variations_that_leave_its_own_vae_as_it_was(
    sdxl: DiffusionPainter, dtype: str
) -> None:
    painter = DiffusionPainter(sdxl.folder, device=Device(kind="cpu", dtype=dtype, reason="test"))
    options = PaintOptions(pictures=1, seed=5, steps=4, width=64, height=64)

    def paint(strength: float | None) -> Picture:
        start = None if strength is None else CAT
        events = painter.paint("a (cat:1.5)", replace(options, strength=strength), start)
        return next(event.picture for event in events if isinstance(event, Painted))

    before = paint(None)
    vae = painter._loaded[0].vae
    dtypes = [weight.dtype for weight in vae.decoder.parameters()]
    near, far = paint(0.25), paint(0.75)
    assert vae.dtype == painter.device.torch_dtype
    assert [weight.dtype for weight in vae.decoder.parameters()] == dtypes
    assert (pixels(paint(None)) == pixels(before)).all()
    assert (pixels(near) != pixels(far)).any()
    assert near.image is not None
    assert near.image.size == (64, 64)


def test_a_large_picture_does_not_affect_the_variation_after_it(studio: Studio) -> None:
    (before,) = painted(studio, pictures=1, seed=3, steps=2, strength=0.5)
    painted(studio, None, pictures=1, seed=3, steps=1, width=832, height=64)
    (after,) = painted(studio, pictures=1, seed=3, steps=2, strength=0.5)
    assert (pixels(before) == pixels(after)).all()
    (wide,) = painted(studio, pictures=1, seed=3, steps=2, strength=0.5, width=832, height=64)
    assert wide.image is not None
    assert wide.image.size == (832, 64)
