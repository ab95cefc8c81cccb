"""Peak signal-to-noise ratio of two pictures."""

import numpy as np
from PIL import Image


def psnr(picture: Image.Image, other: Image.Image) -> float:
    """PSNR in decibels of two pictures of one size; infinite where they are equal."""
    difference = np.asarray(picture, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    error = float((difference**2).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
