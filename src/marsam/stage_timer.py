"""The time that each stage of a run takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class StageTimer:
    """Seconds of each stage, without the time that the reader of the stream takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = 0.0

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure a part of a stage."""
        started = time.monotonic()
        yield
        self.add(stage, time.monotonic() - started)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self.last = seconds
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
