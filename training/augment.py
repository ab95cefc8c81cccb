"""Augmented pictures for the captioner (domain randomisation).

The captioner has to generalise to drawing styles that it was not trained on. So drawings are
augmented as SVG (colours, outlines, missing shapes), then as pictures (position, size, rotation,
warping, blur, JPEG, noise).
"""

import colorsys
import io
import random
import re
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from training import drawings
from training.lexicon import COLOURS, THINGS
from training.scenes import SIZE, Scene
from training.workspace import WORKSPACE

GLYPH_PX = 104
"""Side of a rendered drawing in pixels."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
_SHAPE = re.compile(r"<(path|circle|ellipse|rect|polygon)\b[^>]*?/>")
_KEEP_HUE = {i for i, t in enumerate(THINGS) if re.match(r"(red|green|blue|yellow) ", t.name)} | {
    i for i, t in enumerate(THINGS) if t.name in ("tomato", "lemon", "pear", "taxi", "basketball")
}


def _recolour(svg: str, thing: int, rng: random.Random) -> str:
    """Jitter each colour of the drawing; sometimes rotate all hues together."""
    hue_shift = rng.gauss(0, 0.012)
    if thing not in _KEEP_HUE and rng.random() < 0.22:
        hue_shift = rng.random()
    saturation, value = rng.uniform(0.55, 1.25), rng.uniform(0.8, 1.15)
    replaced: dict[str, str] = {}

    def change(match: re.Match[str]) -> str:
        text = match.group()
        if text not in replaced:
            digits = text[1:] if len(text) == 7 else "".join(c * 2 for c in text[1:])
            r, g, b = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
            h, s, v = colorsys.rgb_to_hsv(r, g, b)
            h = (h + hue_shift + rng.gauss(0, 0.012)) % 1
            s = min(1.0, max(0.0, s * saturation * rng.uniform(0.85, 1.15)))
            v = min(1.0, max(0.0, v * value * rng.uniform(0.9, 1.1) + rng.uniform(-0.04, 0.04)))
            replaced[text] = "#" + "".join(
                f"{round(c * 255):02x}" for c in colorsys.hsv_to_rgb(h, s, v)
            )
        return replaced[text]

    return _COLOUR.sub(change, svg)


def _simplify(svg: str, rng: random.Random) -> str:
    """Remove a tenth of the shapes, but never the first two, which carry the outline."""
    shapes = 0

    def drop(match: re.Match[str]) -> str:
        nonlocal shapes
        shapes += 1
        return "" if shapes > 2 and rng.random() < 0.1 else match.group()

    return _SHAPE.sub(drop, svg)


def _outline(svg: str, side: float, rng: random.Random) -> str:
    """Draw all shapes with a stroke; ``side`` is that of the drawing in its own units."""
    width = side * rng.uniform(0.008, 0.03)
    colour = rng.choice(("#111", "#222", "#333", "#5a3a1a", "#fff"))
    start = svg.index(">") + 1
    group = f'<g stroke="{colour}" stroke-width="{width:.3f}" stroke-linejoin="round">'
    return svg[:start] + group + svg[start:].replace("</svg>", "</g></svg>")


def variant(drawing: drawings.Drawing, thing: int, rng: random.Random) -> Image.Image:
    """Render a randomly changed drawing of a thing, ``GLYPH_PX`` pixels square, RGBA."""
    svg = drawing.svg(GLYPH_PX)
    if rng.random() < 0.8:
        svg = _recolour(svg, thing, rng)
    if rng.random() < 0.35:
        svg = _simplify(svg, rng)
    if rng.random() < 0.3:
        svg = _outline(svg, drawing.side, rng)
    return drawings.render_svg(svg)


def thing_glyphs(variants: int) -> np.ndarray:
    """Variants of the things' drawings in all styles, uint8 (things, variants, 104, 104, 4)."""
    drawn = [drawings.load(style) for style in drawings.TRAINING_STYLES]
    name = "-".join(("things", *drawings.TRAINING_STYLES))
    return _cached_variants(name, drawn, variants, first=0)


def other_glyphs(variants: int) -> np.ndarray:
    """The same for the other emoji."""
    styles = [s for s in drawings.OTHER_EMOJI_STYLES if s in drawings.TRAINING_STYLES]
    drawn = [drawings.load_other_emoji(style) for style in styles]
    return _cached_variants("-".join(("others", *styles)), drawn, variants, first=len(THINGS))


def _cached_variants(
    name: str, styles: Sequence[Sequence[drawings.Drawing | None]], variants: int, first: int
) -> np.ndarray:
    """Variants of every drawing, rendered once into the workspace.

    Args:
        name: of the file.
        styles: the drawings of each training style; None where it has none.
        variants: of each thing, from all its drawings in turn.
        first: index of the first thing.
    """
    path = WORKSPACE / f"{name}-{variants}.npy"
    if not path.is_file():
        rng = random.Random(0)
        rows = []
        for thing, column in enumerate(zip(*styles, strict=True), first):
            drawn = [drawing for drawing in column if drawing]
            rows.append([variant(drawn[i % len(drawn)], thing, rng) for i in range(variants)])
        np.save(path, np.stack([np.stack([np.asarray(v) for v in row]) for row in rows]))
    return np.load(path, mmap_mode="r")


