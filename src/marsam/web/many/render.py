"""Parts of the tab as HTML, in both languages and readable by a screen reader."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from marsam.batch import row_html
from marsam.batch.discovery import IMAGE_SUFFIXES
from marsam.batch.review import digest
from marsam.batch.rows import DECORATIVE, DRAFT, EDITED, REVIEWED, Row
from marsam.batch.strings import progress
from marsam.documents.check import LONG_ALT_TEXT
from marsam.documents.formats import WRITABLE
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.text.languages import ARABIC, ENGLISH
from marsam.ui.html import EMPTY, macros
from marsam.ui.i18n import both, pictures
from marsam.web.many.documents import ListedDocument
from marsam.web.many.files import WRITERS
from marsam.web.many.lists import KEEP_DAYS
from marsam.web.many.picture_list import MAX_PICTURES, PictureList, key_of
from marsam.web.many.strings import STRINGS, days, described, left

_STATES = {EDITED: DRAFT, DECORATIVE: REVIEWED}
"""States of rows that the page treats as others."""
FILTERS = ("all", "draft", "check", "error")
_part = macros(
    Path(__file__).with_name("many.html"),
    strings=STRINGS,
    long=LONG_ALT_TEXT,
    most=MAX_TEXT_CHARACTERS,
)


def tab() -> Markup:
    """The empty tab, which ``many.js`` fills."""
    about = STRINGS.html("about", pictures(MAX_PICTURES, genitive=True), days(round(KEEP_DAYS)))
    return _part("tab", IMAGE_SUFFIXES, list(WRITABLE), about, FILTERS, list(WRITERS))


def row(
    key: str, row: Row, image: Path | None, message: Markup = EMPTY, conflict: bool = False
) -> Markup:
    """A picture with its texts and what is to be known of them.

    Args:
        key: of the picture.
        row: with a path only, for a picture that waits.
        image: the file to show.
        message: about an attempt to save it.
        conflict: the texts were changed on another page; those of this page are kept.
    """
    texts = [(one, row.texts.get(one.code, "")) for one in (ENGLISH, ARABIC)]
    current = {one.code: text for one, text in texts} if conflict else None
    about = row_html.notices(row, elsewhere=current, state=False)
    if row.context:
        about = Markup('<p class="context">{}</p>').format(row_html.context(row)) + about
    is_waiting = not row.sha256 and not row.error
    state = "waiting" if is_waiting else _STATES.get(row.state, row.state)
    return _part("row", key, row, state, image, texts, digest(row), message + about)


def panel(one: PictureList, *, stopping: bool) -> Markup:
    """How far a list is, and the button that stops or resumes it."""
    done, total = len(one.review.rows), len(one)
    value = done if done < total else row_html.reviewed(one.review.rows)
    error = both(one.error) if one.error else EMPTY
    rows = one.rows_by_checksum if len(one.documents) else {}
    documents = [
        (key_of(document.name), document, has_texts(document, rows)) for document in one.documents
    ]
    return _part("panel", value, total, done == total, one.working, stopping, error, documents)


def has_texts(document: ListedDocument, rows: Mapping[str, Row]) -> Markup:
    """How many images of a document have a text; ``rows`` are by checksum."""
    return STRINGS.html("have_text", document.described(rows), len(document.images))


def notes(document: ListedDocument) -> list[Markup]:
    """What is to be known of a document that was added."""
    return [
        STRINGS.html(key, document.name, count)
        for key, count in (("unreadable", document.unreadable), ("foreign", document.foreign))
        if count
    ]


def says(one: PictureList, *, stopping: bool) -> Markup:
    """One line about the whole list; it changes at most once for each picture."""
    rows, total = one.review.rows, len(one)
    if stopping:
        return STRINGS.html("stopping")
    if len(rows) == total:
        return progress(row_html.reviewed(rows), total).html
    line = described(len(rows), total).html
    return line if one.working else Markup("{} {}").format(line, left(total - len(rows)).html)
