"""Pictures from strangers, decoded safely; pictures of ours, saved safely."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError, features
from PIL.ExifTags import Base

from marsam.atomic import atomic_path
from marsam.errors import OptionError, PictureError

FORMATS = ("JPEG", "PNG", "WEBP", *(("AVIF",) if features.check("avif") else ()))
"""What is read, told by content and never by name."""
MAX_PIXELS = 25_000_000
MAX_BYTES = 20_000_000

_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What EXIF's marks of orientation ask for. Pillow's own way writes all of EXIF anew, and fails
where a camera or a program left something odd in it."""
_decoding = threading.BoundedSemaphore(2)
"""A small file may hold a large picture: only so many are decoded at once, whoever sends them."""

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image


def open_picture(source: Source) -> Image.Image:
    """A picture as RGB: turned upright by its EXIF mark, transparency over white, first frame.

    Args:
        source: a path, the bytes of a file, an open binary file, or a PIL picture.

    Raises:
        PictureError: none of ``FORMATS``; damaged; or more than 25 megapixels, told from the header
            before anything is decoded.
    """
    if isinstance(source, Image.Image):
        check_size(source)
        return _to_upright_rgb(source)
    with open_header(source) as picture, _decoding:
        picture.load()
        return _to_upright_rgb(picture)


@contextlib.contextmanager
def open_header(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[Image.Image]:
    """A picture of which nothing but the header is read yet; what goes wrong with it is ours.

    Raises:
        PictureError: as :func:`open_picture`.
    """
    data = read_bytes(source)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            check_size(picture)
            yield picture
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError("This is not a JPEG, PNG or WebP picture.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(_too_large()) from error
    except Exception as error:  # what decoders raise over bytes of no sense is of many kinds
        raise PictureError("This picture is damaged and cannot be read.") from error


def read_bytes(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    """The bytes of a file, 20 MB at most.

    Raises:
        PictureError: when there is no such file, or it is larger.
    """
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise PictureError(f"There is no file {path.name}.") from error
        except OSError as error:
            raise PictureError(f"The file {path.name} cannot be read.") from error
    else:
        data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureError(f"This file is larger than {MAX_BYTES // 1_000_000} MB.")
    return data


def check_size(picture: Image.Image) -> None:
    """Refuse more than 25 megapixels, told from the header.

    Raises:
        PictureError: when there are more.
    """
    if picture.width * picture.height > MAX_PIXELS:
        raise PictureError(_too_large())


def _too_large() -> str:
    return f"This picture has more than {MAX_PIXELS // 1_000_000} megapixels; make it smaller."


def _to_upright_rgb(picture: Image.Image) -> Image.Image:
    turn = _TRANSPOSE_BY_ORIENTATION.get(picture.getexif().get(Base.Orientation, 1))
    turned = picture if turn is None else picture.transpose(turn)
    if turned.mode.startswith("I") or turned.mode == "F":  # 16 bit: Pillow would clip, not scale
        turned = turned.convert("F").point(lambda level: level / 256).convert("L")
    if turned.has_transparency_data:
        layers = turned.convert("RGBA")
        white = Image.new("RGBA", layers.size, (255, 255, 255, 255))
        turned = Image.alpha_composite(white, layers)
    rgb = turned.convert("RGB")
    rgb.info = {}  # nothing of the source travels on
    return rgb


def save_picture(picture: Image.Image, path: Path, kind: str = "PNG", **encoding: Any) -> Path:
    """Write a picture whole or not at all; it is synced to the disk when this returns.

    Args:
        picture: saved as it is.
        path: where; folders are made as needed.
        kind: Pillow's name of the format.
        encoding: what Pillow's encoder of that format takes.
    """
    with atomic_path(path) as partial:
        picture.save(partial, kind, **encoding)
    return path


@contextlib.contextmanager
def map_save_errors(folder: Path) -> Iterator[None]:
    """Our word for a disk that does not take a picture.

    Raises:
        OptionError: when nothing can be saved in that folder.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise OptionError(f"Pictures cannot be saved in {folder}: {why}.") from error
