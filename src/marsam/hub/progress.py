"""How far a pull is, heard from the hub's library."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PullProgress:
    """How far a pull is, in bytes; what was here before counts as done."""

    source: str
    done: int
    total: int


@dataclass(kw_only=True)
class Meter:
    """Bytes done, counted by several threads."""

    source: str
    done: int
    total: int
    report: Callable[[PullProgress], None] | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> int:
        """Bytes still to come."""
        return self.total - self.done

    def add(self, count: int) -> None:
        """Count bytes, and tell."""
        with self.lock:
            self.done = min(self.done + count, self.total)
            if self.report is not None:
                self.report(PullProgress(source=self.source, done=self.done, total=self.total))


def bars_of(meter: Meter) -> type[Any]:
    """A progress bar class that shows nothing and tells the meter: the library's only hook."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # There are three bars: of files, of bytes received and of bytes written.
            self.counts = kwargs.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts:
                meter.add(int(n or 0))
            return None

    return Bar
