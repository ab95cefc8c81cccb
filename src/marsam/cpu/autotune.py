"""Choose the faster of two implementations on this machine: benchmark once, then use the cache.

The two differ in the last digits, but a seed must give the same pixels tomorrow and in every
program on the machine. So the first result stands, and a choice that cannot be cached is not made.
"""

import platform
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from timeit import timeit

import platformdirs

from marsam.measurements import read_measurements, write_measurements

MAX_TIME_RATIO = 0.9
"""The candidate is used where it takes less than this ratio of the baseline's time."""
REPEATS = 3


def cache_file() -> Path:
    """Where results are kept between starts."""
    return platformdirs.user_cache_path("marsam") / "autotune.json"


def processor_name() -> str:
    """The CPU's model name, as the system gives it."""
    with suppress(OSError):
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name[ \t]*:[ \t]*(\S.*)", cpuinfo, re.MULTILINE):
            return found[1].strip()
    return platform.processor() or platform.machine()


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
    """By the best times of both, taken in turn after a warm-up each."""
    both = baseline, candidate
    turns = [[timeit(work, number=1) for work in both] for _ in range(REPEATS + 1)]
    best_baseline, best_candidate = (min(turn[i] for turn in turns[1:]) for i in (0, 1))
    return best_candidate / best_baseline


def _key(name: str) -> str:
    import torch

    return f"{processor_name()}, torch {torch.__version__}: {name}"
