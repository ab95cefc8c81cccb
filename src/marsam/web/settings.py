"""Options as text in the boxes of the page, and back."""

from marsam.errors import OptionError
from marsam.options import PaintOptions, parse_size
from marsam.recipes import Recipe

RECIPES_BY_NAME = {str(recipe): recipe for recipe in Recipe}
SIZES = ("128×128", "256×256", "512×512", "512×768", "768×512", "768×768")
"""Width and height in pixels."""


def paint_options(
    number: float,
    recipe: str,
    steps: str,
    guidance: str = "",
    size: str = "",
    seed: str = "",
    negative: str = "",
) -> PaintOptions:
    """Options from the values of the boxes, in the order of the page; empty means the default.

    Raises:
        OptionError: when a value is no number, or out of range.
    """
    width, height = parse_size(size)
    return PaintOptions(
        pictures=int(number),
        seed=parse_int(seed),
        recipe=RECIPES_BY_NAME[recipe],
        steps=parse_int(steps),
        guidance_scale=parse_float(guidance),
        negative_prompt=negative or "",
        width=width,
        height=height,
    )


def parse_float(text: str | None) -> float | None:
    """A number in Western or Arabic digits; None for no text.

    Raises:
        OptionError: for text that is no number.
    """
    number = (text or "").strip().replace("٫", ".")
    try:
        return float(number) if number else None
    except ValueError as error:
        raise OptionError(f"{text!r} is not a number.") from error


def parse_int(text: str | None) -> int | None:
    """A whole number in Western or Arabic digits; None for no text.

    Raises:
        OptionError: for text that is no whole number.
    """
    number = parse_float(text)
    if number is not None and not number.is_integer():  # nor is infinity
        raise OptionError(f"{text!r} is not a whole number.")
    return None if number is None else int(number)


def format_number(number: float | None) -> str:
    """The text that is parsed to a number."""
    return "" if number is None else f"{number:g}" if isinstance(number, float) else str(number)
