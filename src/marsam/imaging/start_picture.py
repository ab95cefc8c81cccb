"""The picture that a variation starts from, at the size of the variation."""

import hashlib

from PIL import Image, ImageOps


def fit_start(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scale an RGB image and crop it around its centre, so that it fills width and height."""
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def pixels_sha256(image: Image.Image) -> str:
    """Return the SHA-256 of an RGB image's size and pixels, whatever file they came from."""
    size = f"{image.width}x{image.height}\0".encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()
