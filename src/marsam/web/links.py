"""Links to the words and settings of pictures, with which others paint the same on this page.

They are in the fragment of the page's address: browsers send that to no server, so that a person's
words are in no log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from marsam.errors import OptionError
from marsam.options import MAX_TEXT_CHARACTERS, PaintOptions, checked_text
from marsam.recipes import recipe_named
from marsam.results import Prompt
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.web.settings import format_number, paint_options, parse_int

MAX_CHARACTERS = 20 * MAX_TEXT_CHARACTERS
"""Most characters of a link's fragment; an Arabic letter takes six."""
_SETTINGS = ("number", "recipe", "steps", "size", "guidance", "seed", "negative", "style")


@dataclass(frozen=True)
class Link:
    """What a link contains.

    Attributes:
        texts: by language.
        options: of the pictures.
    """

    texts: Mapping[str, str]
    options: PaintOptions


def link_to(prompt: Prompt, options: PaintOptions, *, seed: int) -> str:
    """Return the fragment of a link to the words and settings of pictures from ``seed`` on.

    Empty for variations: no link contains the picture that they start from.
    """
    if options.strength is not None:
        return ""
    size = f"{options.width}x{options.height}" if options.width and options.height else ""
    values = {
        ENGLISH: prompt.in_english,
        ARABIC: prompt.arabic,
        "number": str(options.pictures),
        "recipe": str(options.recipe),
        "steps": format_number(options.steps),
        "size": size,
        "guidance": format_number(options.guidance_scale),
        "seed": str(seed),
        "negative": options.negative_prompt,
        "style": options.style,
        "as_written": "yes" if options.as_written else "",
    }
    return "#" + urlencode({name: value for name, value in values.items() if value})


def read_link(fragment: object) -> Link | None:
    """Return what a link contains; None for another fragment.

    Raises:
        OptionError: when a value is no number, or out of range.
        PromptError: when a text is too long.
    """
    if not isinstance(fragment, str) or not fragment:
        return None
    if len(fragment) > MAX_CHARACTERS:
        raise OptionError("The link is too long.")
    try:
        fields = parse_qs(fragment.removeprefix("#"), max_num_fields=20)
    except ValueError as error:
        raise OptionError("The link is damaged.") from error
    values = {name: found[0] for name, found in fields.items()}
    texts = {one: checked_text(values[one]) for one in (ENGLISH, ARABIC) if one in values}
    if not texts:
        return None
    settings: dict[str, Any] = {name: values[name] for name in _SETTINGS if name in values}
    number = settings.pop("number", str(PaintOptions.pictures))
    recipe = str(recipe_named(settings.pop("recipe", PaintOptions.recipe)))
    options = paint_options(
        parse_int("pictures", number) or PaintOptions.pictures,
        recipe,
        settings.pop("steps", ""),
        **settings,
        as_written="as_written" in values,
    )
    return Link({ENGLISH: "", ARABIC: "", **texts}, options)
