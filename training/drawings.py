"""The licensed pictograms: fetched once from the npm registry, rendered as RGBA pictures.

Three packages are drawn from in training; ``fxemoji`` is only ever used for judging, so that the
captioner's figure for an unseen style is honest.
"""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from resvg_py import svg_to_bytes

from training.lexicon import THINGS
from training.workspace import WORKSPACE


@dataclass(frozen=True, kw_only=True)
class DrawingSet:
    """One npm package of drawings, pinned, with what its licence asks us to say."""

    name: str
    version: str
    licence: str
    author: str


TRAINING_SETS = (
    DrawingSet(
        name="fluent-emoji-flat",
        version="1.2.6",
        licence="MIT",
        author="Microsoft Corporation, Fluent Emoji Flat",
    ),
    DrawingSet(
        name="twemoji",
        version="1.2.5",
        licence="CC-BY-4.0",
        author="Twitter, Inc. and other contributors, Twemoji",
    ),
    DrawingSet(name="noto", version="1.2.9", licence="Apache-2.0", author="Google Inc, Noto Emoji"),
)
JUDGING_SET = DrawingSet(
    name="fxemoji", version="1.2.2", licence="Apache-2.0", author="Mozilla, FxEmojis"
)
TRAINING_STYLES = tuple(s.name for s in TRAINING_SETS)
PICTURES = (
    "Activities",
    "Animals & Nature",
    "Food & Drink",
    "Objects",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
)
"""The kinds of emoji that are pictures of something, as Noto's package sorts them."""
PAINTER_STYLE = "fluent-emoji-flat"
"""The painter learns one drawing style: one way to draw a cat is learned far sooner than three."""


def fetch(drawing_set: DrawingSet) -> Path:
    """The folder of an unpacked package, fetched with ``npm pack`` if it is not there yet."""
    folder = WORKSPACE / "drawings" / f"{drawing_set.name}-{drawing_set.version}"
    if not (folder / "icons.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        package = f"@iconify-json/{drawing_set.name}@{drawing_set.version}"
        tarball = subprocess.run(
            ["npm", "pack", "--silent", package, "--pack-destination", str(folder)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        with tarfile.open(folder / tarball.splitlines()[-1]) as archive:
            for member in archive.getmembers():
                if member.isfile() and member.name.endswith(".json"):
                    member.name = Path(member.name).name
                    archive.extract(member, folder, filter="data")
    return folder


@dataclass(frozen=True)
class Drawing:
    """One SVG body and the square that frames what it draws, in its own units."""

    body: str
    left: float
    top: float
    side: float

    def svg(self, pixels: int) -> str:
        box = f"{self.left} {self.top} {self.side} {self.side}"
        return _svg(self.body, box, pixels)

    def render(self, pixels: int) -> Image.Image:
        """An RGBA picture, ``pixels`` square; the longer side of the thing fills it."""
        return render_svg(self.svg(pixels))


def _svg(body: str, box: str, pixels: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}" width="{pixels}" height="{pixels}">{body}</svg>'
    )


def render_svg(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(bytes(svg_to_bytes(svg_string=svg)))).convert("RGBA")


@lru_cache
def _contents(style: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A set's icons, and the icon's name of each emoji (code points in hexadecimal)."""
    drawing_set = {s.name: s for s in (*TRAINING_SETS, JUDGING_SET)}[style]
    folder = fetch(drawing_set)
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    chars_file = folder / "chars.json"
    chars = json.loads(chars_file.read_text(encoding="utf-8")) if chars_file.is_file() else {}
    return icons, {point.removesuffix("-fe0f"): name for point, name in chars.items()}


def _drawing(icons: dict[str, Any], name: str) -> Drawing:
    entry = icons["icons"].get(name) or icons["icons"][icons["aliases"][name]["parent"]]
    return _framed(
        entry["body"],
        entry.get("width", icons.get("width")),
        entry.get("height", icons.get("height")),
    )


@lru_cache
def load(style: str) -> tuple[Drawing | None, ...]:
    """The drawings of one style, one a thing, as ``THINGS``; None where it has none."""
    icons, names = _contents(style)
    found = [
        thing.fxemoji if style == JUDGING_SET.name else names[f"{ord(thing.emoji[0]):x}"]
        for thing in THINGS
    ]
    return tuple(_drawing(icons, name) if name else None for name in found)


@lru_cache
def strangers() -> tuple[str, ...]:
    """The emoji (code points) every training set draws beside the ``THINGS``: a wider world."""
    shared = set.intersection(*(set(_contents(style)[1]) for style in TRAINING_STYLES))
    folder = fetch(next(s for s in TRAINING_SETS if s.name == "noto"))
    kinds = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["categories"]
    pictures = {name for kind in PICTURES for name in kinds[kind]}
    known = {f"{ord(thing.emoji[0]):x}" for thing in THINGS}
    names = _contents("noto")[1]
    return tuple(sorted(p for p in shared - known if "-" not in p and names[p] in pictures))


@lru_cache
def load_strangers(style: str) -> tuple[Drawing, ...]:
    """The drawings of one training style, one a stranger, as ``strangers()``."""
    icons, names = _contents(style)
    return tuple(_drawing(icons, names[point]) for point in strangers())


def _framed(body: str, width: float, height: float, probe: int = 256) -> Drawing:
    side = max(width, height)
    box = _svg(body, f"0 0 {side} {side}", probe)
    alpha = render_svg(box).getchannel("A").point(lambda a: 255 if a > 12 else 0)
    left, top, right, bottom = alpha.getbbox() or (0, 0, probe, probe)
    unit = side / probe
    span = max(right - left, bottom - top)
    return Drawing(
        body=body,
        left=(left + right - span) / 2 * unit,
        top=(top + bottom - span) / 2 * unit,
        side=span * unit,
    )
