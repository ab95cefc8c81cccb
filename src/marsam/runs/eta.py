"""How long a picture takes on this machine: measured while painting, remembered for next time."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from marsam.measurements import read_figures, write_figures
from marsam.options import PaintOptions, Recipe, recipe_named
from marsam.results import Event, Painted, Picture
from marsam.studio import Studio

SMOOTHING = 0.5
"""How much of the old figure stays when a new one comes in."""


def timings_file() -> Path:
    """Where figures are remembered between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "estimator.json"


@dataclass
class TimeEstimator:
    """Seconds a pass of the U-Net takes, one picture at a time, by painter, device and size.

    Args:
        studio: whose painter is timed.
        file: where figures are remembered; None forgets them.
    """

    studio: Studio
    file: Path | None = None
    _passes: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is None:
            return
        self._passes = {
            name: figure for name, figure in read_figures(self.file).items() if figure > 0
        }

    def update(self, picture: Picture, seconds: float) -> None:
        """A picture took so long."""
        if picture.image is None or seconds <= 0:
            return
        method = self.studio.painter.method(recipe_named(picture.recipe))
        key, new = self._key(*picture.image.size), seconds / method.passes(picture.steps)
        with self._lock:
            old = self._passes.get(key, new)
            self._passes[key] = SMOOTHING * old + (1 - SMOOTHING) * new
            self._passes[self._key(None, None)] = self._passes[key]
            if self.file is not None:
                write_figures(self.file, self._passes)

    def observe(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; what they tell about time is learnt on the way."""
        with closing(events):  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Painted):
                    self.update(event.picture, event.seconds)
                yield event

    def estimate(self, options: PaintOptions) -> float | None:
        """Seconds the pictures will take, or None when nothing like them was measured yet."""
        one = self._passes.get(self._key(options.width, options.height))
        if one is None:
            return None
        method = self.studio.painter.method(options.recipe)
        return one * method.passes(options.steps or method.steps) * options.pictures

    def seconds_per_picture(self) -> Mapping[Recipe, float | None]:
        """Seconds one picture takes with each recipe, at the model's own size."""
        return {r: self.estimate(PaintOptions(pictures=1, recipe=r)) for r in Recipe}

    def _key(self, width: int | None, height: int | None) -> str:
        device = self.studio.device
        place = f"{device.kind} {device.dtype}" if device else "unknown"
        size = f"{width}x{height}" if width and height else "own size"
        return f"{self.studio.painter.name}, {place}, {size}"
