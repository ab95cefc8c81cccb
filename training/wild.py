"""Pictures for the captioner: the same things drawn every way we can think of.

The captioner will meet styles it never saw, so the drawings are changed at their root, as SVG
(colours, outlines, missing details), then as pictures (place, size, turn, bend, blur, JPEG).
"""

import colorsys
import io
import random
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from training import drawings
from training.lexicon import COLOURS, THINGS
from training.workspace import WORKSPACE
from training.world import SIZE, Scene

GLYPH = 104
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
_SHAPE = re.compile(r"<(path|circle|ellipse|rect|polygon)\b[^>]*?/>")
_KEEP_HUE = {i for i, t in enumerate(THINGS) if re.match(r"(red|green|blue|yellow) ", t.name)} | {
    i for i, t in enumerate(THINGS) if t.name in ("tomato", "lemon", "pear", "taxi", "basketball")
}


def _recolour(svg: str, thing: int, rng: random.Random) -> str:
    """Each colour of the drawing moves a little; now and then all hues turn together."""
    turn = rng.gauss(0, 0.012)
    if thing not in _KEEP_HUE and rng.random() < 0.22:
        turn = rng.random()
    saturation, value = rng.uniform(0.55, 1.25), rng.uniform(0.8, 1.15)
    mapped: dict[str, str] = {}

    def change(match: re.Match[str]) -> str:
        text = match.group()
        if text not in mapped:
            digits = text[1:] if len(text) == 7 else "".join(c * 2 for c in text[1:])
            r, g, b = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
            h, s, v = colorsys.rgb_to_hsv(r, g, b)
            h = (h + turn + rng.gauss(0, 0.012)) % 1
            s = min(1.0, max(0.0, s * saturation * rng.uniform(0.85, 1.15)))
            v = min(1.0, max(0.0, v * value * rng.uniform(0.9, 1.1) + rng.uniform(-0.04, 0.04)))
            mapped[text] = "#" + "".join(
                f"{round(c * 255):02x}" for c in colorsys.hsv_to_rgb(h, s, v)
            )
        return mapped[text]

    return _COLOUR.sub(change, svg)


