"""Which of two ways is the quicker one on this machine: tried once, and remembered.

Two ways differ in the last digits, and a seed has to give the same pixels tomorrow, and to every
program on the machine. So the first outcome stands, and what cannot be remembered is not used.
"""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs

from marsam.measurements import read_figures, write_figures

WORTH = 0.9
"""The share of the usual way's time that another must stay under to be taken."""
TIMES = 3


def trial_file() -> Path:
    """Where outcomes are remembered between starts."""
    return Path(platformdirs.user_cache_dir("marsam")) / "trials.json"


def processor_name() -> str:
    """What the processor calls itself."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    names = (line.partition(":")[2] for line in told.splitlines() if line.startswith("model name"))
    return next(names, "").strip() or platform.processor() or platform.machine()


def remembered(what: str) -> float | None:
    """The share of the usual way's time that the other one took here; None when never tried."""
    return read_figures(trial_file()).get(_key(what))


def quicker(what: str, usual: Callable[[], object], other: Callable[[], object]) -> bool:
    """Whether the other way is worth taking on this machine.

    Args:
        what: what is done so, in a few words.
        usual: does it once.
        other: does the same, the other way.
    """
    if remembered(what) is None:
        found = {_key(what): _share(usual, other)}
        # Unless another program was first.
        write_figures(trial_file(), found | read_figures(trial_file()))
    share = remembered(what)
    return share is not None and share < WORTH


def _share(usual: Callable[[], object], other: Callable[[], object]) -> float:
    """By the best of some times each, in turn, after one to warm up."""
    best = {usual: float("inf"), other: float("inf")}
    for turn in range(TIMES + 1):
        for way in best:
            started = time.perf_counter()
            way()
            if turn:
                best[way] = min(best[way], time.perf_counter() - started)
    return best[other] / best[usual]


def _key(what: str) -> str:
    import torch

    return f"{processor_name()}, torch {torch.__version__}: {what}"
