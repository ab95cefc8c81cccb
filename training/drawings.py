"""The licensed pictograms: downloaded once from the npm registry, rendered as RGBA pictures.

Most packages are used for training. Choices are made by ``VALIDATION_SET``, which the captioner
does not see in training. ``EVALUATION_SET`` is used for evaluation only, so that the accuracy on an
unseen style is not biased.
"""

import io
import json
import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from resvg_py import svg_to_bytes

from training.lexicon import COLOURS, THINGS
from training.workspace import WORKSPACE


@dataclass(frozen=True, kw_only=True)
class DrawingSet:
    """A pinned npm package of drawings, with the attribution that its licence requires.

    ``colours`` says whether it draws in colour: without, a red apple is not red.
    """

    name: str
    version: str
    licence: str
    author: str
    colours: bool = True


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
    DrawingSet(
        name="fluent-emoji",
        version="1.2.7",
        licence="MIT",
        author="Microsoft Corporation, Fluent Emoji",
    ),
    DrawingSet(
        name="fluent-emoji-high-contrast",
        version="1.2.6",
        licence="MIT",
        author="Microsoft Corporation, Fluent Emoji High Contrast",
        colours=False,
    ),
    DrawingSet(
        name="streamline-emojis",
        version="1.2.4",
        licence="CC-BY-4.0",
        author="Streamline, Streamline Emojis",
    ),
)
VALIDATION_SET = DrawingSet(
    name="noto-v1", version="1.2.5", licence="Apache-2.0", author="Google Inc, Noto Emoji v1"
)
EVALUATION_SET = DrawingSet(
    name="fxemoji", version="1.2.2", licence="Apache-2.0", author="Mozilla, FxEmojis"
)
TRAINING_STYLES = tuple(s.name for s in TRAINING_SETS)
OTHER_EMOJI_STYLES = ("fluent-emoji-flat", "twemoji", "noto")
"""The sets whose emoji that are not in ``THINGS`` are used for training, too."""
PICTURE_CATEGORIES = (
    "Activities",
    "Animals & Nature",
    "Food & Drink",
    "Objects",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
)
"""The categories of Noto's package that contain pictures of something."""
PAINTER_STYLE = "fluent-emoji-flat"
"""The painter learns one style, because three styles take far longer to learn."""


def fetch(drawing_set: DrawingSet) -> Path:
    """The folder of an unpacked package, downloaded with ``npm pack`` if it does not exist."""
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
    """An SVG body and its square bounding box, in the units of the SVG."""

    body: str
    left: float
    top: float
    side: float

    def svg(self, pixels: int) -> str:
        box = f"{self.left} {self.top} {self.side} {self.side}"
        return _svg(self.body, box, pixels)

    def render(self, pixels: int) -> Image.Image:
        """Render as RGBA, ``pixels`` square; the longer side of the drawing fills it."""
        return render_svg(self.svg(pixels))


def _svg(body: str, box: str, pixels: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}" width="{pixels}" height="{pixels}">{body}</svg>'
    )


def render_svg(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(bytes(svg_to_bytes(svg_string=svg)))).convert("RGBA")


def _set(style: str) -> DrawingSet:
    return next(s for s in (*TRAINING_SETS, VALIDATION_SET, EVALUATION_SET) if s.name == style)


@lru_cache
def _contents(style: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A set's icons, and the icon name of each emoji (hexadecimal code point)."""
    folder = fetch(_set(style))
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    chars_file = folder / "chars.json"
    chars = json.loads(chars_file.read_text(encoding="utf-8")) if chars_file.is_file() else {}
    return icons, {point.removesuffix("-fe0f"): name for point, name in chars.items()}


def _drawing(icons: dict[str, Any], name: str) -> Drawing:
    entry = icons["icons"].get(name) or icons["icons"][icons["aliases"][name]["parent"]]
    return _framed(
        # resvg fails with some filters; they only soften the shading.
        re.sub(r' filter="[^"]*"', "", entry["body"]),
        entry.get("width", icons.get("width")),
        entry.get("height", icons.get("height")),
    )


_COLOUR_NAMES = {colour.en for colour in COLOURS}
_OTHER_NAMES = {
    "fish": "tropical-fish",
    "whale": "spouting-whale",
    "wrapped-gift": "wrapped-gift-1",
    "pizza": "pizza-1",
    "steam-locomotive": "locomotive",
    "crescent-moon": "waxing-crescent-moon",
}
"""Names of icons in sets that name them neither by code point nor as Noto does."""


@lru_cache
def load(style: str) -> tuple[Drawing | None, ...]:
    """The drawings of one style in the order of ``THINGS``; None where it has none."""
    icons, names = _contents(style)
    if style == EVALUATION_SET.name:
        icon_names = [thing.fxemoji for thing in THINGS]
    else:
        icon_names = [
            _icon_name(icons, names, f"{ord(thing.emoji[0]):x}")
            if _set(style).colours or thing.name.split()[0] not in _COLOUR_NAMES
            else None
            for thing in THINGS
        ]
    return tuple(_drawing(icons, name) if name else None for name in icon_names)


def _icon_name(icons: dict[str, Any], names: dict[str, str], point: str) -> str | None:
    """The icon of a code point; sets without code points use Noto's names, or nearly."""
    if names:
        return names[point]
    noto = _contents("noto")[1][point]
    candidates = (noto, *(noto + end for end in ("-face", "-1")), _OTHER_NAMES.get(noto, ""))
    return next(
        (n for n in candidates if n in icons["icons"] or n in icons.get("aliases", {})), None
    )


@lru_cache
def other_emoji() -> tuple[str, ...]:
    """Code points of the emoji of all training sets that are not in ``THINGS``."""
    shared = set.intersection(*(set(_contents(style)[1]) for style in OTHER_EMOJI_STYLES))
    folder = fetch(_set("noto"))
    kinds = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["categories"]
    icons = {name for kind in PICTURE_CATEGORIES for name in kinds[kind]}
    known = {f"{ord(thing.emoji[0]):x}" for thing in THINGS}
    names = _contents("noto")[1]
    return tuple(sorted(p for p in shared - known if "-" not in p and names[p] in icons))


@lru_cache
def load_other_emoji(style: str) -> tuple[Drawing, ...]:
    """The drawings of one training style in the order of ``other_emoji()``."""
    icons, names = _contents(style)
    return tuple(_drawing(icons, names[point]) for point in other_emoji())


def _framed(body: str, width: float, height: float, probe: int = 256) -> Drawing:
    """Find the bounding box by rendering at ``probe`` pixels."""
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
