"""Styles with real pipelines: the bundled painter, which knows none, and painters that do."""

from pathlib import Path

import numpy as np
import pytest

from marsam import OptionError, Painted, PaintOptions, Picture, Recipe, Studio
from marsam.device import choose_device
from marsam.hub.catalog import MINI, bundled_folder
from marsam.imaging.metadata import read_record
from marsam.stages.painter import DiffusionPainter
from marsam.styles import STYLES, in_style
from tests.helpers.commands import marsam

CLAY = STYLES["clay"]


def painted(painter: DiffusionPainter, prompt: str, **options: object) -> Picture:
    chosen = PaintOptions(pictures=1, seed=7, steps=3, width=64, height=64, **options)  # type: ignore[arg-type]
    events = painter.paint(prompt, chosen)
    return next(event.picture for event in events if isinstance(event, Painted))


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image, float)


def test_the_bundled_painter_refuses_styles(studio: Studio) -> None:
    assert not studio.painter.sampling(Recipe.DRAFT).styles
    with pytest.raises(OptionError, match="knows no styles"):
        studio.run(prompt="a cat", style="clay")


def test_stable_diffusion_paints_the_prompt_with_the_words_of_the_style() -> None:
    """The bundled pipeline as a custom model: Stable Diffusion 1.5 in miniature."""
    painter = DiffusionPainter(bundled_folder(MINI.painter), device=choose_device("cpu"))
    styled = painted(painter, "a (cat:1.3)", style="clay", negative_prompt="a dog")
    typed = painted(
        painter, in_style("a (cat:1.3)", "clay"), negative_prompt=f"a dog, {CLAY.negative}"
    )
    assert (pixels(styled) == pixels(typed)).all()
    assert (styled.prompt, styled.negative_prompt) == (typed.prompt, typed.negative_prompt)
    assert (styled.style, typed.style) == ("clay", "")
    assert (pixels(styled) != pixels(painted(painter, "a (cat:1.3)"))).any()


def test_sdxl_paints_in_a_style(sdxl: DiffusionPainter) -> None:
    assert sdxl.sampling(Recipe.BALANCED).styles
    styled = painted(sdxl, "a cat", style="clay")
    assert (
        pixels(styled) == pixels(painted(sdxl, styled.prompt, negative_prompt=CLAY.negative))
    ).all()
    without_guidance = painted(sdxl, "a cat", style="clay", guidance_scale=1)
    assert without_guidance.negative_prompt == ""


def test_the_command_line_paints_and_repeats_a_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    painter = str(bundled_folder(MINI.painter))
    command = ("run", "--models", "mini", "--prompt", "قطة", "--style", "clay", "--seed", "7")
    assert marsam(*command, "-n", "1", "--steps", "2") == 1
    assert "knows no styles" in capsys.readouterr().err
    assert marsam(*command, "-n", "1", "--steps", "2", "--painter", painter) == 0
    record = read_record(Path("pictures/marsam-7.png"))
    assert record is not None
    assert (record.english, record.arabic, record.style) == ("a cat", "قطة", "clay")
    assert record.prompt == in_style("a cat", "clay")
