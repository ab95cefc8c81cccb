"""Estimates come from measurements, which are kept between starts."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from marsam import CaptionOptions, Notice, PaintOptions, Picture, Recipe, RunOptions, Translation
from marsam.recipes import recipes
from marsam.results import Caption, Captioned, Translated
from marsam.runs.cost import cost_of
from marsam.runs.eta import TimeEstimator
from marsam.testing import fake_studio


def painted(steps: int) -> Picture:
    return Picture(
        index=0,
        seed=1,
        prompt="a cat",
        image=Image.new("RGB", (64, 64)),
        recipe="balanced",
        steps=steps,
        guidance_scale=7.5,
        scheduler="Fake",
        painter="fake-painter",
    )


def test_there_is_no_estimate_before_the_first_measurement() -> None:
    assert TimeEstimator(fake_studio).estimate(PaintOptions()) is None


def test_one_picture_gives_an_estimate_for_every_recipe() -> None:
    estimator = TimeEstimator(fake_studio)
    samplings = recipes()
    balanced = samplings[Recipe.BALANCED]
    estimator.update(painted(balanced.steps), 10.0)
    assert estimator.estimate(PaintOptions(pictures=4)) == pytest.approx(40)
    times = estimator.seconds_per_picture()
    # In proportion to the forward passes: two in a step with classifier-free guidance.
    assert times[Recipe.DRAFT] == pytest.approx(10 * 16 / (2 * balanced.steps))
    assert times[Recipe.FAITHFUL] == pytest.approx(10 * 100 / (2 * balanced.steps))


def test_without_guidance_a_picture_takes_half_the_time() -> None:
    estimator = TimeEstimator(fake_studio)
    guided, off = (PaintOptions(pictures=1, steps=10, guidance_scale=g) for g in (None, 0))
    estimator.update(painted(10), 5.0)
    assert (estimator.estimate(guided), estimator.estimate(off)) == (5.0, 2.5)
    assert cost_of(off, estimator.studio.painter) * 2 == cost_of(guided, estimator.studio.painter)
    # A picture without guidance took half the passes, too.
    estimator = TimeEstimator(fake_studio)
    estimator.update(dataclasses.replace(painted(10), guidance_scale=1.0), 5.0)
    assert (estimator.estimate(guided), estimator.estimate(off)) == (10.0, 5.0)


def test_measurements_are_kept_between_starts(tmp_path: Path) -> None:
    file = tmp_path / "new" / "estimator.json"
    TimeEstimator(fake_studio, file).update(painted(10), 5.0)
    assert TimeEstimator(fake_studio, file).estimate(PaintOptions(pictures=1, steps=10)) == 5.0


def test_another_size_is_estimated_by_its_pixels_and_spoils_no_other_estimate() -> None:
    estimator = TimeEstimator(fake_studio)
    large = PaintOptions(width=512, height=512, pictures=1, steps=10)
    assert estimator.estimate(large) is None
    estimator.update(painted(10), 5.0)  # 64×64
    assert estimator.estimate(large) == pytest.approx(5.0 * 64)
    picture = dataclasses.replace(painted(10), image=Image.new("RGB", (512, 512)))
    estimator.update(picture, 60.0, default_size=False)
    assert estimator.estimate(large) == pytest.approx(60)
    assert estimator.estimate(PaintOptions(pictures=1, steps=10)) == pytest.approx(5)


def test_a_blocked_picture_is_no_measurement() -> None:
    estimator = TimeEstimator(fake_studio)
    estimator.update(dataclasses.replace(painted(10), image=None, blocked=True), 5.0)
    assert estimator.estimate(PaintOptions()) is None


@pytest.mark.parametrize("junk", [b"", b"[1, 2]", b'{"a": "b"}', b"\xff\xfe"])
def test_a_damaged_file_of_measurements_is_replaced(tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "estimator.json"
    file.write_bytes(junk)
    estimator = TimeEstimator(fake_studio, file)
    estimator.update(painted(10), 5.0)
    assert estimator.estimate(PaintOptions(pictures=1, steps=10)) == 5.0


def test_a_variation_takes_the_time_of_the_steps_that_it_does() -> None:
    estimator = TimeEstimator(fake_studio)
    estimator.update(dataclasses.replace(painted(10), strength=0.5), 5.0)
    whole = estimator.estimate(PaintOptions(pictures=1, steps=10))
    half = estimator.estimate(PaintOptions(pictures=2, steps=10, strength=0.25))
    assert (whole, half) == (10.0, 4.0)


def test_captions_and_translations_are_measured_without_loading_their_models(
    tmp_path: Path,
) -> None:
    studio, file = fake_studio(), tmp_path / "times.json"
    estimator = TimeEstimator(lambda: studio, file)
    usual = RunOptions(paint=PaintOptions(pictures=1))
    long = dataclasses.replace(usual, caption=CaptionOptions(candidates=3))

    def run(options: RunOptions, *seconds: float, warnings: tuple[Notice, ...] = ()) -> None:
        caption = Caption(text="a cat", warnings=warnings)
        arabic = Translation(text="قطة", source="en", target="ar", warnings=warnings)
        events = (
            Captioned(caption=caption, candidates=(caption,), seconds=seconds[0]),
            Translated(translation=arabic, seconds=seconds[1]),
        )
        list(estimator.observe((one for one in events), options))

    run(usual, 20.0, 10.0)  # with loading
    assert estimator.seconds_per_caption("captioner") is None
    run(usual, 4.0, 2.0)
    run(long, 9.0, 9.0)
    run(usual, 0.001, 0.001, warnings=(Notice.ALT_TEXT_KEPT,))
    assert estimator.seconds_per_caption("captioner") == 4.0
    assert estimator.seconds_per_caption("translator") == 2.0
    run(usual, 2.0, 1.0)
    kept = TimeEstimator(lambda: studio, file)
    assert (kept.seconds_per_caption("captioner"), kept.seconds_per_caption("translator")) == (
        3,
        1.5,
    )
    assert kept.estimate(PaintOptions()) is None
