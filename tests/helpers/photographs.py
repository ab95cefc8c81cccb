"""A picture in the files that cameras, phones, scanners and websites write."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

KINDS = ("12-megapixel photo.jpg", "phone.heic", "scan.tif", "print.jpg", "animation.gif")


def write_photographs(picture: Image.Image, folder: Path) -> list[Path]:
    """Write a picture as each of ``KINDS``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in KINDS]
    for path, make in zip(paths, (_photo, _phone, _scan, _print, _animation), strict=True):
        path.write_bytes(make(picture.convert("RGB")))
    return paths


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _photo(picture: Image.Image) -> bytes:
    """12 megapixels, held a quarter turn, with the noise of a sensor."""
    large = picture.resize((4000, 3000), Image.Resampling.BICUBIC).rotate(90, expand=True)
    noise = np.random.default_rng(0).normal(0, 4, (large.height, large.width, 1))
    noisy = Image.fromarray((np.asarray(large) + noise).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise
    return _saved(noisy, "JPEG", quality=85, exif=exif)


def _phone(picture: Image.Image) -> bytes:
    """HEIC with a colour profile, as a phone writes it."""
    buffer = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = picture.resize((2016, 1512), Image.Resampling.BICUBIC)
    pillow_heif.from_pillow(image).save(buffer, quality=70, icc_profile=profile)
    return buffer.getvalue()


def _scan(picture: Image.Image) -> bytes:
    """A page at 300 dots per inch; the second page is blank."""
    page = picture.resize((2480, 2480), Image.Resampling.BICUBIC)
    more = [Image.new("RGB", page.size, "white")]
    return _saved(
        page, "TIFF", compression="tiff_lzw", dpi=(300, 300), save_all=True, append_images=more
    )


def _print(picture: Image.Image) -> bytes:
    """CMYK, as a print shop delivers it."""
    return _saved(picture.resize((1200, 1200)).convert("CMYK"), "JPEG", quality=90)


def _animation(picture: Image.Image) -> bytes:
    """An animation that fades in: its first frame is blank."""
    blank = Image.new("RGB", picture.size, "white")
    frames = [picture, picture.rotate(5)]
    return _saved(blank, "GIF", save_all=True, append_images=frames, duration=100, loop=0)
