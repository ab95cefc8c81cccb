"""Rows as a contact sheet: one HTML page, in Arabic or English, with alt text ready to be copied.

The pictures are not copied; the page shows them from where they are.
"""

import os
from pathlib import Path
from urllib.parse import quote

from marsam.batch.rows import Row, spelled
from marsam.notices import Notice
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui.html import template
from marsam.ui.i18n import Bilingual, Strings

MARK = b'<meta name="generator" content="Marsam">'
"""Tells our own pages from others."""
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


def is_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet that Marsam wrote."""
    try:
        with path.open("rb") as page:
            return MARK in page.read(1000)
    except OSError:
        return False


class SheetWriter:
    """A page that grows row by row.

    Args:
        path: the file.
        folder: where the pictures are that rows name.
        album: where new pictures are; rows name them from its parent.
        home: the folder from which the page will be opened.
    """

    def __init__(self, path: Path, *, folder: Path, album: Path, home: Path) -> None:
        self._folder, self._album, self._home = folder, album, home
        page = template(Path(__file__).with_name("contact_sheet.html"))
        name = spelled(folder.resolve().name)
        before, self._after = page.render(name=name, strings=STRINGS, rows="\0").split("\0")
        self._card = page.make_module({"strings": STRINGS}).card  # type: ignore[attr-defined]
        self._file = path.open("w", encoding="utf-8")
        self._file.write(before)

    def write(self, row: Row) -> None:
        """Add a row."""
        new = [self._album.parent / name for name in row.pictures]
        texts = sorted(row.texts.items(), key=lambda pair: pair[0] != ARABIC.code)
        alt = row.texts.get(ARABIC.code)
        self._file.write(
            self._card(
                row,
                # Without a hash there may be no such file, or a broken link.
                address=_address(self._folder / row.path, self._home) if row.sha256 else "",
                alt=alt or row.english,
                lang=(ARABIC if alt else ENGLISH).tag,
                new=[_address(path, self._home) for path in new],
                texts=[(language(code), text) for code, text in texts if text],
                warnings=[Bilingual(*Notice[name.upper()].value) for name in row.warnings],
            )
        )

    def close(self) -> None:
        """Finish and close the file."""
        if not self._file.closed:
            self._file.write(self._after)
        self._file.close()


def _address(picture: Path, home: Path) -> str:
    """The URL of a picture, relative to the page where possible: both can be moved together."""
    try:
        near = os.path.relpath(picture.resolve(), home.resolve())
    except ValueError:  # another drive
        return picture.resolve().as_uri()
    # A colon in the first part would read as the scheme of an address.
    name = quote(os.fsencode(near.replace(os.sep, "/")))
    return name if near.startswith(os.pardir) else f"./{name}"
