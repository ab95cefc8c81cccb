"""Turns at what several threads want to do, fair to the clients that they work for."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Lets ``concurrent`` threads at a time do something; the clients of the others take turns."""

    def __init__(self, concurrent: int) -> None:
        self._free = concurrent
        self._waiting: dict[str, deque[threading.Event]] = {}  # in the order of their next turns
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, client: str) -> Iterator[None]:
        """Wait for a turn of the client's, and take it."""
        start = threading.Event()
        with self._lock:
            self._waiting.setdefault(client, deque()).append(start)
            self._start_next()
        start.wait()
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
                self._start_next()

    def _start_next(self) -> None:
        if not self._free or not self._waiting:
            return
        self._free -= 1
        client, waiting = next(iter(self._waiting.items()))
        del self._waiting[client]
        waiting.popleft().set()
        if waiting:
            self._waiting[client] = waiting  # behind all other clients
