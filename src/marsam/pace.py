"""How long a picture takes on this machine: measured while painting, remembered for next time."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from marsam.options import PaintOptions, Recipe
from marsam.painter import RECIPES
from marsam.results import Picture
from marsam.studio import Studio

KEPT = 0.5
"""How much of the old figure stays when a new one comes in."""


def pace_file() -> Path:
    """Where figures are remembered between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "pace.json"


@dataclass
class Pace:
    """Seconds a denoising step takes, one picture at a time, by painter, device and size.

    Args:
        studio: whose painter is timed.
        file: where figures are remembered; None forgets them.
    """

    studio: Studio
    file: Path | None = None
    _steps: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is None:
            return
        try:
            known = json.loads(self.file.read_text(encoding="utf-8"))
            self._steps = {str(k): float(v) for k, v in known.items() if float(v) > 0}
        except (OSError, ValueError, AttributeError, TypeError):
            self._steps = {}  # figures can always be measured again

    def learn(self, picture: Picture, seconds: float) -> None:
        """A picture took so long."""
        if picture.image is None or seconds <= 0:
            return
        key, new = self._key(*picture.image.size), seconds / picture.steps
        with self._lock:
            old = self._steps.get(key, new)
            self._steps[key] = KEPT * old + (1 - KEPT) * new
            self._steps[self._key(None, None)] = self._steps[key]
            if self.file is not None:
                self._save(self.file)

    def expected(self, options: PaintOptions) -> float | None:
        """Seconds the pictures will take, or None when nothing like them was measured yet."""
        step = self._steps.get(self._key(options.width, options.height))
        if step is None:
            return None
        return step * (options.steps or RECIPES[options.recipe].steps) * options.pictures

    def per_picture(self) -> Mapping[Recipe, float | None]:
        """Seconds one picture takes with each recipe, at the model's own size."""
        return {r: self.expected(PaintOptions(pictures=1, recipe=r)) for r in Recipe}

    def _key(self, width: int | None, height: int | None) -> str:
        device = self.studio.device
        place = f"{device.kind} {device.dtype}" if device else "unknown"
        size = f"{width}x{height}" if width and height else "own size"
        return f"{self.studio.painter.name}, {place}, {size}"

    def _save(self, file: Path) -> None:
        """Nobody is told when it fails: the work is done, and only a figure is lost."""
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._steps, indent=1), encoding="utf-8")
            partial.replace(file)
        except OSError:
            partial.unlink(missing_ok=True)
