"""Weights in prompts, by the bundled painter and by a tiny random SDXL."""

import pytest
from PIL import Image

from marsam import Painted, PaintOptions, Studio
from marsam.recipes import Recipe
from marsam.stages.protocols import Painter


def painted(painter: Painter, prompt: str, negative: str = "") -> Image.Image:
    options = PaintOptions(
        pictures=1, seed=5, steps=3, width=64, height=64, negative_prompt=negative
    )
    (event,) = (e for e in painter.paint(prompt, options) if isinstance(e, Painted))
    assert event.picture.image is not None
    assert (event.picture.prompt, event.picture.negative_prompt) == (prompt, negative)
    return event.picture.image


def differs(one: Image.Image, other: Image.Image) -> bool:
    return one.tobytes() != other.tobytes()


@pytest.mark.parametrize("family", ["mini", "sdxl"])
def test_a_weight_changes_the_picture(
    studio: Studio, family: str, request: pytest.FixtureRequest
) -> None:
    painter = request.getfixturevalue("sdxl") if family == "sdxl" else studio.painter
    assert painter.sampling(Recipe.BALANCED).prompt_weights
    plain = painted(painter, "a cat on a blue background")
    assert differs(painted(painter, "a (cat:1.5) on a blue background"), plain)
    # A weight of 1 is none: the embeddings are exactly those of the pipeline.
    assert not differs(painted(painter, "a (cat:1) on a blue background"), plain)
    negative = painted(painter, "a cat on a blue background", "dog")
    weighted = painted(painter, "a cat on a blue background", "(dog:1.5)")
    assert differs(negative, weighted)
    # What is weighted elsewhere leaves the negative prompt as the pipeline reads it.
    assert differs(painted(painter, "a (cat:1.5) on a blue background", "dog"), weighted)


def test_escaped_brackets_are_brackets(studio: Studio) -> None:
    assert not differs(
        painted(studio.painter, r"a cat, ratio \(3:2\)"),
        painted(studio.painter, "a cat, ratio ( 3 : 2 )"),
    )
