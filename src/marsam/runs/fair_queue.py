"""A bounded queue that is fair: clients take turns, however many jobs each of them has."""

import threading
from collections import Counter, deque
from collections.abc import Sized
from itertools import zip_longest

from marsam.errors import QueueFull, QuotaExceeded


class FairQueue:
    """Jobs of clients; the next job is of the client whose last turn is longest ago.

    ``max_queued`` jobs may wait; ``max_per_client`` of one client may wait or be in progress.
    """

    def __init__(self, *, max_queued: int, max_per_client: int) -> None:
        self.max_queued, self.max_per_client = max_queued, max_per_client
        self._jobs: dict[str, deque[str]] = {}  # by client; in the order of their next turns
        self._reserved: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return self._count()

    def reserve(self, client: str, *, behind: Sized = (), in_progress: int = 0) -> None:
        """Reserve space for one more job; :meth:`enqueue_reserved` or :meth:`release` must follow.

        The jobs of ``behind``, a second queue, count as waiting; those of the client that wait in
        no queue are ``in_progress``.

        Raises:
            QueueFull: when there is no space.
            QuotaExceeded: when the client has its share already.
        """
        with self._changed:
            own = len(self._jobs.get(client, ())) + self._reserved[client]
            # Counted under the lock: a job that left this queue is in the other one already.
            queued = self._count() + self._reserved.total() + len(behind)
            if self._closed or queued >= self.max_queued:
                raise QueueFull(
                    f"{self.max_queued} runs are in the queue already; try again in a few seconds."
                )
            if own + in_progress >= self.max_per_client:
                raise QuotaExceeded(
                    f"{self.max_per_client} of your runs are in the queue already; wait for one of "
                    "them to finish."
                )
            self._reserved[client] += 1

    def release(self, client: str) -> None:
        """Give a reserved space back."""
        with self._changed:
            self._reserved -= Counter([client])

    def enqueue_reserved(self, client: str, job: str) -> None:
        """Enqueue a job in a reserved space."""
        self.release(client)
        self.enqueue(client, job)

    def enqueue(self, client: str, job: str) -> None:
        """Enqueue a job that was admitted before, even if the queue is full."""
        with self._changed:
            self._jobs.setdefault(client, deque()).append(job)
            self._changed.notify_all()

    def pop(self) -> str | None:
        """Wait for the next job; None when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if self._closed:
                return None
            client, jobs = next(iter(self._jobs.items()))
            del self._jobs[client]
            job = jobs.popleft()
            if jobs:
                self._jobs[client] = jobs  # behind all other clients
            return job

    def remove(self, job: str) -> bool:
        """Remove a job; False when it was not in the queue."""
        with self._changed:
            for client, jobs in self._jobs.items():
                if job in jobs:
                    jobs.remove(job)
                    if not jobs:
                        del self._jobs[client]
                    return True
            return False

    def positions(self, *added: tuple[str, str]) -> dict[str, int]:
        """The turn of each job, from 1, as if ``added`` (client, job) were enqueued last."""
        with self._changed:
            by_client = {client: list(jobs) for client, jobs in self._jobs.items()}
        for client, job in added:
            by_client.setdefault(client, []).append(job)
        turns = zip_longest(*by_client.values())
        in_turn = (job for turn in turns for job in turn if job is not None)
        return {job: position for position, job in enumerate(in_turn, 1)}

    def close(self) -> None:
        """Admit and return no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _count(self) -> int:
        return sum(map(len, self._jobs.values()))
