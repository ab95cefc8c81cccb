"""Rows as a contact sheet: one HTML page, in Arabic or English, with alt text ready to be copied.

The pictures stay where they are; the page shows them from there.
"""

import os
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from urllib.parse import quote

from marsam.batch.rows import Row, spelled
from marsam.notices import Notice
from marsam.text.languages import ARABIC, ENGLISH, language

MARK = b'<meta name="generator" content="Marsam">'
"""By which a page of ours is told from others."""
_TEXT = (
    '<div class="text"><p lang="{tag}" dir="{direction}">{text}</p><button>'
    '<span class="ar">نسخ</span><span class="en">Copy</span></button></div>\n'
)


def is_sheet(path: Path) -> bool:
    """Whether a file is a page of ours."""
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
        home: the folder the page will be looked at from.
    """

    def __init__(self, path: Path, *, folder: Path, album: Path, home: Path) -> None:
        self._folder, self._album, self._home = folder, album, home
        template = resources.files("marsam.batch").joinpath("contact_sheet.html")
        page = Template(template.read_text(encoding="utf-8"))
        title = escape(spelled(folder.resolve().name))
        before, self._after = page.substitute(title=title, rows="\0").split("\0")
        self._file = path.open("w", encoding="utf-8")
        self._file.write(before)

    def write(self, row: Row) -> None:
        """One more row."""
        self._file.write(self._card(row))

    def close(self) -> None:
        """That was the last."""
        if not self._file.closed:
            self._file.write(self._after)
        self._file.close()

    def _card(self, row: Row) -> str:
        texts = sorted(row.texts.items(), key=lambda pair: pair[0] != ARABIC.code)
        parts = [f'<article data-state="{row.state}"{_check(row)}>\n']
        if row.sha256:  # else there may be no such file, or a link that leads nowhere
            address = _address(self._folder / row.path, self._home)
            alt = escape(row.texts.get(ARABIC.code) or row.english)
            tag = language(ARABIC.code if row.texts.get(ARABIC.code) else ENGLISH.code).short
            parts.append(
                f'<a href="{address}"><img src="{address}" alt="{alt}" lang="{tag}" loading="lazy">'
                "</a>\n"
            )
        if row.pictures:
            new = (_address(self._album.parent / name, self._home) for name in row.pictures)
            links = "".join(
                f'<a href="{one}"><img src="{one}" alt="" loading="lazy"></a>' for one in new
            )
            parts.append(f'<div class="new">{links}</div>\n')
        for code, text in texts:
            one = language(code)
            parts.append(
                _TEXT.format(tag=one.short, direction=one.direction, text=escape(text))
                if text
                else ""
            )
        for name in row.warnings:
            parts.append(f'<p class="warn">{_both(*Notice[name.upper()].value)}</p>\n')
        if row.error:
            parts.append(f'<p class="error" lang="en" dir="ltr">{escape(row.error)}</p>\n')
        size = f" · <bdi>{row.width} × {row.height}</bdi>" if row.width else ""
        mark = f" · {_both('Reviewed', 'رُوجعت')}" if row.reviewed else ""
        parts.append(
            f'<p class="about"><bdi>{escape(row.path)}</bdi>{size}{mark}</p>\n</article>\n'
        )
        return "".join(parts)


def _check(row: Row) -> str:
    return " data-check" if row.warnings and not row.error else ""


def _both(english: str, arabic: str) -> str:
    return (
        f'<span class="en" lang="en" dir="ltr">{escape(english)}</span>'
        f'<span class="ar" lang="ar" dir="rtl">{escape(arabic)}</span>'
    )


def _address(picture: Path, home: Path) -> str:
    """How the page names a picture: from where it lies, so that both can be moved together."""
    try:
        near = os.path.relpath(picture.resolve(), home.resolve())
    except ValueError:  # another drive
        return escape(picture.resolve().as_uri())
    # A colon in the first part would read as the scheme of an address.
    name = quote(os.fsencode(near.replace(os.sep, "/")))
    return name if near.startswith(os.pardir) else f"./{name}"
