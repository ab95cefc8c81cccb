"""The mini set on a cluster: what comes back is what this process makes, pixel for pixel."""

from collections.abc import Callable
from pathlib import Path

import pytest

import marsam
from marsam import Painted, PaintOptions, RunOptions, Studio
from marsam.cluster import Plan, StageResources

EXAMPLES = Path(marsam.__file__).parent / "web" / "examples"


@pytest.fixture(scope="module")
def remote(reach: Callable[..., Studio]) -> Studio:
    one = StageResources(
        threads=3, cpus=0.5
    )  # more than here: small models are computed by one thread
    return reach("mini", Plan(models="mini", captioner=one, translator=one, painter=one))


@pytest.fixture(scope="module")
def here() -> Studio:
    return Studio.load("mini")


def test_it_is_the_same_studio(remote: Studio, here: Studio) -> None:
    assert (remote.names, remote.models, remote.reason) == (here.names, here.models, here.reason)
    assert remote.device == here.device
    for recipe in marsam.Recipe:
        assert remote.painter.sampling(recipe) == here.painter.sampling(recipe)
    long = "a cat " * 60
    assert remote.painter.measure(long) == here.painter.measure(long)


def test_the_same_pictures_words_and_previews(remote: Studio, here: Studio) -> None:
    paint = PaintOptions(pictures=2, seed=7, steps=6, preview_every=2)
    runs = [
        list(studio.stream(EXAMPLES / "cat.png", RunOptions(paint=paint)))
        for studio in (remote, here)
    ]
    for far, near in zip(*runs, strict=True):
        assert type(far) is type(near)
        if isinstance(far, Painted) and isinstance(near, Painted):
            assert far.picture == near.picture  # its image among the rest
        elif not hasattr(far, "seconds") and not hasattr(far, "result"):
            assert far == near
    far, near = (run[-1].result for run in runs)  # type: ignore[union-attr]
    assert (far.caption, far.prompt, far.fidelity) == (near.caption, near.prompt, near.fidelity)


def test_an_arabic_prompt(remote: Studio, here: Studio) -> None:
    far, near = (
        studio.run(prompt="قطة على خلفية زرقاء", pictures=1, seed=3) for studio in (remote, here)
    )
    assert far.prompt == near.prompt
    assert far.pictures == near.pictures


def test_the_same_variations(remote: Studio, here: Studio) -> None:
    far, near = (
        studio.run(EXAMPLES / "cat.png", strength=0.5, pictures=2, seed=3)
        for studio in (remote, here)
    )
    assert far.pictures == near.pictures
    assert {picture.strength for picture in far.pictures} == {0.5}
    assert len({picture.start_sha256 for picture in far.pictures}) == 1
