"""Progress of a download, in bytes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PullProgress:
    """Progress of a pull in bytes; files that were already downloaded count as done."""

    source: str
    done: int
    total: int


@dataclass(kw_only=True)
class ByteCounter:
    """Counts the bytes of several downloading threads and reports the progress."""

    source: str
    done: int
    total: int
    report: Callable[[PullProgress], None] | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def remaining(self) -> int:
        """Bytes that are still to come."""
        return self.total - self.done

    def add(self, count: int) -> None:
        """Add bytes and report the progress."""
        with self.lock:
            self.done = min(self.done + count, self.total)
            if self.report is not None:
                self.report(PullProgress(source=self.source, done=self.done, total=self.total))


def progress_class(counter: ByteCounter) -> type[Any]:
    """Return a silent tqdm class that feeds ``counter``: the hub library's only progress hook."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # The library opens three bars: files, bytes received, and bytes written.
            self.counts = kwargs.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts:
                counter.add(int(n or 0))
            return None

    return Bar
