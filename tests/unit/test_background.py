"""Iterators that a thread feeds."""

import threading
from collections.abc import Iterator

import pytest

from marsam.background import Emitter, iterate_in_thread, parallel_map, prefetch
from marsam.errors import OptionError


def test_an_exception_of_the_thread_is_raised_in_the_reader() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OptionError("Not this one.")

    items = prefetch(broken(), 2)
    assert next(items) == 1
    with pytest.raises(OptionError, match="Not this one"):
        next(items)


def test_closing_cancels_the_work_and_waits_for_it() -> None:
    ended = threading.Event()

    def work(emit: Emitter[int]) -> None:
        try:
            for number in range(1_000_000):
                emit(number)
        finally:
            ended.set()

    items = iterate_in_thread(work, name="test", max_queued=1)
    assert [next(items), next(items)] == [0, 1]
    items.close()  # type: ignore[attr-defined]
    assert ended.is_set()


def test_prefetch_closes_its_source_and_reads_little_ahead() -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        try:
            for number in range(100):
                read.append(number)
                yield number
        finally:
            read.append(-1)

    items = prefetch(source(), 3)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert read[-1] == -1
    assert len(read) <= 1 + 1 + 3 + 1 + 1  # taken, next, queued, waiting, closed


def test_parallel_map_keeps_the_order() -> None:
    first = threading.Event()

    def double(number: int) -> int:
        if number == 0:
            first.wait(5)  # a later one ends before it
        if number == 1:
            first.set()
        return 2 * number

    assert list(parallel_map(double, range(5), workers=2, max_queued=3)) == [0, 2, 4, 6, 8]
