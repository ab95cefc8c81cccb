"""The waiting line: bounded, and fair between clients."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.errors import QueueFull, QuotaExceeded
from marsam.runs.fair_queue import Line


def _joined(line: Line, *jobs: tuple[str, str]) -> None:
    for client, job in jobs:
        line.promise(client)
        line.join(client, job)


def test_clients_take_turns() -> None:
    line = Line(limit=10, share=10)
    _joined(line, ("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2"))
    served = [line.take() for _ in range(6)]
    assert served == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_full_line_and_a_used_up_share_say_so() -> None:
    line = Line(limit=3, share=2)
    _joined(line, ("a", "a1"), ("a", "a2"))
    with pytest.raises(QuotaExceeded, match="2 of your runs"):
        line.promise("a")
    line.promise("b")
    with pytest.raises(QueueFull, match="3 runs"):
        line.promise("c")
    line.give_back("b")
    line.promise("c")


def test_what_is_worked_on_counts_as_ones_share_and_what_waits_beyond_as_waiting() -> None:
    line = Line(limit=3, share=2)
    line.promise("a", working=1)
    line.give_back("a")
    with pytest.raises(QuotaExceeded):
        line.promise("a", working=2)
    with pytest.raises(QueueFull):
        line.promise("a", beyond=range(3))


def test_whoever_leaves_is_not_served() -> None:
    line = Line(limit=9, share=9)
    _joined(line, ("a", "a1"), ("b", "b1"))
    assert line.leave("a1")
    assert not line.leave("a1")
    assert line.take() == "b1"
    assert len(line) == 0


def test_closing_wakes_whoever_waits_for_a_job() -> None:
    line, got = Line(limit=1, share=1), list[str | None]()
    waiting = threading.Thread(target=lambda: got.append(line.take()))
    waiting.start()
    line.close()
    waiting.join(timeout=5)
    assert got == [None]
    with pytest.raises(QueueFull):
        line.promise("a")


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_positions_are_the_order_of_service(clients: list[str]) -> None:
    line = Line(limit=30, share=30)
    jobs = [(client, f"{client}{number}") for number, client in enumerate(clients)]
    _joined(line, *jobs[:-1])
    foreseen = line.positions(jobs[-1])
    _joined(line, jobs[-1])
    assert line.positions() == foreseen
    served = [line.take() for _ in jobs]
    assert served == sorted(foreseen, key=lambda job: foreseen[job])
    # Nobody is served twice while another, who was there from the first, still waits for a turn.
    first = {client: next(job for c, job in jobs if c == client) for client in set(clients)}
    assert set(served[: len(first)]) == set(first.values())
