"""Choose the faster of two implementations on this machine: benchmark once, then use the cache.

The two differ in the last digits, but a seed must give the same pixels tomorrow and in every
program on the machine. So the first result stands, and a choice that cannot be cached is not made.
"""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs

from marsam.measurements import read_measurements, write_measurements

MAX_TIME_RATIO = 0.9
"""The candidate is used where it takes less than this ratio of the baseline's time."""
REPEATS = 3


def cache_file() -> Path:
    """Where results are kept between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "autotune.json"


def processor_name() -> str:
    """The CPU's model name, as the system gives it."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        cpuinfo = ""
    lines = (line for line in cpuinfo.splitlines() if line.startswith("model name"))
    names = (line.partition(":")[2] for line in lines)
    return next(names, "").strip() or platform.processor() or platform.machine()


def cached_ratio(name: str) -> float | None:
    """The candidate's time over the baseline's on this machine; None before a benchmark."""
    return read_measurements(cache_file()).get(_key(name))


def is_faster(name: str, baseline: Callable[[], object], candidate: Callable[[], object]) -> bool:
    """Whether the candidate is worth using instead of the baseline on this machine.

    Both do the same work once; the result is cached under ``name``.
    """
    if cached_ratio(name) is None:
        measured = {_key(name): _time_ratio(baseline, candidate)}
        # A result that another program cached in the meantime stands.
        write_measurements(cache_file(), measured | read_measurements(cache_file()))
    ratio = cached_ratio(name)
    return ratio is not None and ratio < MAX_TIME_RATIO


def _time_ratio(baseline: Callable[[], object], candidate: Callable[[], object]) -> float:
    """The best times of both, taken in turn after a warm-up each."""
    best = {baseline: float("inf"), candidate: float("inf")}
    for turn in range(REPEATS + 1):
        for work in best:
            started = time.perf_counter()
            work()
            if turn:
                best[work] = min(best[work], time.perf_counter() - started)
    return best[candidate] / best[baseline]


def _key(name: str) -> str:
    import torch

    return f"{processor_name()}, torch {torch.__version__}: {name}"
