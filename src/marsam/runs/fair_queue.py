"""A waiting line that is fair: clients take turns, however much each of them wants."""

import threading
from collections import deque
from collections.abc import Sized

from marsam.errors import QueueFull, QuotaExceeded


class FairQueue:
    """Jobs of clients; the next one is of the client who has waited longest for a turn.

    Args:
        limit: how many may wait.
        share: how many of one client's.
    """

    def __init__(self, *, limit: int, share: int) -> None:
        self.limit, self.share = limit, share
        self._jobs: dict[str, deque[str]] = {}
        """By client; in the order of their next turns."""
        self._promised: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return self._waiting()

    def reserve(self, client: str, *, beyond: Sized = (), working: int = 0) -> None:
        """A place for one more job; :meth:`join` or :meth:`release` must follow.

        Args:
            client: whose.
            beyond: a line behind this one, whose jobs wait as well.
            working: how many of the client's are there, or being worked on.

        Raises:
            QueueFull: when there is none.
            QuotaExceeded: when the client has its share already.
        """
        with self._changed:
            mine = len(self._jobs.get(client, ())) + self._promised.get(client, 0)
            # Counted here: whoever has gone on from this line is in that one already.
            taken = self._waiting() + sum(self._promised.values()) + len(beyond)
            if self._closed or taken >= self.limit:
                raise QueueFull(
                    f"{self.limit} runs are waiting already; try again in a few seconds."
                )
            if mine + working >= self.share:
                raise QuotaExceeded(
                    f"{self.share} of your runs are waiting already; wait for one of them."
                )
            self._promised[client] = self._promised.get(client, 0) + 1

    def release(self, client: str) -> None:
        """The promised place is not needed."""
        with self._changed:
            self._promised[client] -= 1
            if not self._promised[client]:
                del self._promised[client]

    def enqueue_reserved(self, client: str, job: str) -> None:
        """Wait for a turn, in a place that was promised."""
        self.release(client)
        self.enqueue(client, job)

    def enqueue(self, client: str, job: str) -> None:
        """Wait for a turn, whether or not there is a place: the job was let in before."""
        with self._changed:
            self._jobs.setdefault(client, deque()).append(job)
            self._changed.notify_all()

    def pop(self) -> str | None:
        """The next job, as soon as there is one; None when the line is closed."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            client, jobs = next(iter(self._jobs.items()))
            del self._jobs[client]
            job = jobs.popleft()
            if jobs:
                self._jobs[client] = jobs  # behind everybody else
            return job

    def remove(self, job: str) -> bool:
        """Wait no longer; False when the job was not waiting."""
        with self._changed:
            for client, jobs in self._jobs.items():
                if job in jobs:
                    jobs.remove(job)
                    if not jobs:
                        del self._jobs[client]
                    return True
            return False

    def positions(self, *joining: tuple[str, str]) -> dict[str, int]:
        """Each job's place in the line, from 1, as things stand.

        ``joining`` are clients with jobs that are not here yet, as if they were.
        """
        with self._changed:
            lines = {client: list(jobs) for client, jobs in self._jobs.items()}
        for client, job in joining:
            lines.setdefault(client, []).append(job)
        order = list(lines.values())
        turns = max(map(len, order), default=0)
        in_turn = [jobs[turn] for turn in range(turns) for jobs in order if turn < len(jobs)]
        return {job: place for place, job in enumerate(in_turn, 1)}

    def close(self) -> None:
        """Nobody is served any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _waiting(self) -> int:
        return sum(map(len, self._jobs.values()))
