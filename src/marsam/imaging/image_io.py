"""Safe decoding of untrusted images, and atomic saving of pictures."""

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
"""Pillow formats that are accepted, detected by content and not by file name."""
MAX_PIXELS = 25_000_000
MAX_BYTES = 20_000_000
FILE_TOO_LARGE = f"The file is larger than {MAX_BYTES // 1_000_000} MB."
_TOO_LARGE = f"The image has more than {MAX_PIXELS // 1_000_000} megapixels; make it smaller."

_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Transposition by EXIF orientation. ``ImageOps.exif_transpose`` is not used: it rewrites the EXIF
data and fails on invalid entries."""
_decoding = threading.BoundedSemaphore(2)
"""Limits concurrent decoding, since a small file can hold an image that needs much memory."""

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image


def open_picture(source: ImageSource) -> Image.Image:
    """Open an image as RGB, upright by its EXIF orientation, transparency over white, first frame.

    Args:
        source: a path, the bytes of a file, an open binary file, or a PIL image.

    Raises:
        PictureError: the file cannot be read, is in none of ``FORMATS``, damaged, larger than
            20 MB, or has more than 25 megapixels (checked in its header, before decoding).
    """
    if isinstance(source, Image.Image):
        check_size(source)
        return _to_upright_rgb(source)
    with open_header(source) as image, _decoding:
        image.load()
        return _to_upright_rgb(image)


@contextlib.contextmanager
def open_header(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[Image.Image]:
    """Open an image without decoding its pixels; errors in the block become ``PictureError``."""
    data = read_bytes(source)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(image)
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError("Not a supported image: use JPEG, PNG or WebP.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(_TOO_LARGE) from error
    except Exception as error:  # decoders raise many types for invalid data
        raise PictureError("The image is damaged or incomplete.") from error


def read_bytes(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    """Read a file of at most 20 MB; PictureError if it is larger or cannot be read."""
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise PictureError(f"File not found: {path.name}.") from error
        except OSError as error:
            raise PictureError(f"Cannot read {path.name}: {error.strerror}.") from error
    else:
        data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureError(FILE_TOO_LARGE)
    return data


def check_size(image: Image.Image) -> None:
    """Raise PictureError if an image has more than 25 megapixels, by its header alone."""
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(_TOO_LARGE)


def _to_upright_rgb(image: Image.Image) -> Image.Image:
    transpose = _TRANSPOSE_BY_ORIENTATION.get(image.getexif().get(Base.Orientation, 1))
    if transpose is not None:
        image = image.transpose(transpose)
    if image.mode.startswith("I") or image.mode == "F":  # 16 bit: convert() would clip, not scale
        image = image.convert("F").point(lambda level: level / 256).convert("L")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", layers.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layers)
    rgb = image.convert("RGB")
    rgb.info = {}  # no metadata of the source
    return rgb


def save_picture(picture: Image.Image, path: Path, kind: str = "PNG", **encoding: Any) -> Path:
    """Save a picture unchanged and atomically: the file is complete and synced, or not there.

    ``kind`` and ``encoding`` are Pillow's name of the format and options of its encoder.
    """
    with atomic_path(path) as partial:
        picture.save(partial, kind, **encoding)
    return path


@contextlib.contextmanager
def map_save_errors(folder: Path) -> Iterator[None]:
    """Map ``OSError`` while saving pictures in a folder to ``OptionError``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OptionError(f"Cannot save pictures in {folder}: {reason}.") from error