def _background(rng: random.Random, colour: int, strength: float) -> Image.Image:
    base = np.array(COLOURS[colour].rgb, dtype=np.float32)
    brightness = rng.gauss(0, 9) * strength
    tint = np.array([rng.gauss(0, 5) for _ in range(3)])
    base = np.clip(base + brightness + tint * strength, 0, 255)
    canvas = np.broadcast_to(base, (SIZE, SIZE, 3)).copy()
    if strength and rng.random() < 0.25:  # a soft gradient
        ramp = np.linspace(-1, 1, SIZE, dtype=np.float32) * rng.uniform(4, 14)
        canvas += ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _warp(glyph: Image.Image, rng: random.Random) -> Image.Image:
    """Warp a glyph by moving the nodes of a grid of 1 to 3 cells a side."""
    cells = rng.choice((1, 2, 3))
    side, shift = glyph.width, glyph.width * 0.14 / cells**0.5
    grid = [round(i * side / cells) for i in range(cells + 1)]
    nodes = [
        [(x + rng.uniform(-shift, shift), y + rng.uniform(-shift, shift)) for x in grid]
        for y in grid
    ]
    mesh = [
        (
            (grid[i], grid[j], grid[i + 1], grid[j + 1]),
            (*nodes[j][i], *nodes[j + 1][i], *nodes[j + 1][i + 1], *nodes[j][i + 1]),
        )
        for j in range(cells)
        for i in range(cells)
    ]
    return glyph.transform(glyph.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _convolve(glyph: Image.Image, rng: random.Random) -> Image.Image:
    """Mix a glyph's colours with a random convolution of them (RandConv, Xu et al., 2021)."""
    generator = torch.Generator().manual_seed(rng.getrandbits(31))
    size = rng.choice((1, 1, 3, 3, 5))
    weight = torch.randn(3, 3, size, size, generator=generator) * 1.2 / (3 * size * size) ** 0.5
    rgb = torch.from_numpy(np.array(glyph.convert("RGB"))).permute(2, 0, 1)[None] / 127.5 - 1
    changed = F.conv2d(F.pad(rgb, [size // 2] * 4, mode="replicate"), weight)
    mixed = rgb.lerp(changed, rng.random()).clamp(-1, 1)[0].permute(1, 2, 0)
    result = Image.fromarray(((mixed + 1) * 127.5).round().byte().numpy())
    result.putalpha(glyph.getchannel("A"))
    return result


def _line_drawing(glyph: Image.Image, rng: random.Random) -> Image.Image:
    """The edges of a glyph, drawn with a pen on white, on few colours or on one."""
    on_white = Image.new("RGBA", glyph.size, "white")
    on_white.alpha_composite(glyph)
    colours = on_white.convert("RGB")
    blurred = colours.convert("L").filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5)))
    pen = rng.choice((3, 5))
    edges = ImageChops.difference(
        blurred.filter(ImageFilter.MaxFilter(pen)), blurred.filter(ImageFilter.MinFilter(pen))
    )
    gain = rng.uniform(2, 5)
    edges = edges.point([min(255, int(max(0, value - 12) * gain)) for value in range(256)])
    match rng.choices(("white", "few", "one"), (0.4, 0.3, 0.3))[0]:
        case "white":
            drawn = Image.new("RGB", glyph.size, "white")
        case "few":
            drawn = ImageOps.posterize(colours.filter(ImageFilter.MedianFilter(5)), 2)
        case _:
            drawn = Image.new("RGB", glyph.size, tuple(rng.randint(60, 255) for _ in range(3)))
    drawn.paste(rng.choice(((20, 20, 20), (60, 40, 20), (30, 30, 80))), (0, 0), edges)
    drawn.putalpha(glyph.getchannel("A"))
    return drawn


def _erase(glyph: Image.Image, rng: random.Random) -> Image.Image:
    """Cover or cut out a rectangle, so that no single part of a thing decides."""
    width, height = (rng.uniform(0.15, 0.5) * side for side in glyph.size)
    left = rng.uniform(-width / 2, glyph.width - width / 2)
    top = rng.uniform(-height / 2, glyph.height - height / 2)
    box = (
        max(0, int(left)),
        max(0, int(top)),
        min(glyph.width, int(left + width)),
        min(glyph.height, int(top + height)),
    )
    colour = (*(rng.randint(0, 255) for _ in range(3)), 255)
    result = glyph.copy()
    result.paste((0, 0, 0, 0) if rng.random() < 0.6 else colour, box)
    return result


def _augment_glyph(glyph: Image.Image, thing: int, rng: random.Random) -> Image.Image:
    """Change the colours, the parts and the shape of a glyph; sometimes add a rim or a card."""
    if thing not in _KEEP_HUE:
        if rng.random() < 0.35:
            glyph = _convolve(glyph, rng)
        if rng.random() < 0.2:
            glyph = _line_drawing(glyph, rng)
    if rng.random() < 0.35:
        glyph = _erase(glyph, rng)
    if rng.random() < 0.5:
        glyph = ImageOps.mirror(glyph)
    if rng.random() < 0.5:
        glyph = _warp(glyph, rng)
    if rng.random() < 0.6:
        glyph = glyph.rotate(rng.gauss(0, 14), Image.Resampling.BILINEAR, expand=True)
    if thing not in _KEEP_HUE and rng.random() < 0.06:
        alpha = glyph.getchannel("A")
        glyph = ImageOps.grayscale(glyph.convert("RGB")).convert("RGBA")
        glyph.putalpha(alpha)
    border = rng.random()
    if border < 0.25:  # the white rim of a sticker
        rim = rng.choice((3, 5, 7))
        padded = ImageOps.expand(glyph, rim, (0, 0, 0, 0))
        under = Image.new("RGBA", padded.size, (255, 255, 255, 255))
        under.putalpha(padded.getchannel("A").filter(ImageFilter.MaxFilter(2 * rim - 1)))
        glyph = Image.alpha_composite(under, padded)
    elif border < 0.31:  # a card
        padded = ImageOps.expand(glyph, 6, (0, 0, 0, 0))
        card = Image.new("RGBA", padded.size, (0, 0, 0, 0))
        tint = tuple(rng.randint(40, 255) for _ in range(3))
        ImageDraw.Draw(card).rounded_rectangle(
            (0, 0, padded.width - 1, padded.height - 1), rng.randint(0, 20), fill=(*tint, 255)
        )
        glyph = Image.alpha_composite(card, padded)
    return glyph


def _degrade(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Sometimes blur, downsample, compress (JPEG) or add noise."""
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


def render_augmented(
    scene: Scene,
    glyphs: Sequence[np.ndarray],
    rng: random.Random,
    *,
    strength: float = 1.0,
    labels: np.ndarray | None = None,
) -> Image.Image:
    """An augmented picture of a scene, 128×128 RGB.

    Args:
        scene: what to show.
        glyphs: the variants of each thing, (variants, GLYPH_PX, GLYPH_PX, 4) each.
        rng: the source of randomness.
        strength: of the augmentation; with 0 only positions and sizes vary.
        labels: a square grid of integers, written in place: the thing that covers most of a cell;
            cells of background are not changed.
    """
    picture = _background(rng, scene.colour, strength)
    chosen = [(t, rng.randrange(len(glyphs[t]))) for t in scene.things] * scene.count
    if scene.count > 1 and strength and rng.random() < 0.3:  # a variant for each copy
        chosen = [(scene.things[0], rng.randrange(len(glyphs[scene.things[0]]))) for _ in chosen]
    positions = _positions(len(chosen), rng, strength)
    for (thing, variant_index), (x, y, pixels) in zip(chosen, positions, strict=True):
        glyph = Image.fromarray(glyphs[thing][variant_index])
        if strength:
            glyph = _augment_glyph(glyph, thing, rng)
        scale = pixels / max(glyph.size)
        size = (max(8, round(glyph.width * scale)), max(8, round(glyph.height * scale)))
        glyph = glyph.resize(size, Image.Resampling.BILINEAR)
        corner = (round(x - size[0] / 2), round(y - size[1] / 2))
        picture.paste(glyph, corner, glyph)
        if labels is not None:
            cover = Image.new("L", picture.size)
            cover.paste(glyph.getchannel("A"), corner)
            cells = np.asarray(cover.resize(labels.shape, Image.Resampling.BOX))
            labels[cells > 100] = thing
    return _degrade(picture, rng) if strength else picture


def _positions(count: int, rng: random.Random, strength: float) -> list[tuple[float, float, float]]:
    """The centre and the size of each thing, (x, y, pixels)."""

    def jitter(spread: float) -> float:
        return rng.uniform(-spread, spread) * (strength or 0.25)

    if count == 1:
        pixels = rng.uniform(52, 122) if strength else rng.uniform(76, 108)
        margin = max(0.0, (SIZE - pixels) / 2)
        return [(64 + jitter(margin), 64 + jitter(margin), pixels)]
    if count == 2:
        pixels = rng.uniform(40, 62) if strength else rng.uniform(48, 58)
        return [(x + jitter(4), 64 + jitter(26), pixels * rng.uniform(0.9, 1.05)) for x in (32, 96)]
    pixels = rng.uniform(36, 58) if strength else rng.uniform(46, 56)
    layout = rng.random()
    if layout < 0.45:
        spots = [(64, 33), (32, 95), (96, 95)]
    elif layout < 0.75:
        spots = [(32, 33), (96, 33), (64, 95)]
    else:
        spots, pixels = [(22, 64), (64, 64), (106, 64)], min(pixels, 41)
    return [(x + jitter(4), y + jitter(4), pixels) for x, y in spots]
