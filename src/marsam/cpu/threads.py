"""Which threads compute: torch's intra-op threads, one thread per share of a layer, or one alone.

torch starts and joins its threads for every operation. That is cheap while OpenMP's worker threads
busy-wait for the next one. But where two threads of a program use torch (text in one, images in
another), each has OpenMP workers of its own, more than there are cores; OpenMP then lets them block
between operations, and waking them takes 0.1 to 0.3 ms each time. So a layer of many small
operations is one parallel region, and a small model is computed by one thread.
"""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch

from marsam.hub.model_files import is_weights

SMALL_MODEL_BYTES = 2**26
"""Bytes of a model's weights up to which one thread is faster than several."""


def parallel_for(work: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> None:
    """Split items of equal cost between torch's number of threads, each computing with one thread.

    ``work`` computes some neighbouring items, in inference mode.
    """
    threads = min(torch.get_num_threads(), len(items))
    if threads == 1:
        work(items)
        return

    def work_on_share(share: Sequence[Any]) -> None:
        with torch.inference_mode(), _one_thread():
            work(share)

    ends = [len(items) * i // threads for i in range(threads + 1)]
    shares = [items[start:end] for start, end in itertools.pairwise(ends)]
    with ThreadPoolExecutor(threads, "parallel-for") as pool:
        list(pool.map(work_on_share, shares))


def intra_op_threads(folder: Path) -> AbstractContextManager[Any]:
    """Use as many of torch's threads as are fastest for a model of the size of this one."""
    weights = (file.stat().st_size for file in folder.rglob("*") if is_weights(file.name))
    return nullcontext() if sum(weights) > SMALL_MODEL_BYTES else _one_thread()


def _one_thread() -> AbstractContextManager[Any]:
    """Have torch compute with one thread when called from this thread; restore it at the end."""
    torch.get_num_threads()  # in a new thread, torch sets the number when it is first asked
    limits: AbstractContextManager[Any] = _openmp().limit(limits=1, user_api="openmp")
    return limits


@cache
def _openmp() -> Any:
    """Control of the OpenMP libraries that torch loaded; finding them takes a moment."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
