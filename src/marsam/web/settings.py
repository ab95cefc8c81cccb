"""What is typed into the settings, as options, and options as they would be typed."""

from marsam.errors import OptionError
from marsam.recipes import Recipe

RECIPES_BY_NAME = {str(recipe): recipe for recipe in Recipe}
"""Recipes, by what the page and old files call them."""


def decimal(text: str | None) -> float | None:
    """A number as people type it, in either language's digits; nothing is None.

    Raises:
        OptionError: for what is not a number.
    """
    written = (text or "").strip().replace("٫", ".")
    try:
        return float(written) if written else None
    except ValueError as error:
        raise OptionError(f"{text!r} is not a number.") from error


def written(number: float | None) -> str:
    """A number as it would be typed; None is nothing."""
    return "" if number is None else f"{number:g}" if isinstance(number, float) else str(number)


def whole(text: str | None) -> int | None:
    """A whole number, likewise.

    Raises:
        OptionError: for anything else.
    """
    number = decimal(text)
    if number is not None and not number.is_integer():  # infinity is none either
        raise OptionError(f"{text!r} is not a whole number.")
    return None if number is None else int(number)
