"""Estimates of the time a picture takes on this machine, from measurements kept between starts."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from marsam.measurements import read_measurements, write_measurements
from marsam.options import PaintOptions
from marsam.recipes import Recipe, recipe_named
from marsam.results import Event, Painted, Picture
from marsam.studio import Studio

SMOOTHING = 0.5  # weight of the earlier value in the exponential moving average


def timings_file() -> Path:
    """The file that keeps measurements between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "paint_times.json"


@dataclass
class TimeEstimator:
    """Seconds of one U-Net forward pass for one picture, by painter, device and size."""

    studio: Studio
    file: Path | None = None  # keeps the measurements; None keeps them in memory
    _seconds_per_pass: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is not None:
            measured = read_measurements(self.file)
            self._seconds_per_pass = {key: value for key, value in measured.items() if value > 0}

    def update(self, picture: Picture, seconds: float) -> None:
        """Learn from a picture that took so many seconds."""
        if picture.image is None or seconds <= 0:
            return
        sampling = self.studio.painter.sampling(recipe_named(picture.recipe))
        key = self._key(*picture.image.size)
        measured = seconds / sampling.forward_passes(picture.steps)
        with self._lock:
            earlier = self._seconds_per_pass.get(key, measured)
            average = SMOOTHING * earlier + (1 - SMOOTHING) * measured
            self._seconds_per_pass[key] = self._seconds_per_pass[self._key(None, None)] = average
            if self.file is not None:
                write_measurements(self.file, self._seconds_per_pass)

    def observe(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield the same events, and learn from the pictures among them."""
        with closing(events):  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Painted):
                    self.update(event.picture, event.seconds)
                yield event

    def estimate(self, options: PaintOptions) -> float | None:
        """Seconds the pictures will take; None before the first measurement of their size."""
        seconds = self._seconds_per_pass.get(self._key(options.width, options.height))
        if seconds is None:
            return None
        sampling = self.studio.painter.sampling(options.recipe)
        return seconds * sampling.forward_passes(options.steps or sampling.steps) * options.pictures

    def seconds_per_picture(self) -> Mapping[Recipe, float | None]:
        """Seconds for one picture with each recipe, at the model's default size."""
        return {r: self.estimate(PaintOptions(pictures=1, recipe=r)) for r in Recipe}

    def _key(self, width: int | None, height: int | None) -> str:
        device = self.studio.device
        device_name = f"{device.kind} {device.dtype}" if device else "unknown"
        size = f"{width}x{height}" if width and height else "default size"
        return f"{self.studio.painter.name}, {device_name}, {size}"
