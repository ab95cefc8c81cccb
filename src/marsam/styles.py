"""Styles of pictures as data: their names, and the words that each adds to a prompt.

A style is one row of :data:`STYLES`. Its words are put around a prompt when it is painted; the
prompt itself, its translation and the check of the pictures stay those of the user.
"""

from collections.abc import Mapping
from typing import NamedTuple

from marsam.errors import OptionError

NO_STYLE = ""


class Style(NamedTuple):
    """A style: its name in options, its names for people, and its words for the painter.

    The words come first and last, so that those before the prompt are read even where its end is
    cut. They have no brackets, which weights in a prompt are made of.
    """

    key: str
    en: str
    ar: str
    before: str
    after: str
    negative: str


STYLES: Mapping[str, Style] = {
    row[0]: Style(*row)
    for row in (
        (
            "photo",
            "Photograph",
            "صورة فوتوغرافية",
            "a photograph of",
            "natural light, sharp focus",
            "drawing, painting, illustration, cartoon",
        ),
        (
            "watercolour",
            "Watercolour",
            "ألوان مائية",
            "a watercolor painting of",
            "soft washes, white paper",
            "photograph, 3d render",
        ),
        (
            "oil",
            "Oil painting",
            "لوحة زيتية",
            "an oil painting of",
            "visible brush strokes, canvas",
            "photograph, 3d render",
        ),
        (
            "pencil",
            "Pencil drawing",
            "رسم بالرصاص",
            "a pencil drawing of",
            "graphite shading, white paper",
            "photograph, colorful, painting",
        ),
        (
            "colouring",
            "Colouring page",
            "صفحة تلوين",
            "a coloring book page of",
            "black outlines on white, no shading",
            "color, gray, shading, photograph, text",
        ),
        (
            "paper",
            "Paper cut-out",
            "قصاصات ورق",
            "a paper cut out of",
            "layered colored paper, simple shapes",
            "photograph, drawing, text",
        ),
        (
            "pictogram",
            "Pictogram",
            "رسم مبسّط",
            "a flat pictogram of",
            "simple shapes, plain background",
            "photograph, shading, texture, text",
        ),
        (
            "comic",
            "Comic",
            "قصة مصوّرة",
            "a comic book panel of",
            "bold outlines, flat colors",
            "photograph, speech bubble, text",
        ),
        (
            "clay",
            "Clay model",
            "مجسّم صلصال",
            "a clay model of",
            "plasticine, studio light",
            "drawing, painting, text",
        ),
        (
            "mosaic",
            "Mosaic",
            "فسيفساء",
            "a mosaic of",
            "small colored stone tiles",
            "photograph, smooth, blurry",
        ),
        (
            "miniature",
            "Manuscript miniature",
            "منمنمة",
            "an arabic manuscript miniature of",
            "gold and opaque colors, flat perspective",
            "photograph, 3d render, text",
        ),
        (
            "embroidery",
            "Embroidery",
            "تطريز",
            "an embroidery of",
            "colored thread on fabric",
            "photograph, drawing, text",
        ),
    )
}
"""The styles by key, in the order in which people choose from them."""


def style_named(key: str) -> Style | None:
    """Return the style of a key; None for :data:`NO_STYLE`.

    Raises:
        OptionError: when there is no such style.
    """
    if key == NO_STYLE:
        return None
    if key not in STYLES:
        raise OptionError(
            "There is no style {name!r}; choose one of {styles}.",
            name=key[:100],
            styles=list(STYLES),
        )
    return STYLES[key]


def in_style(words: str, key: str) -> str:
    """Return a prompt, weighted or not, in a style: the text that the painter reads."""
    if (style := style_named(key)) is None:
        return words
    return f"{style.before} {words.strip().rstrip('.,')}, {style.after}"


def negative_in_style(negative: str, key: str) -> str:
    """Return a negative prompt with what a style's pictures should not show."""
    style = style_named(key)
    return ", ".join(filter(None, (negative, style and style.negative)))


def without_style(prompt: str, negative: str, key: str) -> tuple[str, str] | None:
    """Return the prompt and the negative prompt that were painted in a style.

    None when they are not in this style's words, which another version of Marsam may have had.
    """
    if (style := STYLES.get(key)) is None:
        return None
    words = prompt.removeprefix(f"{style.before} ").removesuffix(f", {style.after}")
    own = negative.removesuffix(style.negative).removesuffix(", ")
    # A negative prompt without effect is not recorded.
    is_same = in_style(words, key) == prompt and negative in ("", negative_in_style(own, key))
    return (words, own) if is_same else None
