import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from marsam import (
    Captioned,
    Checked,
    Finished,
    Painted,
    PaintOptions,
    Picture,
    Previewed,
    Prompted,
    Recipe,
    Studio,
    Translated,
)
from marsam.hub.catalog import MINI, bundled_folder

EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"


def painted(studio: Studio, **options: object) -> list[Picture]:
    chosen = PaintOptions(**options)  # type: ignore[arg-type]
    events = studio.painter.paint("a cat on a blue background", chosen)
    return [event.picture for event in events if isinstance(event, Painted)]


def pixels(picture: Picture) -> bytes:
    assert picture.image is not None
    return picture.image.tobytes()


def test_a_complete_run_on_an_unseen_style(studio: Studio) -> None:
    events = list(studio.stream(EXAMPLES / "car.png", pictures=2, seed=7))
    kinds = [type(event) for event in events if not isinstance(event, Previewed)]
    assert kinds == [Captioned, Translated, Prompted, Painted, Checked, Painted, Checked, Finished]
    result = events[-1].result  # type: ignore[union-attr]
    assert result.caption is not None
    assert result.caption.text == "a car on a green background"
    assert result.prompt.arabic == "سيارة على خلفية خضراء"
    assert [picture.seed for picture in result.pictures] == [7, 8]
    assert all(picture.image and picture.image.size == (128, 128) for picture in result.pictures)


def test_pictures_have_the_background_of_the_prompt(studio: Studio) -> None:
    for picture in painted(studio, pictures=3, seed=1):
        assert picture.image is not None
        red, _green, blue = picture.image.getpixel((2, 2))  # type: ignore[misc]
        assert blue > red + 60


@pytest.mark.parametrize("recipe", Recipe)
def test_same_seed_same_pixels_alone_or_in_a_batch(studio: Studio, recipe: Recipe) -> None:
    many = painted(studio, pictures=2, seed=7, recipe=recipe)
    alone = painted(studio, pictures=1, seed=8, recipe=recipe)
    assert pixels(many[1]) == pixels(alone[0])
    assert pixels(many[0]) != pixels(many[1])


@pytest.mark.parametrize(
    ("recipe", "steps", "scheduler"),
    [
        (Recipe.DRAFT, 8, "UniPCMultistep"),
        (Recipe.BALANCED, 12, "UniPCMultistep"),
        (Recipe.FAITHFUL, 50, "DDIM"),
    ],
)
def test_recipes(studio: Studio, recipe: Recipe, steps: int, scheduler: str) -> None:
    picture = painted(studio, pictures=1, seed=7, recipe=recipe)[0]
    assert (picture.steps, picture.scheduler) == (steps, scheduler)


def test_previews_are_pictures(studio: Studio) -> None:
    events = studio.painter.paint("a cat", PaintOptions(pictures=1, steps=6, preview_every=2))
    previews = [event for event in events if isinstance(event, Previewed)]
    assert [event.step for event in previews] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in previews if event.image] == [2, 4]


def test_closing_the_stream_stops_between_two_steps(studio: Studio) -> None:
    events = studio.painter.paint("a cat", PaintOptions(pictures=4, steps=150))
    assert isinstance(next(events), Previewed)
    events.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("paint-")]
    assert painted(studio, pictures=1, steps=2, seed=1)  # and the painter is free again


def test_a_stopped_picture_does_not_affect_the_next(studio: Studio) -> None:
    expected = pixels(painted(studio, pictures=1, seed=3, recipe=Recipe.FAITHFUL)[0])
    events = studio.painter.paint("a cat", PaintOptions(pictures=1, seed=9))
    assert isinstance(next(events), Previewed)
    events.close()  # type: ignore[attr-defined]
    assert pixels(painted(studio, pictures=1, seed=3, recipe=Recipe.FAITHFUL)[0]) == expected


def test_two_concurrent_runs_are_independent(studio: Studio) -> None:
    expected = [pixels(painted(studio, pictures=1, steps=4, seed=seed)[0]) for seed in (1, 2)]
    found: dict[int, bytes] = {}

    def work(seed: int) -> None:
        found[seed] = pixels(painted(studio, pictures=1, steps=4, seed=seed)[0])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[1], found[2]] == expected


def test_without_any_network(tmp_path: Path) -> None:
    # A fresh process in which opening a connection is an error.
    code = """
import socket, sys
def refuse(*a, **k):
    raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from marsam.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(EXAMPLES / "car.png"), "-n1", "--seed=7", "--json"],
        env=os.environ | {"MARSAM_MODELS": "mini"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["caption"]["ar"] == "سيارة على خلفية خضراء"
    assert (tmp_path / document["pictures"][0]["path"]).is_file()


def test_architectures_size_and_licences_of_the_mini_set() -> None:
    classes = {
        "captioner": "BlipForConditionalGeneration",
        "translator": "M2M100ForConditionalGeneration",
    }
    for model in (MINI.captioner, *MINI.translators):
        config = json.loads((bundled_folder(model) / "config.json").read_text(encoding="utf-8"))
        assert config["architectures"] == [classes[model.stage]]
    index = json.loads((bundled_folder(MINI.painter) / "model_index.json").read_text("utf-8"))
    assert index["_class_name"] == "StableDiffusionPipeline"
    files = [f for f in bundled_folder(MINI.painter).parent.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 60_000_000
    assert {f.suffix for f in files} <= {".json", ".tsv", ".txt", ".safetensors", ".md", ".jinja"}
    card = (bundled_folder(MINI.painter).parent / "README.md").read_text(encoding="utf-8")
    for licence in ("Apache-2.0", "CC BY 4.0", "MIT"):
        assert licence in card
