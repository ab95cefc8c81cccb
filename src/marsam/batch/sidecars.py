"""Words beside the pictures: ``photo.jpg.txt``, or ``photo.jpg.xmp`` as photo programs read it.

The whole name of the picture stays in, so that ``photo.jpg`` and ``photo.png`` keep apart. What
somebody else wrote under such a name is never overwritten.
"""

import hashlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from marsam.batch.cache import Memory
from marsam.batch.rows import Row
from marsam.errors import OptionError
from marsam.imaging.image_io import PARTIAL
from marsam.imaging.metadata import xmp
from marsam.text.languages import language


class Sidecar(StrEnum):
    """What is written beside each picture."""

    TXT = "txt"
    XMP = "xmp"


def write(kind: Sidecar, picture: Path, row: Row, memory: Memory) -> Path | None:
    """Write a picture's words beside it; None where a file of somebody else's is in the way.

    Raises:
        OptionError: when nothing can be written there.
    """
    path = picture.with_name(f"{picture.name}.{kind}")
    told = [(language(code).short, text) for code, text in row.texts.items()]
    content = (xmp(told) if kind is Sidecar.XMP else _txt(row)).encode()
    # Not the picture's name: that may be as long as a name can be.
    partial = path.with_name(f".{row.sha256[:16]}.{kind}{PARTIAL}")
    try:
        if path.exists():
            there = path.read_bytes()
            if there == content:
                return path
            if not memory.wrote(path, hashlib.sha256(there).hexdigest()):
                return None
        # Known before it is there: killed in between, it is still ours the next time.
        memory.writes(path, hashlib.sha256(content).hexdigest())
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OptionError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _txt(row: Row) -> str:
    """A line for each language, English first."""
    return "".join(f"{' '.join(text.split())}\n" for text in row.texts.values() if text)
