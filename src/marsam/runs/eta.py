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

DEFAULT_SIZE = "default size"
SMOOTHING = 0.5  # weight of the earlier value in the exponential moving average


def timings_file() -> Path:
    """The file that keeps measurements between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "paint_times.json"


@dataclass
class TimeEstimator:
    """Seconds of the denoiser's forward pass for one picture, by painter, device and size."""

    studio: Studio
    file: Path | None = None  # keeps the measurements; None keeps them in memory
    _seconds_per_pass: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is not None:
            measured = read_measurements(self.file)
            self._seconds_per_pass = {key: value for key, value in measured.items() if value > 0}

    def update(self, picture: Picture, seconds: float, *, default_size: bool = True) -> None:
        """Learn from a picture that took so many seconds; ``default_size`` if it has that."""
        if picture.image is None or seconds <= 0:
            return
        sampling = self.studio.painter.sampling(recipe_named(picture.recipe))
        key = self._key(*picture.image.size)
        measured = seconds / sampling.forward_passes(
            picture.steps, picture.strength, picture.guidance_scale
        )
        with self._lock:
            earlier = self._seconds_per_pass.get(key, measured)
            average = SMOOTHING * earlier + (1 - SMOOTHING) * measured
            self._seconds_per_pass[key] = average
            if default_size:
                self._seconds_per_pass[self._key(None, None)] = average
            if self.file is not None:
                write_measurements(self.file, self._seconds_per_pass)

    def observe(self, events: Iterator[Event], options: PaintOptions) -> Iterator[Event]:
        """Yield the events of a run with these options, and learn from its pictures."""
        with closing(events):  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Painted):
                    is_default = options.width is None and options.height is None
                    self.update(event.picture, event.seconds, default_size=is_default)
                yield event

    def estimate(self, options: PaintOptions) -> float | None:
        """Seconds the pictures will take; None before the first measurement.

        A size that was not measured yet takes time in proportion to its pixels.
        """
        seconds = self._seconds_per_pass.get(self._key(options.width, options.height))
        if seconds is None:
            seconds = self._in_proportion(options)
        if seconds is None:
            return None
        sampling = self.studio.painter.sampling(options.recipe)
        passes = sampling.forward_passes(
            options.steps or sampling.steps, options.strength, options.guidance_scale
        )
        return seconds * passes * options.pictures

    def _in_proportion(self, options: PaintOptions) -> float | None:
        """Seconds of a forward pass, from the measured size with the most similar area."""
        if not (options.width and options.height):
            return None
        wanted, measured = options.width * options.height, {}
        prefix = self._key(None, None).removesuffix(DEFAULT_SIZE)
        for key, seconds in self._seconds_per_pass.items():
            width, _, height = key.removeprefix(prefix).partition("x")
            if width.isdecimal() and height.isdecimal():
                measured[int(width) * int(height)] = seconds
        if not measured:
            return None
        nearest = min(measured, key=lambda pixels: max(pixels / wanted, wanted / pixels))
        return measured[nearest] * wanted / nearest

    def seconds_per_picture(self) -> Mapping[Recipe, float | None]:
        """Seconds for one picture with each recipe, at the model's default size."""
        return {r: self.estimate(PaintOptions(pictures=1, recipe=r)) for r in Recipe}

    def _key(self, width: int | None, height: int | None) -> str:
        device = self.studio.device
        device_name = f"{device.kind} {device.dtype}" if device else "unknown"
        size = f"{width}x{height}" if width and height else DEFAULT_SIZE
        return f"{self.studio.painter.name}, {device_name}, {size}"