def _simplify(svg: str, rng: random.Random) -> str:
    """A few details go missing; never the first shapes, which carry the outline."""
    seen = 0

    def drop(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        return "" if seen > 2 and rng.random() < 0.1 else match.group()

    return _SHAPE.sub(drop, svg)


def _outline(svg: str, side: float, rng: random.Random) -> str:
    width = side * rng.uniform(0.008, 0.03)
    dark = rng.choice(("#111", "#222", "#333", "#5a3a1a", "#fff"))
    start = svg.index(">") + 1
    group = f'<g stroke="{dark}" stroke-width="{width:.3f}" stroke-linejoin="round">'
    return svg[:start] + group + svg[start:].replace("</svg>", "</g></svg>")


def variant(drawing: drawings.Drawing, thing: int, rng: random.Random) -> Image.Image:
    """One way of drawing a thing, ``GLYPH`` pixels square, RGBA."""
    svg = drawing.svg(GLYPH)
    if rng.random() < 0.8:
        svg = _recolour(svg, thing, rng)
    if rng.random() < 0.35:
        svg = _simplify(svg, rng)
    if rng.random() < 0.3:
        svg = _outline(svg, drawing.side, rng)
    return drawings.render_svg(svg)


def pool(variants: int) -> np.ndarray:
    """Drawings of the things as (things, styles × variants, GLYPH, GLYPH, 4) bytes."""
    known = [drawings.load(style) for style in drawings.TRAINING_STYLES]
    return _pool("pool", [[d for d in row if d] for row in known], variants, first=0)


def strangers(variants: int) -> np.ndarray:
    """Drawings of everything else the training styles draw, shaped as ``pool``'s."""
    others = [drawings.load_strangers(style) for style in drawings.TRAINING_STYLES]
    return _pool("strangers", others, variants, first=len(THINGS))


def _pool(
    name: str, styles: Sequence[Sequence[drawings.Drawing]], variants: int, first: int
) -> np.ndarray:
    """Computed once: every drawing of every style in so many ways."""
    path = WORKSPACE / f"{name}-{'-'.join(drawings.TRAINING_STYLES)}-{variants}.npy"
    if not path.is_file():
        rng = random.Random(0)
        rows = [
            [variant(d, thing, rng) for d in drawn for _ in range(variants)]
            for thing, drawn in enumerate(zip(*styles, strict=True), first)
        ]
        np.save(path, np.stack([np.stack([np.asarray(v) for v in row]) for row in rows]))
    return np.load(path, mmap_mode="r")


def _background(rng: random.Random, colour: int, wild: float) -> Image.Image:
    base = np.array(COLOURS[colour].rgb, dtype=np.float32)
    light = rng.gauss(0, 9) * wild
    base = np.clip(base + light + np.array([rng.gauss(0, 5) for _ in range(3)]) * wild, 0, 255)
    canvas = np.broadcast_to(base, (SIZE, SIZE, 3)).copy()
    if wild and rng.random() < 0.25:  # a soft gradient
        ramp = np.linspace(-1, 1, SIZE, dtype=np.float32) * rng.uniform(4, 14)
        canvas += ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _bend(glyph: Image.Image, rng: random.Random) -> Image.Image:
    """Pulled about by its corners, or by the knots of a coarse net: other hands draw otherwise."""
    cells = rng.choice((1, 2, 3))
    side, pull = glyph.width, glyph.width * 0.14 / cells**0.5
    line = [round(i * side / cells) for i in range(cells + 1)]
    knots = [
        [(x + rng.uniform(-pull, pull), y + rng.uniform(-pull, pull)) for x in line] for y in line
    ]
    mesh = [
        (
            (line[i], line[j], line[i + 1], line[j + 1]),
            (*knots[j][i], *knots[j + 1][i], *knots[j + 1][i + 1], *knots[j][i + 1]),
        )
        for j in range(cells)
        for i in range(cells)
    ]
    return glyph.transform(glyph.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _dress(glyph: Image.Image, thing: int, rng: random.Random) -> Image.Image:
    """Mirror, turn, bend, and now and then grey, a rim, or a card behind."""
    if rng.random() < 0.5:
        glyph = ImageOps.mirror(glyph)
    if rng.random() < 0.5:
        glyph = _bend(glyph, rng)
    if rng.random() < 0.6:
        glyph = glyph.rotate(rng.gauss(0, 14), Image.Resampling.BILINEAR, expand=True)
    if thing not in _KEEP_HUE and rng.random() < 0.06:
        alpha = glyph.getchannel("A")
        glyph = ImageOps.grayscale(glyph.convert("RGB")).convert("RGBA")
        glyph.putalpha(alpha)
    dressing = rng.random()
    if dressing < 0.25:  # a sticker's rim
        rim = rng.choice((3, 5, 7))
        big = ImageOps.expand(glyph, rim, (0, 0, 0, 0))
        under = Image.new("RGBA", big.size, (255, 255, 255, 255))
        under.putalpha(big.getchannel("A").filter(ImageFilter.MaxFilter(2 * rim - 1)))
        glyph = Image.alpha_composite(under, big)
    elif dressing < 0.31:  # a card
        big = ImageOps.expand(glyph, 6, (0, 0, 0, 0))
        card = Image.new("RGBA", big.size, (0, 0, 0, 0))
        tint = tuple(rng.randint(40, 255) for _ in range(3))
        ImageDraw.Draw(card).rounded_rectangle(
            (0, 0, big.width - 1, big.height - 1), rng.randint(0, 20), fill=(*tint, 255)
        )
        glyph = Image.alpha_composite(card, big)
    return glyph


def _finish(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Blur, coarse pixels, JPEG, noise: what pictures go through on their way to us."""
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.1:
        small = rng.randint(56, 100)
        picture = picture.resize((small, small)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=rng.randint(35, 90))
        picture = Image.open(buffer).convert("RGB")
    if rng.random() < 0.15:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 6, (SIZE, SIZE, 3))
        picture = Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    return picture


def wild_picture(
    scene: Scene,
    glyphs: Sequence[np.ndarray],
    rng: random.Random,
    *,
    wild: float = 1.0,
    where: np.ndarray | None = None,
) -> Image.Image:
    """A picture of the scene, 128×128 RGB; with ``wild=0``, neatly placed and undisturbed.

    ``glyphs`` has the drawings of each thing, (ways, GLYPH, GLYPH, 4) each.
    ``where``, a square grid of integers, is filled in with the thing that covers most of each cell;
    cells that show background are left alone.
    """
    picture = _background(rng, scene.colour, wild)
    chosen = [(t, rng.randrange(len(glyphs[t]))) for t in scene.things] * scene.count
    if scene.count > 1 and wild and rng.random() < 0.3:  # the same thing, drawn differently
        chosen = [(scene.things[0], rng.randrange(len(glyphs[scene.things[0]]))) for _ in chosen]
    for (thing, which), (x, y, room) in zip(chosen, _places(len(chosen), rng, wild), strict=True):
        glyph = Image.fromarray(glyphs[thing][which])
        if wild:
            glyph = _dress(glyph, thing, rng)
        scale = room / max(glyph.size)
        size = (max(8, round(glyph.width * scale)), max(8, round(glyph.height * scale)))
        glyph = glyph.resize(size, Image.Resampling.BILINEAR)
        corner = (round(x - size[0] / 2), round(y - size[1] / 2))
        picture.paste(glyph, corner, glyph)
        if where is not None:
            cover = Image.new("L", picture.size)
            cover.paste(glyph.getchannel("A"), corner)
            cells = np.asarray(cover.resize(where.shape, Image.Resampling.BOX))
            where[cells > 100] = thing
    return _finish(picture, rng) if wild else picture


def _places(count: int, rng: random.Random, wild: float) -> list[tuple[float, float, float]]:
    """Centres and room for so many things: (x, y, pixels)."""

    def shake(spread: float) -> float:
        return rng.uniform(-spread, spread) * (wild or 0.25)

    if count == 1:
        room = rng.uniform(52, 122) if wild else rng.uniform(76, 108)
        free = max(0.0, (SIZE - room) / 2)
        return [(64 + shake(free), 64 + shake(free), room)]
    if count == 2:
        room = rng.uniform(40, 62) if wild else rng.uniform(48, 58)
        return [(x + shake(4), 64 + shake(26), room * rng.uniform(0.9, 1.05)) for x in (32, 96)]
    room = rng.uniform(36, 58) if wild else rng.uniform(46, 56)
    layout = rng.random()
    if layout < 0.45:
        spots = [(64, 33), (32, 95), (96, 95)]
    elif layout < 0.75:
        spots = [(32, 33), (96, 33), (64, 95)]
    else:
        spots, room = [(22, 64), (64, 64), (106, 64)], min(room, 41)
    return [(x + shake(4), y + shake(4), room) for x, y in spots]
