"""Which threads of a processor compute what.

Torch's begin and end each operation together, which costs little while each of them watches for the
next one. But where two threads of a program compute (words in one, pictures in another), each has
helpers, more of them than there are processors; OpenMP lets them sleep between operations then, and
waking them takes 0.1 to 0.3 milliseconds each time. So layers of many small operations are shared
out once, to threads that compute alone, and small models are computed by one thread.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from marsam.hub.model_files import is_weights

SMALL = 2**26
"""Bytes of a model's weights, up to which one thread is quicker than several."""


def share_out(work: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> None:
    """Have items worked on by as many threads as torch computes with, each of them alone.

    Args:
        work: does some neighbouring items; no gradients are kept.
        items: which take about as long as each other.
    """
    import torch

    threads = min(torch.get_num_threads(), len(items))
    if threads == 1:
        work(items)
        return

    @torch.inference_mode()
    def alone(some: Sequence[Any]) -> None:
        with _one_thread():
            work(some)

    ends = [len(items) * i // threads for i in range(threads + 1)]
    parts = [items[start:end] for start, end in itertools.pairwise(ends)]
    with ThreadPoolExecutor(threads, "shared") as pool:
        list(pool.map(alone, parts))


@contextmanager
def threads_for(folder: Path) -> Iterator[None]:
    """Compute in this thread as is quickest for a model of this size.

    Args:
        folder: of the model.
    """
    weights = (file.stat().st_size for file in folder.rglob("*") if is_weights(file.name))
    if sum(weights) > SMALL:
        yield
        return
    with _one_thread():
        yield


def _one_thread() -> Any:
    """Torch computes with one thread in the calling one, and with as many as before afterwards."""
    import torch

    torch.get_num_threads()  # in a new thread torch sets them when it is first asked
    return _openmp().limit(limits=1, user_api="openmp")


@cache
def _openmp() -> Any:
    """The libraries that torch computes with, which take a moment to find."""
    import torch  # noqa: F401 -- brings them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
