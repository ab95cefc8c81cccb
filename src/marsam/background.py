"""Iterators that a thread feeds, and a parallel map that keeps the order."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, Generic, TypeVar

from marsam.errors import Cancelled

Item = TypeVar("Item")
Input = TypeVar("Input")
_END = object()


class Emitter(Generic[Item]):
    """Hands items from a working thread to the iterator that reads them."""

    def __init__(self, max_queued: int) -> None:
        self.queue: queue.Queue[Any] = queue.Queue(max_queued)
        self.closed = threading.Event()

    def __call__(self, item: Item) -> None:
        """Emit an item; wait while the queue is full; raises as :meth:`raise_if_closed`."""
        while True:
            self.raise_if_closed()
            with suppress(queue.Full):
                return self.queue.put(item, timeout=0.1)

    def raise_if_closed(self) -> None:
        """Raise Cancelled when the iterator was closed: nothing reads the items any more."""
        if self.closed.is_set():
            raise Cancelled("The work was stopped.")


def iterate_in_thread(
    work: Callable[[Emitter[Item]], object],
    *,
    name: str,
    max_queued: int = 0,
    on_close: Callable[[], object] | None = None,
) -> Iterator[Item]:
    """Yield what ``work(emit)`` emits in a thread of its own, in order.

    An exception of ``work`` is raised here. Closing the iterator cancels ``work`` at its next
    ``emit``, and waits until it has ended.

    Args:
        work: called in the thread with an :class:`Emitter`.
        name: of the thread.
        max_queued: items that may wait to be read; 0 for any number.
        on_close: called when the iterator ends, so that ``work`` need not finish a wait of its own.
    """
    emit = Emitter[Item](max_queued)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work(emit)
        except BaseException as error:  # raised again in the reader's thread
            failures.append(error)
        with suppress(Cancelled):
            emit(_END)  # type: ignore[arg-type]

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        while (item := emit.queue.get()) is not _END:
            yield item
        if failures:
            raise failures[0]
    finally:
        if on_close is not None:
            on_close()
        emit.closed.set()
        thread.join()


def prefetch(
    items: Iterator[Item], max_queued: int, *, on_close: Callable[[], object] | None = None
) -> Iterator[Item]:
    """Yield the same items, produced by a thread up to ``max_queued`` items early.

    Closing this iterator closes ``items``; the rest is as in :func:`iterate_in_thread`.
    """

    def work(emit: Emitter[Item]) -> None:
        with closing(items):  # type: ignore[type-var]
            for item in items:
                emit(item)

    return iterate_in_thread(
        work, name="prefetch", max_queued=max(1, max_queued), on_close=on_close
    )


def parallel_map(
    function: Callable[[Input], Item], inputs: Iterable[Input], *, workers: int, max_queued: int
) -> Iterator[Item]:
    """Yield ``function(input)`` of each input in order, computed by ``workers`` threads.

    Inputs are read only as far as needed; at most ``max_queued`` results wait to be read.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="parallel-map") as pool:
        futures: deque[Future[Item]] = deque()
        try:
            for one in inputs:
                futures.append(pool.submit(function, one))
                if len(futures) > max_queued:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()
