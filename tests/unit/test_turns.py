"""Threads that wait for a turn: however many wait for one client, the next turn is another's."""

import threading
import time

import pytest

from marsam.runs.turns import Turns


def test_clients_take_turns() -> None:
    turns, order, lock = Turns(1), list[str](), threading.Lock()

    def work(client: str) -> None:
        with turns.turn(client):
            order.append(client)
            with lock:
                pass

    with lock:
        threads = [threading.Thread(target=work, args=(client,)) for client in "aaaaab"]
        for number, thread in enumerate(threads):
            thread.start()
            while len(order) + sum(map(len, turns._waiting.values())) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == ["a", "a", "b", "a", "a", "a"]


def test_a_turn_that_fails_is_given_back() -> None:
    turns = Turns(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns.turn("a"):
            _ = 1 / 0
    with turns.turn("b"):
        assert not turns._waiting
