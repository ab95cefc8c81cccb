"""The queue is bounded, and fair between clients."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.errors import QueueFull, QuotaExceeded
from marsam.runs.fair_queue import FairQueue


def _joined(queue: FairQueue, *jobs: tuple[str, str]) -> None:
    for client, job in jobs:
        queue.reserve(client)
        queue.enqueue_reserved(client, job)


def test_clients_take_turns() -> None:
    queue = FairQueue(max_queued=10, max_per_client=10)
    _joined(queue, ("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2"))
    served = [queue.pop() for _ in range(6)]
    assert served == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_full_queue_and_a_used_quota_are_refused() -> None:
    queue = FairQueue(max_queued=3, max_per_client=2)
    _joined(queue, ("a", "a1"), ("a", "a2"))
    with pytest.raises(QuotaExceeded, match="2 of your runs"):
        queue.reserve("a")
    queue.reserve("b")
    with pytest.raises(QueueFull, match="3 runs"):
        queue.reserve("c")
    queue.release("b")
    queue.reserve("c")


def test_jobs_in_progress_and_in_the_next_queue_count() -> None:
    queue = FairQueue(max_queued=3, max_per_client=2)
    queue.reserve("a", in_progress=1)
    queue.release("a")
    with pytest.raises(QuotaExceeded):
        queue.reserve("a", in_progress=2)
    with pytest.raises(QueueFull):
        queue.reserve("a", behind=range(3))


def test_a_removed_job_is_not_returned() -> None:
    queue = FairQueue(max_queued=9, max_per_client=9)
    _joined(queue, ("a", "a1"), ("b", "b1"))
    assert queue.remove("a1")
    assert not queue.remove("a1")
    assert queue.pop() == "b1"
    assert len(queue) == 0


def test_closing_wakes_a_waiting_pop() -> None:
    queue, got = FairQueue(max_queued=1, max_per_client=1), list[str | None]()
    waiting = threading.Thread(target=lambda: got.append(queue.pop()))
    waiting.start()
    queue.close()
    waiting.join(timeout=5)
    assert got == [None]
    with pytest.raises(QueueFull):
        queue.reserve("a")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_positions_are_the_order_of_pop(clients: list[str]) -> None:
    queue = FairQueue(max_queued=30, max_per_client=30)
    jobs = [(client, f"{client}{number}") for number, client in enumerate(clients)]
    _joined(queue, *jobs[:-1])
    foreseen = queue.positions(jobs[-1])
    _joined(queue, jobs[-1])
    assert queue.positions() == foreseen
    served = [queue.pop() for _ in jobs]
    assert served == sorted(foreseen, key=lambda job: foreseen[job])
    # No client gets a second turn before every client had its first.
    first = {client: next(job for c, job in jobs if c == client) for client in set(clients)}
    assert set(served[: len(first)]) == set(first.values())
