"""What pages say about a row of a table: its notices, and how saving it went; in both languages."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from markupsafe import Markup

from marsam.batch.review import Review
from marsam.batch.rows import Row
from marsam.batch.strings import STRINGS, language_name, progress
from marsam.errors import MarsamError, PromptError
from marsam.imaging.file_kinds import arabic_of
from marsam.notices import Notice
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.text.languages import language
from marsam.ui import i18n
from marsam.ui.html import EMPTY, bdi, macros
from marsam.ui.i18n import Bilingual

_part = macros(Path(__file__).with_suffix(".html"), strings=STRINGS)


def count(rows: Iterable[Row]) -> Markup:
    """How many of the pictures are reviewed, with a progress bar."""
    rows = list(rows)
    done = reviewed(rows)
    return _part("count", done, len(rows), progress(done, len(rows)))


def reviewed(rows: Iterable[Row]) -> int:
    """How many rows are reviewed."""
    return sum(row.reviewed and not row.error for row in rows)


def context(row: Row) -> Markup:
    """Where the picture is in a document, and what is around it there; empty for others."""
    return _part("context", row.context.split(" | ")) if row.context else EMPTY


def notices(
    row: Row,
    *,
    unsaved: bool = False,
    elsewhere: Mapping[str, str] | None = None,
    state: bool = True,
) -> Markup:
    """Warnings and errors of a row, and what was changed and not saved.

    Args:
        row: the row.
        unsaved: the page shows texts that were not saved.
        elsewhere: the row's texts by NLLB code if they were changed on another page.
        state: also say that the row is reviewed.
    """
    texts = elsewhere and [
        (language_name(code), language(code).tag, text) for code, text in elsewhere.items()
    ]
    arabic = row.failure.ar if row.failure else arabic_of(row.error)
    error = Bilingual(row.error, arabic).html if arabic else None
    return _part("notices", row, map(_notice, row.warnings), unsaved, texts, state, error)


def saved(review: Review) -> Markup:
    """A row was saved, in its table or, when that cannot be written, beside it."""
    if review.write_error:
        reason = Bilingual(review.write_error.en, review.write_error.ar)
        return STRINGS.html("saved_beside", review.corrections.file.name, reason)
    return STRINGS.html("saved")


def not_saved(error: MarsamError, texts: Iterable[str]) -> Markup:
    """Why texts were not saved, after :meth:`.Review.save` raised an error."""
    if isinstance(error, PromptError):
        reason = "too_long" if any(map(str.strip, texts)) else "empty"
        return STRINGS.html(reason, MAX_TEXT_CHARACTERS)
    return STRINGS.html("not_saved", Bilingual(error.en, error.ar))


def _notice(name: str) -> Markup:
    try:
        return i18n.both(Notice[name.upper()])
    except KeyError:  # of a newer Marsam
        return bdi(name)
