"""Safe decoding of untrusted images, and atomic saving of pictures."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, ImageChops, UnidentifiedImageError, features
from PIL.ExifTags import Base

from marsam.atomic import atomic_path
from marsam.errors import OptionError, PictureError, reason_of
from marsam.imaging.file_kinds import AVIF_FILE, DAMAGED, EMPTY, HEIC, RAW, refusal
from marsam.imaging.file_structure import is_excessive
from marsam.imaging.xmp import alt_texts
from marsam.messages import Message, Sentence

try:
    from pi_heif import register_heif_opener
except ImportError:  # there is no wheel for this machine
    HEIF: tuple[str, ...] = ()
else:
    register_heif_opener()
    HEIF = ("HEIF",)

AVIF = ("AVIF",) if features.check("avif") else ()
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", *AVIF, *HEIF)
"""Pillow formats that are accepted, detected by content and not by file name."""
MAX_PIXELS = 25_000_000
"""Most pixels that are decoded."""
MAX_JPEG_PIXELS, MAX_PROGRESSIVE_PIXELS = 175_000_000, 64_000_000
"""Most pixels of a JPEG that is decoded at a half, a quarter or an eighth of its size.

A progressive one needs memory for all its pixels.
"""
MAX_BYTES = 20_000_000
FILE_TOO_LARGE = Message("The file is larger than {limit} MB.", limit=MAX_BYTES // 1_000_000)
CAPTION_SIDE = 768
"""Pixels of the shorter side that suffice for every captioner."""
TOO_LARGE = Sentence(
    f"The image has more than {MAX_PIXELS // 1_000_000} megapixels; make it smaller.",
    f"في الصورة أكثر من {MAX_PIXELS // 1_000_000} مليون بكسل؛ صغّرها.",
)
UNIFORM_SPREAD = 6
"""Levels of 255 between the darkest and the lightest pixel where there is nothing to see."""
LIGHT_SPREAD = 40
"""Levels of 255 below white of the darkest pixel that is not seen well on white."""
MAX_FRAMES = 40
"""Frames that are looked at for the first that shows something."""

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
TURNED_ORIENTATIONS = range(5, 9)
"""Those whose width is the height."""
_decoding = threading.BoundedSemaphore(2)
"""Limits concurrent decoding, since a small file can hold an image that needs much memory."""

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image


def open_picture(source: ImageSource, *, side: int | None = None) -> Image.Image:
    """Open an image as RGB: upright, in sRGB, on a ground on which it is seen.

    Of an animation it is the first frame that shows something; of a document the first page. Of its
    metadata only the alt text is kept: ``image.info["alt_texts"]`` has it by NLLB code.

    Args:
        source: a path, the bytes of a file, an open binary file, or a PIL image.
        side: pixels of the shorter side that suffice; a larger picture may be decoded smaller,
            which is faster. JPEGs of more than 25 megapixels always are.

    Raises:
        PictureError: the file cannot be read, is in none of ``FORMATS``, damaged, larger than
            20 MB, or has more than 25 megapixels (checked in its header, before decoding).
    """
    if isinstance(source, Image.Image):
        check_size(source)
        return _to_upright_rgb(source)
    with open_header(source, side=side) as image, _decoding:
        _seek_first_content(image)
        image.load()
        return _to_upright_rgb(image, side)


@contextlib.contextmanager
def open_header(
    source: str | os.PathLike[str] | bytes | BinaryIO, *, side: int | None = None
) -> Iterator[Image.Image]:
    """Open an image without decoding its pixels; errors in the block become ``PictureError``."""
    data = read_bytes(source)
    if (kind := refusal(data)) in (EMPTY, RAW):
        raise picture_error(kind)  # Pillow would read the small preview of a raw file
    if is_excessive(data):
        raise picture_error(DAMAGED)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _prepare(image, side)
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        is_format = (kind is HEIC and HEIF) or (kind is AVIF_FILE and AVIF)
        raise picture_error(DAMAGED if is_format else kind) from error
    except Image.DecompressionBombError as error:
        raise picture_error(TOO_LARGE) from error
    except Exception as error:  # decoders raise many types for invalid data
        raise picture_error(DAMAGED) from error


def upright_size(data: bytes) -> tuple[int, int]:
    """Width and height of an image that can be read, as it is shown."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        turned = _orientation(image) in TURNED_ORIENTATIONS
        return (image.height, image.width) if turned else image.size


def picture_error(refusal: Sentence) -> PictureError:
    """The error that says why a file is refused, in both languages."""
    return PictureError(refusal)


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
            raise PictureError("File not found: {file}.", file=path.name) from error
        except OSError as error:
            raise PictureError(
                "Cannot read {file}: {reason}.", file=path.name, reason=reason_of(error)
            ) from error
    else:
        data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureError(FILE_TOO_LARGE)
    return data


