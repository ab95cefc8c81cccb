"""Random scenes, and pictures of them for the painter.

``render_scene`` draws in one style: stickers with a white rim, side by side, or a single one in the
middle, to the left or to the right. The painter learns few positions that are far from each other
faster, and does not tear a thing between two of them. The captioner's augmented pictures are in
:mod:`training.augment`.
"""

import itertools
import random
from collections.abc import Sequence
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
    return brighter(colour, change)


def brighter(colour: int, change: int) -> tuple[int, int, int]:
    """The RGB value of a colour, brighter or (below 0) darker."""
    red, green, blue = (min(255, max(0, part + change)) for part in COLOURS[colour].rgb)
    return red, green, blue


@dataclass(frozen=True)
class Placement:
    """Where a thing is drawn: its longer side and its centre, in pixels."""

    thing: int
    pixels: int
    centre: tuple[int, int]
    mirrored: bool


def placement_choices(scene: Scene) -> tuple[int, ...]:
    """How many choices each decision about a scene's placements has."""
    if len(scene.things) == 1 and scene.count == 1:
        return 2, 3  # mirrored or not; in the middle, to the left or to the right
    return (2,) * len(scene.things)  # each mirrored or not


def placements(scene: Scene, chosen: Sequence[int]) -> list[Placement]:
    """The placements of a scene, by the choice made for each decision."""
    if len(scene.things) == 1 and scene.count == 1:
        centre = (64 + (0, -2, 2)[chosen[1]] * LATENT_CELL, 64)
        return [Placement(scene.things[0], 84, centre, bool(chosen[0]))]
    things = scene.things * scene.count
    mirrored = [bool(one) for one in chosen] * scene.count
    centres = ((32, 64), (96, 64)) if len(things) == 2 else ((64, 32), (32, 96), (96, 96))
    return [
        Placement(thing, 54, centre, mirror)
        for thing, centre, mirror in zip(things, centres, mirrored, strict=True)
    ]


def every_placement(scene: Scene) -> list[list[Placement]]:
    """Every way in which a scene is drawn."""
    every_choice = itertools.product(*map(range, placement_choices(scene)))
    return [placements(scene, chosen) for chosen in every_choice]


def render_scene(scene: Scene, rng: random.Random) -> Image.Image:
    """A picture of a scene in the painter's style, 128×128 RGB."""
    background = shade(rng, scene.colour, 6)
    chosen = [rng.randrange(choices) for choices in placement_choices(scene)]
    return draw(background, placements(scene, chosen))


def draw(background: tuple[int, int, int], placements: list[Placement]) -> Image.Image:
    """Draw stickers on a plain background, 128×128 RGB."""
    picture = Image.new("RGB", (SIZE, SIZE), background)
    for place in placements:
        glyph = sticker(drawings.PAINTER_STYLE, place.thing, place.pixels, RIM_PX)
        if place.mirrored:
            glyph = glyph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x, y = place.centre
        picture.paste(glyph, (x - glyph.width // 2, y - glyph.height // 2), glyph)
    return picture
