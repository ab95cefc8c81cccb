"""A bounded queue that is fair: each client gets the same work done, however many jobs it has.

This is fair queueing by virtual time. A client's next job has a start time: that of its last one,
and the cost of that on top. The job with the earliest start is next. Virtual time is the work done
for each waiting client; a client that was away starts at the present one, with no credit.
"""

import threading
from collections import deque
from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from typing import NamedTuple

from marsam.errors import OptionError, QueueFull, QuotaExceeded
from marsam.messages import Message
from marsam.runs.cost import UNIT


class Job(NamedTuple):
    """A job of a client, and its cost (:func:`marsam.runs.cost.cost_of`)."""

    client: str
    id: str
    cost: float


@dataclass
class _Line:
    """The jobs of one client, and the virtual time at which the first one starts."""

    start: float
    jobs: deque[Job] = field(default_factory=deque)


class FairQueue:
    """Jobs of clients, in the order of their virtual start times.

    ``max_queued`` jobs may wait; ``max_per_client`` of one client, which cost at most
    ``max_cost_per_client``, may wait or be in progress.
    """

    def __init__(self, *, max_queued: int, max_per_client: int, max_cost_per_client: float) -> None:
        self.max_queued, self.max_per_client = max_queued, max_per_client
        self.max_cost_per_client = max_cost_per_client
        self._lines: dict[str, _Line] = {}  # by client
        self._time, self._cost = 0.0, 0.0  # at the last pop, and the cost of its job
        self._ahead: dict[str, float] = {}  # next starts after the present, of absent clients
        self._reserved: list[tuple[str, float]] = []
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        with self._changed:
            return self._count()

    def reserve(
        self, client: str, cost: float, *, behind: Sized = (), in_progress: Sequence[float] = ()
    ) -> None:
        """Reserve space for one more job; :meth:`enqueue_reserved` or :meth:`release` must follow.

        The jobs of ``behind``, a second queue, count as waiting; the costs of the client's jobs
        that wait in no queue are ``in_progress``.

        Raises:
            OptionError: when the job alone costs more than a client may have.
            QueueFull: when there is no space.
            QuotaExceeded: when the client has its share already.
        """
        limit = self.max_cost_per_client
        if cost > limit:
            raise OptionError(
                "This run needs as much work as {cost} {unit}; the limit is {limit}. "
                "Choose fewer or smaller pictures, or fewer steps.",
                cost=round(cost),
                unit=Message(UNIT),
                limit=round(limit),
            )
        with self._changed:
            line = self._lines.get(client)
            own = [job.cost for job in line.jobs] if line else []
            own += [reserved for other, reserved in self._reserved if other == client]
            own += in_progress
            # Counted under the lock: a job that left this queue is in the other one already.
            queued = self._count() + len(self._reserved) + len(behind)
            if self._closed or queued >= self.max_queued:
                raise QueueFull(
                    "{limit} runs are in the queue already; try again in a few seconds.",
                    limit=self.max_queued,
                )
            if len(own) >= self.max_per_client:
                raise QuotaExceeded(
                    "{limit} of your runs are in the queue already; wait for one of them to "
                    "finish.",
                    limit=self.max_per_client,
                )
            if sum(own) + cost > limit:
                raise QuotaExceeded(
                    "Together with your runs in the queue, this one needs as much work as {cost} "
                    "{unit}; the limit is {limit}. Wait for one of them to finish.",
                    cost=round(sum(own) + cost),
                    unit=Message(UNIT),
                    limit=round(limit),
                )
            self._reserved.append((client, cost))

    def release(self, client: str, cost: float) -> None:
        """Give a reserved space back."""
        with self._changed:
            self._reserved.remove((client, cost))

    def enqueue_reserved(self, job: Job) -> None:
        """Enqueue a job in a reserved space."""
        self.release(job.client, job.cost)
        self.enqueue(job)

    def enqueue(self, job: Job) -> None:
        """Enqueue a job that was admitted before, even if the queue is full."""
        with self._changed:
            if job.client not in self._lines:
                self._lines[job.client] = _Line(self._start(job.client))
                self._ahead.pop(job.client, None)
            self._lines[job.client].jobs.append(job)
            self._changed.notify_all()

    def pop(self) -> str | None:
        """Wait for the next job and return its ID; None when the queue is closed."""
        with self._changed:
            if not self._lines:  # nobody waits, so nobody is ahead of another one
                self._time, self._cost, self._ahead = 0.0, 0.0, {}
            self._changed.wait_for(lambda: self._lines or self._closed)
            if self._closed:
                return None
            client, line = min(self._lines.items(), key=lambda item: item[1].start)
            self._time = max(self._time + self._cost / len(self._lines), line.start)
            self._ahead = {name: time for name, time in self._ahead.items() if time > self._time}
            job = line.jobs.popleft()
            self._cost = job.cost
            line.start += job.cost
            if not line.jobs:
                self._leave(client)
            return job.id

    def remove(self, job_id: str) -> bool:
        """Remove a job; False when it was not in the queue."""
        with self._changed:
            for client, line in self._lines.items():
                for job in line.jobs:
                    if job.id == job_id:
                        line.jobs.remove(job)
                        if not line.jobs:
                            self._leave(client)
                        return True
            return False

    def positions(self, *added: Job) -> dict[str, int]:
        """The turn of each job, from 1, as if ``added`` were enqueued last."""
        with self._changed:
            lines = {client: _Line(x.start, deque(x.jobs)) for client, x in self._lines.items()}
            for job in added:
                line = lines.setdefault(job.client, _Line(self._start(job.client)))
                line.jobs.append(job)
        starts: list[tuple[float, int, str]] = []
        for index, line in enumerate(lines.values()):  # of equal starts, the first line is next
            start = line.start
            for job in line.jobs:
                starts.append((start, index, job.id))
                start += job.cost
        starts.sort(key=lambda item: item[:2])
        return {job_id: position for position, (_, _, job_id) in enumerate(starts, 1)}

    def close(self) -> None:
        """Admit and return no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self, client: str) -> float:
        """The virtual start time of the next job of a client that has none here."""
        return max(self._time, self._ahead.get(client, 0.0))

    def _leave(self, client: str) -> None:
        """Remove a line without jobs; a client cannot get ahead by returning."""
        self._ahead[client] = self._lines.pop(client).start

    def _count(self) -> int:
        return sum(len(line.jobs) for line in self._lines.values())
