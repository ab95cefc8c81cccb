"""Find the images in a folder and its subfolders, in a stable order."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from marsam.errors import OptionError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif"),
)
"""Suffixes of image files. Those of formats that Marsam does not read become rows with an error."""


def find_images(folder: Path, *, exclude: Path | None = None) -> Iterator[Path]:
    """Return every image below a folder, except hidden files and links to other folders.

    Args:
        folder: the folder to search.
        exclude: a subfolder that is not searched.

    Raises:
        OptionError: when there is no such folder; while iterating, when a subfolder cannot be read.
    """
    if not folder.is_dir():
        raise OptionError(f"Folder not found: {folder}.")
    # Resolved, since one of the two paths may be absolute or lead through a link.
    return _walk(folder, exclude and exclude.resolve())


def _walk(root: Path, exclude: Path | None) -> Iterator[Path]:
    for name, folders, files in os.walk(root, onerror=_raise_unreadable):
        folder = Path(name)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and (exclude is None or (folder / name).resolve() != exclude)
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield folder / name


def _raise_unreadable(error: OSError) -> NoReturn:
    """Stop: otherwise the images of that folder would be missing from the table unnoticed."""
    raise OptionError(f"Cannot read {error.filename}: {error.strerror}.") from error
