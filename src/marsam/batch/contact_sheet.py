"""A contact sheet: all rows as one HTML page in Arabic and English, with alt text to copy.

The pictures are not copied; the page shows them from where they are.
"""

import os
from pathlib import Path
from urllib.parse import quote

from marsam.batch.rows import Row, printable_name
from marsam.batch.tables import Writer
from marsam.notices import Notice
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui.html import template
from marsam.ui.i18n import Bilingual, Strings

STRINGS = Strings(
    title=Bilingual("Captions of the pictures in {}", "أوصاف صور المجلد {}"),
    all=Bilingual("All", "الكل"),
    draft=Bilingual("Not reviewed", "لم تُراجَع"),
    check=Bilingual("With warnings", "عليها ملاحظات"),
    error=Bilingual("Failed", "تعذّر وصفها"),
    reviewed=Bilingual("Reviewed", "رُوجعت"),
    copy=Bilingual("Copy", "نسخ"),
    copied=Bilingual("Copied", "نُسخ"),
    failed=Bilingual("This file could not be described:", "تعذّر وصف هذا الملف:"),
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
    """

    def __init__(self, path: Path, *, folder: Path, pictures_folder: Path) -> None:
        self._folder, self._page_folder = folder, path.parent
        self._pictures_parent = pictures_folder.parent
        page = template(Path(__file__).with_name("contact_sheet.html"))
        name = printable_name(folder.resolve().name)
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
                url=self._url(self._folder / row.path) if row.sha256 else "",
                alt=alt or row.english,
                lang=(ARABIC if alt else ENGLISH).tag,
                new=[self._url(self._pictures_parent / name) for name in row.pictures],
                texts=[(language(code), text) for code, text in texts if text],
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
