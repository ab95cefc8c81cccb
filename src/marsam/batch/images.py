"""The images of rows for pages: found, checked by checksum, and scaled down."""

import hashlib
import io
import threading
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePosixPath

from marsam.batch.cache import ResultCache
from marsam.batch.rows import Row
from marsam.errors import JournalError, PictureError
from marsam.imaging.image_io import open_picture, read_bytes

MAX_SIDE_PX = 1600
"""Longer side of an image on the page, at most."""
JPEG_QUALITY = 88


class MissingImage(Enum):
    """Why an image is not shown."""

    MISSING = "missing"
    CHANGED = "changed"


class RowImages:
    """Finds and shows the images of rows.

    Only a file with the row's checksum counts as its image: a table can contain any path, and must
    not make the page show other files.

    Args:
        folders: folders that paths in rows may be relative to, the most likely first.
        cache: knows where files were read before; None to search the folders only.
    """

    def __init__(self, folders: list[Path], cache: ResultCache | None) -> None:
        self._folders, self._cache = folders, cache
        self._decode_lock = threading.Lock()  # large images take much memory: one at a time

    def find(self, row: Row) -> Path | MissingImage:
        """Return the file with a row's image."""
        missing = MissingImage.MISSING
        if not row.sha256:
            return missing
        name = PurePosixPath(row.path)
        safe = not name.is_absolute() and ".." not in name.parts
        paths = [folder / name for folder in self._folders] if safe else []
        for path in (*paths, *self._cached_paths(row.sha256)):
            try:
                if not path.is_file():
                    continue
                stat = path.stat()
                if _sha256(path, stat.st_size, stat.st_mtime_ns) == row.sha256:
                    return path
            except (OSError, ValueError, PictureError):
                continue
            if path in paths:
                missing = MissingImage.CHANGED
        return missing

    def jpeg(self, row: Row, side: int = MAX_SIDE_PX) -> bytes | None:
        """Return the row's image as JPEG, upright and scaled down; None if it is missing.

        The longer side has at most ``side`` pixels.
        """
        path = self.find(row)
        if isinstance(path, MissingImage):
            return None
        with self._decode_lock:
            try:
                data = read_bytes(path)
                if hashlib.sha256(data).hexdigest() != row.sha256:
                    return None
                image = open_picture(data, side=side)
            except PictureError:
                return None
            image.thumbnail((side, side))
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue()

    def _cached_paths(self, sha256: str) -> list[Path]:
        try:
            return self._cache.paths_of(sha256) if self._cache else []
        except JournalError:
            return []


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _modified_ns: int) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()
