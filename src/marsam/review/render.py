"""The picture on the review page as HTML, readable by a screen reader."""

from pathlib import Path

from markupsafe import Markup

from marsam.batch import row_html
from marsam.batch.images import MissingImage
from marsam.batch.rows import Row
from marsam.batch.strings import language_name
from marsam.documents.check import LONG_ALT_TEXT
from marsam.review.strings import STRINGS
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui import i18n
from marsam.ui.html import macros

_part = macros(Path(__file__).with_name("render.html"), strings=STRINGS, long=LONG_ALT_TEXT)


def picture(row: Row, missing: MissingImage | None, page_language: str, following: str) -> Markup:
    """The picture with its name and size, or why it is not shown.

    ``following`` is the SHA-256 of the picture that is likely to be shown next.
    """
    wanted = (ARABIC, ENGLISH) if page_language == i18n.ARABIC else (ENGLISH, ARABIC)
    captions = ((row.texts.get(one.code), one.tag) for one in wanted)
    alt, tag = next((caption for caption in captions if caption[0]), (row.path, "und"))
    return _part("picture", row, missing, alt, tag, following, row_html.context(row))


def guide(row: Row) -> Markup:
    """What to think of while writing, and the models' drafts beside it."""
    drafts = [
        (language_name(code), language(code).tag, text) for code, text in row.texts.items() if text
    ]
    return _part("guide", drafts)
