"""How long a picture takes is measured, remembered, and never a reason to fail."""

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


def test_nothing_is_known_before_it_was_measured() -> None:
    assert TimeEstimator(fake_studio()).estimate(PaintOptions()) is None


def test_one_picture_tells_about_every_recipe() -> None:
    estimator = TimeEstimator(fake_studio())
    methods = recipes(adapter=False)
    balanced = methods[Recipe.BALANCED]
    estimator.update(painted(balanced.steps), 10.0)
    assert estimator.estimate(PaintOptions(pictures=4)) == pytest.approx(40)
    times = estimator.seconds_per_picture()
    # By how often the U-Net looks: twice in a guided step.
    assert times[Recipe.DRAFT] == pytest.approx(10 * 16 / (2 * balanced.steps))
    assert times[Recipe.FAITHFUL] == pytest.approx(10 * 100 / (2 * balanced.steps))


def test_the_figure_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "new" / "estimator.json"
    TimeEstimator(fake_studio(), file).update(painted(10), 5.0)
    assert TimeEstimator(fake_studio(), file).estimate(PaintOptions(pictures=1, steps=10)) == 5.0


def test_another_size_is_another_matter() -> None:
    estimator = TimeEstimator(fake_studio())
    estimator.update(painted(10), 5.0)
    assert estimator.estimate(PaintOptions(width=512, height=512)) is None


def test_a_withheld_picture_teaches_nothing() -> None:
    estimator = TimeEstimator(fake_studio())
    estimator.update(dataclasses.replace(painted(10), image=None, blocked=True), 5.0)
    assert estimator.estimate(PaintOptions()) is None


@pytest.mark.parametrize("junk", [b"", b"[1, 2]", b'{"a": "b"}', b"\xff\xfe"])
def test_a_damaged_file_is_measured_anew(tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "estimator.json"
    file.write_bytes(junk)
    estimator = TimeEstimator(fake_studio(), file)
    estimator.update(painted(10), 5.0)
    assert estimator.estimate(PaintOptions(pictures=1, steps=10)) == 5.0