def check_size(image: Image.Image) -> None:
    """Raise PictureError if an image has more than 25 megapixels, by its header alone."""
    if image.width * image.height > MAX_PIXELS:
        raise picture_error(TOO_LARGE)


def _prepare(image: Any, side: int | None) -> None:
    """Refuse what is too large or only a preview; let a JPEG be decoded smaller."""
    if image.format == "TIFF":
        new_subfile_type, sub_ifds, dng_version = 254, 330, 50706
        tags = image.tag_v2
        if dng_version in tags or (tags.get(new_subfile_type) == 1 and sub_ifds in tags):
            raise picture_error(RAW)
    if image.format in ("JPEG", "MPO"):
        pixels, progressive = image.width * image.height, image.info.get("progressive")
        if pixels <= (MAX_PROGRESSIVE_PIXELS if progressive else MAX_JPEG_PIXELS):
            suffices = (f for f in (8, 4, 2) if side and min(image.size) >= f * side)
            needed = (f for f in (1, 2, 4, 8) if pixels <= MAX_PIXELS * f * f)
            factor = max(next(suffices, 1), next(needed))
            image.draft(None, (image.width // factor, image.height // factor))
    check_size(image)


def _seek_first_content(image: Any) -> None:
    """Go to the first frame of an animation that is not of one colour."""
    if image.format not in ("GIF", "WEBP", "PNG", "AVIF") or not image.is_animated:
        return
    for frame in range(min(MAX_FRAMES, max(1, MAX_PIXELS // (image.width * image.height)))):
        try:
            image.seek(frame)  # not n_frames, which reads a whole GIF
        except EOFError:
            break
        if not is_uniform(image):
            return
    image.seek(0)


def is_uniform(image: Image.Image) -> bool:
    """Whether all pixels have the same colour, or nearly: there is nothing to see."""
    bands = image.convert("RGBA" if image.has_transparency_data else "RGB").split()
    return all(high - low <= UNIFORM_SPREAD for low, high in map(_extrema, bands))


def _extrema(band: Image.Image) -> tuple[int, int]:
    """The least and the greatest level of a band of 8 bits."""
    return cast("tuple[int, int]", band.getextrema())


def _to_upright_rgb(image: Image.Image, side: int | None = None) -> Image.Image:
    transpose = _TRANSPOSE_BY_ORIENTATION.get(_orientation(image))
    profile = image.info.get("icc_profile")
    kept = image.info.get("alt_texts")
    if not isinstance(kept, dict):  # a text chunk of a PNG may have any name
        kept = alt_texts(image.info.get("xmp"))
    if side and (factor := min(image.size) // side) > 1 and image.mode in ("L", "RGB", "CMYK"):
        image = image.reduce(factor)
    if transpose is not None:
        image = image.transpose(transpose)
    if image.mode.startswith("I") or image.mode == "F":  # 16 bit: convert() would clip, not scale
        image = image.convert("F").point(lambda level: level / 256).convert("L")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    rgb = _in_srgb(image, profile)
    if alpha is not None:
        ground = Image.new("RGB", rgb.size, _ground(rgb, alpha))
        ground.paste(rgb, (0, 0), alpha)
        rgb = ground
    rgb.info = {"alt_texts": kept} if kept else {}  # no other metadata of the source
    return rgb


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none that can be read."""
    # A PNG may have EXIF as compressed text, which was not checked with the file.
    if isinstance(profile := image.info.get("Raw profile type exif"), str):
        try:
            exif = bytes.fromhex("".join(profile.split("\n")[3:]))
        except ValueError:
            return 1
        if is_excessive(exif.removeprefix(b"Exif\0\0")):
            return 1
    return int(image.getexif().get(Base.Orientation, 1))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert the colours by the profile in the file; a damaged profile is ignored."""
    if profile and image.mode in ("L", "RGB", "RGBA", "CMYK") and features.check("littlecms2"):
        from PIL import ImageCms

        opaque = image.convert("RGB") if image.mode == "RGBA" else image
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


def _ground(rgb: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    """White; grey for what is so light that it would not be seen on white."""
    darkness = ImageChops.multiply(ImageChops.invert(rgb.convert("L")), alpha)
    is_light = _extrema(alpha)[1] > 0 and _extrema(darkness)[1] <= LIGHT_SPREAD
    return (128, 128, 128) if is_light else (255, 255, 255)


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
        raise OptionError(
            "Cannot save pictures in {folder}: {reason}.", folder=folder, reason=reason_of(error)
        ) from error
