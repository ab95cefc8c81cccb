"""Pictures of the mini world.

``tidy_picture`` draws for the painter: one style, stickers with a white rim, centred or side by
side, placed on multiples of eight pixels so that a thing always meets the latent grid in the same
way.
The captioner's wilder pictures are in :mod:`training.wild`.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageChops, ImageFilter

from training import drawings
from training.lexicon import COLOURS, THINGS

SIZE = 128
"""Side of every picture of the mini world, in pixels."""
GRID = 8
"""One cell of the painter's latent grid, in pixels."""
RIM = 3


@dataclass(frozen=True)
class Scene:
    """What a picture shows: indices into ``THINGS``, and into ``COLOURS``.

    ``things`` has one entry for one thing (``count`` of it) or two different ones.
    """

    things: tuple[int, ...]
    count: int
    colour: int


def random_scene(rng: random.Random, *, alone: float = 0.5, pairs: float = 0.25) -> Scene:
    """A thing alone, two different ones, or (the rest of the time) two or three of the same."""
    known = range(len(THINGS))
    colour = rng.randrange(len(COLOURS))
    kind = rng.random()
    if kind < alone:
        return Scene((rng.choice(known),), 1, colour)
    if kind < alone + pairs:
        first, second = rng.sample(known, 2)
        return Scene((first, second), 1, colour)
    return Scene((rng.choice(known),), rng.choice((2, 3)), colour)


@lru_cache(maxsize=2048)
def sticker(style: str, thing: int, pixels: int, rim: int) -> Image.Image:
    """A thing ``pixels`` wide or high with a white rim around its outline, RGBA."""
    drawing = drawings.load(style)[thing]
    if drawing is None:
        raise ValueError(f"{style} does not draw {THINGS[thing].name}")
    inner = drawing.render(pixels)
    if not rim:
        return inner
    big = Image.new("RGBA", (pixels + 2 * rim, pixels + 2 * rim))
    big.paste(inner, (rim, rim))
    grown = big.getchannel("A").resize((big.width * 2, big.height * 2), Image.Resampling.BICUBIC)
    grown = grown.filter(ImageFilter.MaxFilter(4 * rim - 1)).resize(
        big.size, Image.Resampling.LANCZOS
    )
    white = Image.new("RGBA", big.size, (255, 255, 255, 255))
    white.putalpha(ImageChops.lighter(grown, big.getchannel("A")))
    return Image.alpha_composite(white, big)


def shade(rng: random.Random, colour: int, spread: int = 10) -> tuple[int, int, int]:
    """The colour, a little lighter or darker."""
    change = rng.randint(-spread, spread)
    red, green, blue = (min(255, max(0, part + change)) for part in COLOURS[colour].rgb)
    return red, green, blue


def tidy_picture(scene: Scene, rng: random.Random) -> Image.Image:
    """A picture for the painter, 128×128 RGB."""
    picture = Image.new("RGB", (SIZE, SIZE), shade(rng, scene.colour, 6))

    def nudge(cells: int = 1) -> int:
        return rng.randint(-cells, cells) * GRID

    def put(thing: int, pixels: int, centre: tuple[int, int], mirrored: bool) -> None:
        glyph = sticker(drawings.PAINTER_STYLE, thing, pixels, RIM)
        if mirrored:
            glyph = glyph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture.paste(glyph, (centre[0] - glyph.width // 2, centre[1] - glyph.height // 2), glyph)

    mirrored = rng.random() < 0.5
    if len(scene.things) == 2:
        for thing, x in zip(scene.things, (32, 96), strict=True):
            put(thing, 54, (x, 64 + nudge()), rng.random() < 0.5)
    elif scene.count == 1:
        put(scene.things[0], 90, (64 + nudge(), 64 + nudge()), mirrored)
    elif scene.count == 2:
        for x in (32, 96):
            put(scene.things[0], 54, (x, 64 + nudge()), mirrored)
    else:
        for centre in ((64, 32), (32, 96), (96, 96)):
            put(scene.things[0], 54, centre, mirrored)
    return picture
