"""The queue is bounded, and each client gets the same work done."""

import threading
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.errors import OptionError, QueueFull, QuotaExceeded
from marsam.runs.fair_queue import FairQueue, Job

COSTS = st.sampled_from([1.0, 2.0, 7.0, 0.5])


def _queue(*, max_queued: int = 100, max_per_client: int = 100, cost: float = 1e6) -> FairQueue:
    return FairQueue(max_queued=max_queued, max_per_client=max_per_client, max_cost_per_client=cost)


def _joined(queue: FairQueue, *jobs: tuple[str, str], cost: float = 1.0) -> None:
    for client, job in jobs:
        queue.reserve(client, cost)
        queue.enqueue_reserved(Job(client, job, cost))


def _served(queue: FairQueue) -> list[str | None]:
    return [queue.pop() for _ in range(len(queue))]


def test_clients_take_turns() -> None:
    queue = _queue()
    _joined(queue, ("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2"))
    assert _served(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_large_job_takes_as_many_turns_as_small_ones_that_cost_the_same() -> None:
    queue = _queue()
    _joined(queue, ("a", "a1"), ("a", "a2"), cost=4)
    _joined(queue, *(("b", f"b{number}") for number in range(1, 7)))
    # b2 to b5 cost as much together as a1; at a tie, the first to come is first.
    assert _served(queue) == ["a1", "b1", "b2", "b3", "b4", "a2", "b5", "b6"]


def test_a_client_with_one_job_at_a_time_gets_no_more_than_the_others() -> None:
    queue = _queue()
    _joined(queue, *(("b", f"b{number}") for number in range(1, 7)))
    served = []
    for number in (1, 2):
        _joined(queue, ("a", f"a{number}"), cost=3)  # joins again as soon as it is served
        while (job := queue.pop()) != f"a{number}":
            served.append(job)
        served.append(job)
    assert served == ["b1", "a1", "b2", "b3", "b4", "a2"]


def test_newcomers_without_end_do_not_starve_a_client() -> None:
    queue = _queue()
    _joined(queue, ("a", "a1"), cost=50)
    _joined(queue, ("b", "b1"), ("b", "b2"))
    assert queue.pop() == "a1"
    _joined(queue, ("a", "a2"))
    served = []
    for number in range(200):  # each time a client that has had nothing yet
        _joined(queue, (f"new {number}", f"n{number}"))
        served.append(queue.pop())
    # Two or three clients wait, so a1 is worth that many times 50 turns of the others.
    assert 2 * 48 <= served.index("a2") <= 3 * 52


def test_work_of_the_past_is_forgotten_when_nobody_waits() -> None:
    queue = _queue()
    _joined(queue, ("a", "a1"), cost=1000)
    assert queue.pop() == "a1"
    waiting = threading.Thread(target=queue.pop)  # the worker is free
    waiting.start()
    while queue._ahead:
        time.sleep(0.001)
    _joined(queue, ("c", "c1"))
    waiting.join(timeout=5)
    _joined(queue, ("a", "a2"), ("b", "b1"))
    assert queue.pop() == "a2"


def test_a_full_queue_and_a_used_quota_are_refused() -> None:
    queue = _queue(max_queued=3, max_per_client=2)
    _joined(queue, ("a", "a1"), ("a", "a2"))
    with pytest.raises(QuotaExceeded, match="2 of your runs"):
        queue.reserve("a", 1)
    queue.reserve("b", 1)
    with pytest.raises(QueueFull, match="3 runs"):
        queue.reserve("c", 1)
    queue.release("b", 1)
    queue.reserve("c", 1)


def test_the_work_of_a_client_has_a_limit() -> None:
    queue = _queue(cost=10)
    with pytest.raises(OptionError, match="as much work as 11 images.*the limit is 10") as refused:
        queue.reserve("a", 11)
    assert "11" in refused.value.ar
    assert "10" in refused.value.ar
    queue.reserve("a", 4, in_progress=[3])
    with pytest.raises(QuotaExceeded, match="as much work as 12 images.*the limit is 10"):
        queue.reserve("a", 5, in_progress=[3])
    queue.enqueue_reserved(Job("a", "a1", 4))
    with pytest.raises(QuotaExceeded):
        queue.reserve("a", 7)
    queue.reserve("b", 10)
    queue.reserve("a", 6)
    assert queue.pop() == "a1"


def test_jobs_in_progress_and_in_the_next_queue_count() -> None:
    queue = _queue(max_queued=3, max_per_client=2)
    queue.reserve("a", 1, in_progress=[1])
    queue.release("a", 1)
    with pytest.raises(QuotaExceeded):
        queue.reserve("a", 1, in_progress=[1, 1])
    with pytest.raises(QueueFull):
        queue.reserve("a", 1, behind=range(3))


def test_a_removed_job_is_not_returned() -> None:
    queue = _queue()
    _joined(queue, ("a", "a1"), ("b", "b1"))
    assert queue.remove("a1")
    assert not queue.remove("a1")
    assert queue.pop() == "b1"
    assert len(queue) == 0


def test_closing_wakes_a_waiting_pop() -> None:
    queue, got = _queue(), list[str | None]()
    waiting = threading.Thread(target=lambda: got.append(queue.pop()))
    waiting.start()
    queue.close()
    waiting.join(timeout=5)
    assert got == [None]
    with pytest.raises(QueueFull):
        queue.reserve("a", 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), COSTS), min_size=1, max_size=30), st.integers(0))
def test_positions_are_the_order_of_pop(wanted: list[tuple[str, float]], popped: int) -> None:
    queue = _queue()
    jobs = [Job(client, f"{client}{n}", cost) for n, (client, cost) in enumerate(wanted)]
    for job in jobs[:-1]:
        queue.reserve(job.client, job.cost)
        queue.enqueue_reserved(job)
    for _ in range(popped % len(jobs)):
        queue.pop()
    foreseen = queue.positions(jobs[-1])
    queue.enqueue(jobs[-1])
    assert queue.positions() == foreseen
    assert _served(queue) == sorted(foreseen, key=lambda job: foreseen[job])


@given(st.lists(st.tuples(st.sampled_from("abc"), COSTS), min_size=1, max_size=60))
def test_clients_that_wait_get_the_same_work_done(wanted: list[tuple[str, float]]) -> None:
    """While two clients wait, their work differs by one job of each at most."""
    queue, costs, left = _queue(), dict[str | None, float](), Counter[str]()
    for number, (client, cost) in enumerate(wanted):
        queue.enqueue(Job(client, f"{client}{number}", cost))
        costs[f"{client}{number}"] = cost
        left[client] += 1
    done = dict.fromkeys(left, 0.0)
    waiting = set(left)
    for job in _served(queue):
        assert job is not None
        if len(waiting) > 1:
            done[job[0]] += costs[job]
        left[job[0]] -= 1
        waiting -= {client for client in waiting if not left[client]}
        both = [done[client] for client in waiting]
        assert not both or max(both) - min(both) <= 2 * 7.0
