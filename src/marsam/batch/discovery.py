"""The pictures of a folder, however deep, in an order that is the same every time."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from marsam.errors import OptionError

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif"),
)
"""What calls itself a picture. Some are none we read: they become rows with an error."""


def find(folder: Path, *, leave_out: Path | None = None) -> Iterator[Path]:
    """Every picture below a folder; hidden ones and links to other folders are left alone.

    Args:
        folder: where to look.
        leave_out: a folder inside that is not looked into.

    Raises:
        OptionError: when there is no such folder; on the way, when one inside cannot be read.
    """
    if not folder.is_dir():
        raise OptionError(f"There is no folder {folder}.")
    # One of the two may be told from the root, or through a link, and the other not.
    return _walk(folder, leave_out and leave_out.resolve())


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_unread):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and (leave_out is None or (here / name).resolve() != leave_out)
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield here / name


def _unread(error: OSError) -> NoReturn:
    """Say so: left out, its pictures would be missing from the table, and nobody would know."""
    raise OptionError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error
