"""Random scenes, and pictures of them for the painter.

``render_scene`` draws in one style: stickers with a white rim, centred or side by side, shifted by
multiples of eight pixels to align with the latent grid. The captioner's augmented pictures are in
:mod:`training.augment`.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageFilter

from training import drawings
from training.lexicon import COLOURS, THINGS

SIZE = 128
"""Side of every picture, in pixels."""
LATENT_CELL = 8
"""Side of a cell of the painter's latent grid, in pixels."""
RIM_PX = 3


@dataclass(frozen=True)
class Scene:
    """The content of a picture, as indices into ``THINGS`` and ``COLOURS``.

    ``things`` has one entry (``count`` copies of one thing) or two different ones.
    """

    things: tuple[int, ...]
    count: int
    colour: int


def random_scene(rng: random.Random, *, alone: float = 0.5, pairs: float = 0.25) -> Scene:
    """One thing, two different ones, or otherwise two or three of the same."""
    things = range(len(THINGS))
    colour = rng.randrange(len(COLOURS))
    kind = rng.random()
    if kind < alone:
        return Scene((rng.choice(things),), 1, colour)
    if kind < alone + pairs:
        first, second = rng.sample(things, 2)
        return Scene((first, second), 1, colour)
    return Scene((rng.choice(things),), rng.choice((2, 3)), colour)


@lru_cache(maxsize=2048)
def sticker(style: str, thing: int, pixels: int, rim: int) -> Image.Image:
    """A thing with a white rim around its outline, RGBA; its longer side has ``pixels``."""
    drawing = drawings.load(style)[thing]
    if drawing is None:
        raise ValueError(f"{style} does not draw {THINGS[thing].name}")
    inner = drawing.render(pixels)
    if not rim:
        return inner
    padded = Image.new("RGBA", (pixels + 2 * rim, pixels + 2 * rim))
    padded.paste(inner, (rim, rim))
    grown = padded.getchannel("A").resize(
        (padded.width * 2, padded.height * 2), Image.Resampling.BICUBIC
    )
    grown = grown.filter(ImageFilter.MaxFilter(4 * rim - 1)).resize(
        padded.size, Image.Resampling.LANCZOS
    )
    white = Image.new("RGBA", padded.size, (255, 255, 255, 255))
    white.putalpha(ImageChops.lighter(grown, padded.getchannel("A")))
    return Image.alpha_composite(white, padded)


def shade(rng: random.Random, colour: int, spread: int = 10) -> tuple[int, int, int]:
    """The RGB value of a colour with a random change of brightness."""
    change = rng.randint(-spread, spread)
    red, green, blue = (min(255, max(0, part + change)) for part in COLOURS[colour].rgb)
    return red, green, blue


def render_scene(scene: Scene, rng: random.Random) -> Image.Image:
    """A picture of a scene in the painter's style, 128×128 RGB."""
    picture = Image.new("RGB", (SIZE, SIZE), shade(rng, scene.colour, 6))

    def offset(cells: int = 1) -> int:
        return rng.randint(-cells, cells) * LATENT_CELL

    def paste(thing: int, pixels: int, centre: tuple[int, int], mirrored: bool) -> None:
        glyph = sticker(drawings.PAINTER_STYLE, thing, pixels, RIM_PX)
        if mirrored:
            glyph = glyph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture.paste(glyph, (centre[0] - glyph.width // 2, centre[1] - glyph.height // 2), glyph)

    mirrored = rng.random() < 0.5
    if len(scene.things) == 2:
        for thing, x in zip(scene.things, (32, 96), strict=True):
            paste(thing, 54, (x, 64 + offset()), rng.random() < 0.5)
    elif scene.count == 1:
        paste(scene.things[0], 90, (64 + offset(), 64 + offset()), mirrored)
    elif scene.count == 2:
        for x in (32, 96):
            paste(scene.things[0], 54, (x, 64 + offset()), mirrored)
    else:
        for centre in ((64, 32), (32, 96), (96, 96)):
            paste(scene.things[0], 54, centre, mirrored)
    return picture
