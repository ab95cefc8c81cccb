"""Words beside the pictures: ``photo.jpg.txt``, or ``photo.jpg.xmp`` as photo programs read it.

The whole name of the picture stays in, so that ``photo.jpg`` and ``photo.png`` keep apart. What
somebody else wrote under such a name is never overwritten.
"""

import hashlib
from enum import StrEnum
from pathlib import Path

from marsam.atomic import atomic_path, partial_path
from marsam.batch.cache import Memory
from marsam.batch.rows import Row
from marsam.errors import OptionError
from marsam.imaging.metadata import xmp_packet
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
    told = [(language(code).tag, text) for code, text in row.texts.items()]
    content = (xmp_packet(told) if kind is Sidecar.XMP else _txt(row)).encode()
    try:
        if path.exists():
            there = path.read_bytes()
            if there == content:
                return path
            if not memory.wrote(path, hashlib.sha256(there).hexdigest()):
                return None
        # Known before it is there: killed in between, it is still ours the next time.
        memory.writes(path, hashlib.sha256(content).hexdigest())
        with atomic_path(path, partial_path(path, name=f"{row.sha256[:16]}.{kind}")) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _txt(row: Row) -> str:
    """A line for each language, English first."""
    return "".join(f"{' '.join(text.split())}\n" for text in row.texts.values() if text)
