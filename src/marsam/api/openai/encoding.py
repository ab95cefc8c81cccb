"""Stored pictures in the format that a client asks for."""

import io
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image

from marsam.imaging.metadata import read_record, save_with_record

Format = Literal["png", "jpeg", "webp"]


def encode_picture(path: Path, kind: Format, compression: int = 100) -> bytes:
    """A stored PNG in another format, with its metadata.

    Args:
        path: the stored file.
        kind: the format; PNG is returned as it is.
        compression: quality from 0 to 100; 100 is lossless for WebP, and 95 for JPEG.
    """
    record = read_record(path)
    if kind == "png" or record is None:
        return path.read_bytes()
    with tempfile.TemporaryDirectory(prefix="marsam-") as folder, Image.open(path) as image:
        best = save_with_record(image, record, Path(folder) / f"picture.{kind}")
        if compression == 100:
            return best.read_bytes()
        with Image.open(best) as saved:
            metadata = {name: saved.info[name] for name in ("exif", "xmp")}
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, kind, quality=compression, **metadata)
    return buffer.getvalue()


def encode_preview(image: Image.Image, kind: Format) -> bytes:
    """A preview in a format."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
