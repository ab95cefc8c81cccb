"""Options as text in the boxes of the page, and back."""

from marsam.errors import OptionError
from marsam.options import DEFAULT_STRENGTH, PaintOptions, parse_size
from marsam.recipes import Recipe
from marsam.styles import NO_STYLE

RECIPES_BY_NAME = {str(recipe): recipe for recipe in Recipe}
BOXES = {
    "pictures": "number",
    "steps": "steps",
    "guidance_scale": "guidance",
    "size": "size",
    "width": "size",
    "height": "size",
    "strength": "strength",
    "seed": "seed",
    "negative_prompt": "negative",
    "style": "style",
    "as_written": "as-written",
}
"""IDs of the boxes in the page, by the names of their options."""
SIZES = ("128×128", "256×256", "512×512", "512×768", "768×512", "768×768")
"""Width and height in pixels."""
MINI_SIZES = SIZES[:1]
"""The mini models draw everything at this size; larger pictures are patterns of it."""
START_WORDS, START_PICTURE = "start_words", "start_picture"
"""What new pictures begin with: the words alone, or the input picture as well."""


def paint_options(
    number: float,
    recipe: str,
    steps: str,
    size: str = "",
    guidance: str = "",
    seed: str = "",
    negative: str = "",
    start: str = START_WORDS,
    strength: float = DEFAULT_STRENGTH,
    style: str | None = NO_STYLE,
    as_written: bool = PaintOptions.as_written,
) -> PaintOptions:
    """Options from the values of the boxes, in the order of the page; empty means the default.

    Raises:
        OptionError: when a value is no number, or out of range.
    """
    width, height = parse_size(size)
    return PaintOptions(
        pictures=int(number),
        seed=parse_int("seed", seed),
        recipe=RECIPES_BY_NAME[recipe],
        steps=parse_int("steps", steps),
        guidance_scale=parse_float("guidance_scale", guidance),
        negative_prompt=negative or "",
        style=style or NO_STYLE,
        width=width,
        height=height,
        strength=strength if start == START_PICTURE else None,
        as_written=bool(as_written),
    )


def parse_float(option: str, text: str | None) -> float | None:
    """A number in Western or Arabic digits; None for no text.

    Raises:
        OptionError: for text that is no number.
    """
    number = (text or "").strip().replace("٫", ".")
    try:
        return float(number) if number else None
    except ValueError as error:
        sentence = "{option} must be a number (got {text!r})."
        raise OptionError(sentence, option=option, text=text) from error


def parse_int(option: str, text: str | None) -> int | None:
    """A whole number in Western or Arabic digits; None for no text.

    Raises:
        OptionError: for text that is no whole number.
    """
    number = parse_float(option, text)
    if number is not None and not number.is_integer():  # nor is infinity
        raise OptionError(
            "{option} must be a whole number (got {text!r}).", option=option, text=text
        )
    return None if number is None else int(number)


def format_number(number: float | None) -> str:
    """The text that is parsed to a number."""
    return "" if number is None else f"{number:g}" if isinstance(number, float) else str(number)
