"""Working ahead: a generator that runs in a thread of its own, a few items before its reader."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Given = TypeVar("Given")
_END = object()


def _nothing() -> None:
    """Nothing has to be done."""


def ahead(
    items: Iterator[Item], few: int, *, stop: Callable[[], None] = _nothing
) -> Iterator[Item]:
    """The same items in the same order, made by another thread, ``few`` before they are wanted.

    What the other thread raises is raised here; closing this closes ``items``.

    Args:
        items: made by the other thread.
        few: how many may wait.
        stop: called when no more are wanted, so that the other thread need not finish what it
            waits for.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=max(1, few))
    leaving = threading.Event()
    broken: list[BaseException] = []

    def put(item: object) -> bool:
        while not leaving.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            with closing(items):  # type: ignore[type-var]
                for item in items:
                    if not put(item):
                        return
        except BaseException as error:  # it belongs to whoever reads
            broken.append(error)
        put(_END)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if broken:
            raise broken[0]
    finally:
        stop()
        leaving.set()
        thread.join()


def pooled(
    work: Callable[[Given], Item], given: Iterable[Given], *, workers: int, few: int
) -> Iterator[Item]:
    """``work`` of each, in order, by several threads, ``few`` before they are wanted."""
    with ThreadPoolExecutor(workers, thread_name_prefix="pooled") as pool:
        begun: deque[Future[Item]] = deque()
        try:
            for one in given:
                begun.append(pool.submit(work, one))
                if len(begun) > few:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
