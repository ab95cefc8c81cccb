"""Find the files in a folder and its subfolders, in a stable order."""

import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from marsam.errors import OptionError, reason_of

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif"),
)
"""Suffixes of image files. Those of formats that Marsam does not read become rows with an error."""


def find_images(folder: Path, *, exclude: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield every image below a folder, except hidden files and links to other folders.

    The subfolders in ``exclude`` are not searched either.

    Raises:
        OptionError: while iterating, when there is no such folder, or one cannot be read.
    """
    if folder.is_file():
        raise OptionError(
            "{folder} is a file. To caption single pictures, use: marsam caption {quoted}",
            folder=folder,
            quoted=shlex.quote(str(folder)),
        )
    yield from find_files(folder, IMAGE_SUFFIXES, exclude=exclude)


def find_files(
    folder: Path, suffixes: Collection[str], *, exclude: Sequence[Path] = ()
) -> Iterator[Path]:
    """Yield the files below a folder that have such a suffix, as :func:`find_images` does."""
    require_folder(folder)
    # Resolved, since one of the two paths may be absolute or lead through a link.
    excluded = {path.resolve() for path in exclude}
    for parent, folders, files in os.walk(folder, onerror=_raise_unreadable):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(parent, name).resolve() not in excluded
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(parent, name)


def require_folder(folder: Path) -> None:
    """Raise OptionError when there is no such folder."""
    if not folder.is_dir():
        raise OptionError("Folder not found: {folder}.", folder=folder)


def _raise_unreadable(error: OSError) -> NoReturn:
    """Stop: otherwise the files of that folder would be left out unnoticed."""
    raise OptionError(
        "Cannot read {file}: {reason}.", file=error.filename, reason=reason_of(error)
    ) from error
