"""Estimates of the time a picture takes on this machine, from measurements kept between starts.

Captions and translations are measured, too, by which people can compare models.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from marsam.measurements import read_measurements, write_measurements
from marsam.notices import Notice
from marsam.options import CaptionOptions, PaintOptions, RunOptions
from marsam.recipes import Recipe, recipe_named
from marsam.results import Captioned, Event, Painted, Picture, Translated
from marsam.studio import Studio

DEFAULT_SIZE = "default size"
SMOOTHING = 0.5  # weight of the earlier value in the exponential moving average


def timings_file() -> Path:
    """The file that keeps measurements between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "paint_times.json"


@dataclass
class TimeEstimator:
    """Seconds of the denoiser's forward pass for one picture, by painter, device and size.

    And seconds of a caption and of its translation, by model and device.

    Args:
        models_in_use: returns the studio that works at the moment.
        file: keeps the measurements; None keeps them in memory.
    """

    models_in_use: Callable[[], Studio]
    file: Path | None = None
    _measured: dict[str, float] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.file is not None:
            found = read_measurements(self.file)
            self._measured = {key: value for key, value in found.items() if value > 0}

    @property
    def studio(self) -> Studio:
        """The studio that works at the moment."""
        return self.models_in_use()

    def update(self, picture: Picture, seconds: float, *, default_size: bool = True) -> None:
        """Learn from a picture that took so many seconds; ``default_size`` if it has that."""
        painter = self.studio.painter
        if picture.image is None or seconds <= 0 or picture.recipe not in painter.recipes:
            return  # of no use, or by models that were replaced meanwhile
        sampling, recipe = painter.sampling(recipe_named(picture.recipe)), picture.recipe
        key = self._key(recipe, *picture.image.size)
        measured = seconds / sampling.forward_passes(
            picture.steps, picture.strength, picture.guidance_scale
        )
        self._store(key, measured, *([self._key(recipe)] if default_size else []))

    def update_text(self, stage: str, seconds: float) -> None:
        """Learn how long a ``captioner`` or ``translator`` took for one caption.

        What each does first is left out: its model may have been loaded then.
        """
        key = self._text_key(stage)
        if key in self._used and seconds > 0:
            self._store(key, seconds)
        self._used.add(key)

    def _store(self, key: str, seconds: float, *same: str) -> None:
        """Average a measurement with the earlier ones; ``same`` are keys of the same value."""
        with self._lock:
            average = SMOOTHING * self._measured.get(key, seconds) + (1 - SMOOTHING) * seconds
            self._measured |= dict.fromkeys((key, *same), average)
            if self.file is not None:
                write_measurements(self.file, self._measured)

    def observe(self, events: Iterator[Event], options: RunOptions) -> Iterator[Event]:
        """Yield the events of a run with these options, and learn from them."""
        is_default = options.paint.width is None and options.paint.height is None
        # Other captions may be longer, or several; the alt text of a person takes no time.
        is_usual = options.caption == CaptionOptions()
        with closing(events):  # type: ignore[type-var]
            for event in events:
                match event:
                    case Painted():
                        self.update(event.picture, event.seconds, default_size=is_default)
                    case Captioned(caption=text) | Translated(translation=text):
                        if is_usual and Notice.ALT_TEXT_KEPT not in text.warnings:
                            is_caption = isinstance(event, Captioned)
                            stage = "captioner" if is_caption else "translator"
                            self.update_text(stage, event.seconds)
                yield event

    def estimate(self, options: PaintOptions) -> float | None:
        """Seconds the pictures will take; None before the first measurement.

        A size that was not measured yet takes time in proportion to its pixels.
        """
        seconds = self._measured.get(self._key(options.recipe, options.width, options.height))
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
        prefix = self._key(options.recipe).removesuffix(DEFAULT_SIZE)
        for key, seconds in self._measured.items():
            width, _, height = key.removeprefix(prefix).partition("x")
            if width.isdecimal() and height.isdecimal():
                measured[int(width) * int(height)] = seconds
        if not measured:
            return None
        nearest = min(measured, key=lambda pixels: max(pixels / wanted, wanted / pixels))
        return measured[nearest] * wanted / nearest

    def seconds_per_picture(self) -> Mapping[Recipe, float | None]:
        """Seconds for one picture with each recipe, at the model's default size."""
        recipes = self.studio.painter.recipes
        return {r: self.estimate(PaintOptions(pictures=1, recipe=r)) for r in recipes}

    def seconds_per_caption(self, stage: str) -> float | None:
        """Seconds of the ``captioner`` or ``translator`` for a caption; None if not measured."""
        return self._measured.get(self._text_key(stage))

    def _text_key(self, stage: str) -> str:
        return f"{stage} {getattr(self.studio, stage).name}, {self._device_name}"

    @property
    def _device_name(self) -> str:
        device = self.studio.device
        return f"{device.kind} {device.dtype}" if device else "unknown"

    def _key(self, recipe: str, width: int | None = None, height: int | None = None) -> str:
        size = f"{width}x{height}" if width and height else DEFAULT_SIZE
        # Most of the time of an instant picture is no forward pass.
        recipe = f" {recipe}" if recipe == Recipe.INSTANT else ""
        return f"{self.studio.painter.name}{recipe}, {self._device_name}, {size}"
