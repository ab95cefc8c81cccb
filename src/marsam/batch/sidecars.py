"""Texts beside the images: ``photo.jpg.txt``, or ``photo.jpg.xmp`` for photo programs.

The sidecar's name contains the image's whole name, so that ``photo.jpg`` and ``photo.png`` do not
share one. A file that Marsam did not write is never overwritten.
"""

import hashlib
from enum import StrEnum
from pathlib import Path

from marsam.atomic import atomic_path, partial_path
from marsam.batch.cache import ResultCache
from marsam.batch.rows import Row
from marsam.errors import OptionError
from marsam.imaging.metadata import xmp_packet
from marsam.notices import Notice
from marsam.text.languages import language


class Sidecar(StrEnum):
    """Format of the sidecars."""

    TXT = "txt"
    XMP = "xmp"


def write_sidecar(kind: Sidecar, image: Path, row: Row, cache: ResultCache) -> Path | None:
    """Write an image's texts beside it; None when a foreign file has that name.

    Raises:
        OptionError: when the sidecar cannot be written.
    """
    path = image.with_name(f"{image.name}.{kind}")
    if kind is Sidecar.XMP:
        texts = ((language(code).tag, text) for code, text in row.texts.items())
        text = xmp_packet(texts, warnings=row.warnings)
    else:  # one line for each language, English first
        text = "".join(f"{' '.join(text.split())}\n" for text in row.texts.values() if text)
        if str(Notice.OUT_OF_WORLD) in row.warnings:
            text += f"({Notice.OUT_OF_WORLD.en})\n({Notice.OUT_OF_WORLD.ar})\n"
    content = text.encode()
    try:
        if path.exists():
            existing = path.read_bytes()
            if existing == content:
                return path
            if not cache.owns_sidecar(path, hashlib.sha256(existing).hexdigest()):
                return None
        # Recorded first: after a crash in between, the file still counts as Marsam's.
        cache.record_sidecar(path, hashlib.sha256(content).hexdigest())
        with atomic_path(path, partial_path(path, name=f"{row.sha256[:16]}.{kind}")) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OptionError(f"Cannot write {path}: {error.strerror}.") from error
    return path
