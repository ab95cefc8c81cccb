"""Parts of the review page as HTML, in both languages and readable by a screen reader."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from marsam.batch.rows import Row
from marsam.notices import Notice
from marsam.review.images import MissingImage
from marsam.review.strings import STRINGS, language_name, progress
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui import i18n
from marsam.ui.html import bdi, macros

_part = macros(Path(__file__).with_name("render.html"), strings=STRINGS)


def count(done: int, total: int) -> Markup:
    """How many of the pictures are reviewed, with a progress bar."""
    return _part("count", done, total, progress(done, total))


def picture(row: Row, missing: MissingImage | None, page_language: str, following: str) -> Markup:
    """The picture with its name and size, or why it is not shown.

    ``following`` is the SHA-256 of the picture that is likely to be shown next.
    """
    wanted = (ARABIC, ENGLISH) if page_language == i18n.ARABIC else (ENGLISH, ARABIC)
    captions = ((row.texts.get(one.code), one.tag) for one in wanted)
    alt, tag = next((caption for caption in captions if caption[0]), (row.path, "und"))
    return _part("picture", row, missing, alt, tag, following)


def notices(row: Row, *, unsaved: bool, elsewhere: Mapping[str, str] | None = None) -> Markup:
    """Warnings and errors of a row, and what was changed and not saved."""
    texts = elsewhere and [
        (language_name(code), language(code).tag, text) for code, text in elsewhere.items()
    ]
    return _part("notices", row, map(_notice, row.warnings), unsaved, texts)


def _notice(name: str) -> Markup:
    try:
        return i18n.both(Notice[name.upper()])
    except KeyError:  # of a newer Marsam
        return bdi(name)
