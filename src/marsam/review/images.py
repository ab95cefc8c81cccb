"""The pictures of rows, for people to look at: found, checked, and made small. No other file."""

import hashlib
import io
import threading
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePosixPath

from marsam.batch.cache import Memory
from marsam.batch.rows import Row
from marsam.errors import JournalError, PictureError
from marsam.imaging.image_io import open_picture, read_bytes

SIDE = 1600
"""Pixels of the longer side at most, as shown."""
QUALITY = 88


class Lost(Enum):
    """Why a picture is not shown."""

    MISSING = "missing"
    CHANGED = "changed"


class Pictures:
    """Where the pictures of rows are.

    Only a file whose content is that of the row counts as its picture: a table can name any file,
    and must not make us show it.

    Args:
        folders: where rows name their pictures from, the likeliest first.
        memory: knows where contents were seen; None for nothing.
    """

    def __init__(self, folders: list[Path], memory: Memory | None) -> None:
        self._folders, self._memory = folders, memory
        self._decoding = threading.Lock()  # large ones take much memory: one at a time

    def find(self, row: Row) -> Path | Lost:
        """The file that holds a row's picture."""
        lost = Lost.MISSING
        if not row.sha256:
            return lost
        name = PurePosixPath(row.path)
        places = (
            [] if name.is_absolute() or ".." in name.parts else [f / name for f in self._folders]
        )
        for place in (*places, *self._remembered(row.sha256)):
            try:
                if not place.is_file():
                    continue
                state = place.stat()
                if _hash(place, state.st_size, state.st_mtime_ns) == row.sha256:
                    return place
            except (OSError, ValueError, PictureError):
                continue
            if place in places:
                lost = Lost.CHANGED
        return lost

    def shown(self, row: Row) -> bytes | None:
        """A JPEG of the row's picture, upright and not too large; None when there is none."""
        place = self.find(row)
        if isinstance(place, Lost):
            return None
        with self._decoding:
            try:
                data = read_bytes(place)
                if hashlib.sha256(data).hexdigest() != row.sha256:
                    return None
                picture = open_picture(data)
            except PictureError:
                return None
            picture.thumbnail((SIDE, SIDE))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=QUALITY)
        return buffer.getvalue()

    def _remembered(self, sha256: str) -> list[Path]:
        try:
            return self._memory.places(sha256) if self._memory else []
        except JournalError:
            return []


@lru_cache(maxsize=256)
def _hash(place: Path, _size: int, _changed: int) -> str:
    return hashlib.sha256(read_bytes(place)).hexdigest()
