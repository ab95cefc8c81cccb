"""Estimates come from measurements, which are kept between starts."""

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from marsam import PaintOptions, Picture, Recipe
from marsam.recipes import recipes
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
    assert TimeEstimator(fake_studio()).estimate(PaintOptions()) is None


def test_one_picture_gives_an_estimate_for_every_recipe() -> None:
    estimator = TimeEstimator(fake_studio())
    samplings = recipes()
    balanced = samplings[Recipe.BALANCED]
    estimator.update(painted(balanced.steps), 10.0)
    assert estimator.estimate(PaintOptions(pictures=4)) == pytest.approx(40)
    times = estimator.seconds_per_picture()
    # In proportion to the forward passes: two in a step with classifier-free guidance.
    assert times[Recipe.DRAFT] == pytest.approx(10 * 16 / (2 * balanced.steps))
    assert times[Recipe.FAITHFUL] == pytest.approx(10 * 100 / (2 * balanced.steps))


def test_measurements_are_kept_between_starts(tmp_path: Path) -> None:
    file = tmp_path / "new" / "estimator.json"
    TimeEstimator(fake_studio(), file).update(painted(10), 5.0)
    assert TimeEstimator(fake_studio(), file).estimate(PaintOptions(pictures=1, steps=10)) == 5.0


def test_another_size_has_no_estimate() -> None:
    estimator = TimeEstimator(fake_studio())
    estimator.update(painted(10), 5.0)
    assert estimator.estimate(PaintOptions(width=512, height=512)) is None


def test_a_blocked_picture_is_no_measurement() -> None:
    estimator = TimeEstimator(fake_studio())
    estimator.update(dataclasses.replace(painted(10), image=None, blocked=True), 5.0)
    assert estimator.estimate(PaintOptions()) is None


@pytest.mark.parametrize("junk", [b"", b"[1, 2]", b'{"a": "b"}', b"\xff\xfe"])
def test_a_damaged_file_of_measurements_is_replaced(tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "estimator.json"
    file.write_bytes(junk)
    estimator = TimeEstimator(fake_studio(), file)
    estimator.update(painted(10), 5.0)
    assert estimator.estimate(PaintOptions(pictures=1, steps=10)) == 5.0
