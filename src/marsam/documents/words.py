"""Texts as documents of every format may have them, and as people can read them."""

import re

import regex

from marsam.documents.document import AltText
from marsam.errors import OptionError

_SPACES = re.compile("[\t\n\v\f\r \x85\u2028\u2029]+")
_UNWRITABLE = regex.compile(r"[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]")
"""Controls, surrogates and noncharacters, which no document may have."""


def checked(alt: AltText) -> str:
    """The text to write, on one line; OptionError if there is none and it is not decorative."""
    text = "" if alt.decorative else one_line(alt.text)
    if not (text or alt.decorative):
        raise OptionError("An alt text is empty; mark the picture as decorative instead.")
    return text


def one_line(text: str) -> str:
    """An alt text as it is written: one line, without characters that no document may have."""
    return _UNWRITABLE.sub("", _SPACES.sub(" ", text)).strip(" ")


def readable(text: str) -> str:
    """A text for people: with marks in place of bytes that its encoding does not know."""
    return text.encode(errors="replace").decode()
