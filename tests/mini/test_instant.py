"""The recipe ``instant``: pictures in one step with the mini set's LoRA."""

import json
from pathlib import Path

import pytest
from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Recipe, Studio
from marsam.results import Picture
from tests.helpers.commands import marsam

THINGS = ("cat", "banana", "bus", "sunflower", "house", "penguin")


def paint(studio: Studio, prompt: str, recipe: Recipe, seed: int = 1) -> Picture:
    options = PaintOptions(pictures=1, seed=seed, recipe=recipe)
    events = studio.painter.paint(prompt, options)
    (picture,) = (event.picture for event in events if isinstance(event, Painted))
    return picture


def image(picture: Picture) -> Image.Image:
    assert picture.image is not None
    return picture.image


def test_one_step_shows_what_the_prompt_says(studio: Studio) -> None:
    for thing in THINGS:
        picture = paint(studio, f"a {thing} on a white background", Recipe.INSTANT)
        assert (picture.steps, picture.scheduler, picture.guidance_scale) == (1, "LCM", 1.0)
        assert picture.adapter == "marsam/mini-adapter"
        (caption, *_) = studio.captioner.caption(image(picture), CaptionOptions())
        assert thing in caption.text


def test_seeds_give_different_pictures_and_the_same_seed_the_same(studio: Studio) -> None:
    first, again, other = (
        image(paint(studio, "a cat on a pink background", Recipe.INSTANT, seed))
        for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_other_recipes_paint_the_same_before_and_after(studio: Studio) -> None:
    before = image(paint(studio, "a bus", Recipe.BALANCED))
    paint(studio, "a bus", Recipe.INSTANT)
    after = image(paint(studio, "a bus", Recipe.BALANCED))
    assert before.tobytes() == after.tobytes()


def test_the_command_paints_and_repeats_an_instant_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    command = ("paint", "a cat", "--models", "mini", "--pictures", "1", "--seed", "4")
    assert marsam(*command, "--recipe", "instant", "--out", str(folder), "--json") == 0
    capsys.readouterr()
    (path,) = folder.glob("*.png")
    assert marsam("show", str(path), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["recipe"], record["steps"]) == ("instant", 1)
    assert marsam("run", "--like", str(path), "--out", str(tmp_path / "again")) == 0
    (again,) = (tmp_path / "again").glob("*.png")
    assert Image.open(path).tobytes() == Image.open(again).tobytes()
    capsys.readouterr()
    assert marsam(*command, "--recipe", "instant", "--steps", "4") != 0
    assert "paints in one step" in capsys.readouterr().err
