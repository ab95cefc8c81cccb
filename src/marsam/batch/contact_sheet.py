"""A contact sheet: all rows as one HTML page in Arabic and English, with alt text to copy.

The pictures are not copied; the page shows them from where they are, unless they are embedded.
"""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from marsam.batch import strings as row_strings
from marsam.batch.rows import Row, printable_name
from marsam.batch.tables import Writer
from marsam.notices import Notice
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui.html import template
from marsam.ui.i18n import Bilingual, Strings, both
from marsam.ui.native import native_caption

STRINGS = Strings(
    row_strings.STRINGS,
    title=Bilingual("Captions of the pictures in {}", "أوصاف صور المجلد {}"),
    untitled=Bilingual("Captions of the pictures", "أوصاف الصور"),
    copy=Bilingual("Copy", "نسخ"),
    copied=Bilingual("Copied", "نُسخ"),
)


def is_contact_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet that Marsam wrote."""
    try:
        with path.open("rb") as page:
            return b'<meta name="generator" content="Marsam">' in page.read(1000)
    except OSError:
        return False


class ContactSheetWriter(Writer):
    """Writes a contact sheet row by row.

    Args:
        path: the file; its images have URLs relative to the folder of this path.
        folder: paths of images in rows are relative to it.
        pictures_folder: the folder of new pictures; rows name them relative to its parent.
        embed: gives the ``data:`` URL of a row's image, for a page that is sent without the images.
    """

    def __init__(
        self,
        path: Path,
        *,
        folder: Path,
        pictures_folder: Path,
        embed: Callable[[Row], str] | None = None,
    ) -> None:
        self._url_of = embed or (lambda row: self._url(folder / row.path))
        self._page_folder = path.parent
        self._pictures_parent = pictures_folder.parent
        page = template(Path(__file__).with_name("contact_sheet.html"))
        name = "" if embed else printable_name(folder.resolve().name)
        before, self._after = page.render(name=name, strings=STRINGS, rows="\0").split("\0")
        self._card = page.make_module({"strings": STRINGS}).card  # type: ignore[attr-defined]
        self._file = path.open("w", encoding="utf-8")
        self._file.write(before)

    def write(self, row: Row) -> None:
        """Add a row."""
        texts = sorted(row.texts.items(), key=lambda pair: pair[0] != ARABIC.code)
        alt = row.texts.get(ARABIC.code)
        self._file.write(
            self._card(
                row,
                # Without a hash there may be no such file, or a broken link.
                url=self._url_of(row) if row.sha256 else "",
                alt=alt or row.english,  # empty for a decorative picture
                lang=(ARABIC if alt else ENGLISH).tag,
                new=[self._url(self._pictures_parent / name) for name in row.pictures],
                failure=both(row.failure) if row.failure else None,
                texts=[(language(code), text) for code, text in texts if text],
                native=native_caption(row.native_beside, row.agreement),
                warnings=[Bilingual(*Notice[name.upper()].value) for name in row.warnings],
            )
        )

    def close(self) -> None:
        """Finish and close the file."""
        if not self._file.closed:
            self._file.write(self._after)
        super().close()

    def _url(self, image: Path) -> str:
        """The URL of an image, relative to the page if possible: both can be moved together."""
        try:
            relative = os.path.relpath(image.resolve(), self._page_folder.resolve())
        except ValueError:  # another drive
            return image.resolve().as_uri()
        url = quote(os.fsencode(relative.replace(os.sep, "/")))
        # Without "./", a colon in the first part would end a URL scheme.
        return url if relative.startswith(os.pardir) else f"./{url}"
