"""The direction in which texts run: Arabic text is not English, whatever a file says."""

import unicodedata
from collections import Counter

from marsam.documents.document import Context
from marsam.text.languages import known_language

_MAX_SAMPLE = 200
"""Characters of a text that show its direction."""


def is_right_to_left(text: str) -> bool:
    """Whether most letters at the beginning of a text are written from right to left."""
    if text.isascii():
        return False
    directions = Counter(map(unicodedata.bidirectional, text[:_MAX_SAMPLE]))
    return directions["R"] + directions["AL"] > directions["L"]


def is_written_in(text: str, tag: str) -> bool:
    """Whether a text runs as the language of a BCP 47 tag does; unknown ones as English does."""
    return is_right_to_left(text) == _is_right_to_left_language(tag)


def fitting(tag: str, context: Context) -> str:
    """The language that a document says of all of it; empty where the text around is not in it.

    Office programs say that an Arabic text is in the language of their menus. Latin letters say
    nothing: an Arabic text may have names and code in it.
    """
    around = " ".join((context.before, context.after, context.caption, context.heading))
    return "" if is_right_to_left(around) and not _is_right_to_left_language(tag) else tag


def _is_right_to_left_language(tag: str) -> bool:
    language = known_language(tag.partition("-")[0])
    return language is not None and language.direction == "rtl"
