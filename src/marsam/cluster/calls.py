"""Calls to replicas: retried when a replica is lost, several concurrently, results in order.

Ray's errors are mapped to Marsam's errors here, and nowhere else.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    RayServeException,
    ReplicaUnavailableError,
    RequestCancelledError,
)

from marsam.errors import ClusterError, MarsamError, QueueFull

MAX_LOST_WORKERS = 5
"""Replicas that may be lost during one request; then the request itself is taken as the cause."""
RETRY_DELAY_S = 0.2
"""Wait before the first retry; doubled each time."""
WORKER_LOST_ERRORS = (
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    WorkerCrashedError,
    ReplicaUnavailableError,
    # Cancelled by a replica that had to stop: Marsam reads nothing after it has cancelled a call.
    RequestCancelledError,
    TaskCancelledError,
)


class _WorkerLost(Exception):
    """The worker of a call is lost."""


@contextmanager
def _map_ray_errors() -> Iterator[None]:
    """Map Ray's errors to QueueFull and ClusterError, with the cause kept."""
    try:
        yield
    except WORKER_LOST_ERRORS as error:
        raise _WorkerLost from error
    except BackPressureError as error:
        raise QueueFull(
            "The cluster's queue is full. Try again in a moment.",
            seconds=round(error.retry_after_s or 5),
        ) from error
    except DeploymentUnavailableError as error:
        raise ClusterError(
            "A stage on the cluster does not start: {reason}", reason=error.message
        ) from error
    except RayTaskError as error:  # its own text is a page long; its cause is the replica's error
        if isinstance(error.cause, WORKER_LOST_ERRORS):
            raise _WorkerLost from error
        raise error.cause from error
    except (RayError, RayServeException) as error:
        raise ClusterError(
            "The cluster failed: {reason}", reason=str(error).splitlines()[0]
        ) from error


class RetryingCall:
    """One call to a deployment, which is made at once and retried when its worker is lost.

    ``call`` makes the call: it is a handle's ``remote`` with its arguments.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._response = call()
        self.workers_lost = 0
        """How many workers of this call were lost."""

    def result(self) -> Any:
        """Wait for the result; raise it if it is an error of Marsam."""
        (result,) = self._values(lambda: iter([self._response.result()]), wait_if_full=False)
        return result

    def stream(self, *, wait_if_full: bool) -> Iterator[Any]:
        """Yield the results of a streaming call; after a lost worker, again from the first.

        A result that is an error of Marsam is raised. With ``wait_if_full``, the call is retried
        while the cluster's queue is full.
        """
        return self._values(lambda: self._response, wait_if_full=wait_if_full)

    def _values(self, read: Callable[[], Iterator[Any]], *, wait_if_full: bool) -> Iterator[Any]:
        while True:
            try:
                with _map_ray_errors():
                    for value in read():
                        if isinstance(value, MarsamError):
                            raise value
                        yield value
            except QueueFull:
                if not wait_if_full:
                    raise
                time.sleep(RETRY_DELAY_S)
            except _WorkerLost as error:
                self.workers_lost += 1
                if self.workers_lost == MAX_LOST_WORKERS:
                    raise ClusterError(
                        "The cluster lost the worker of a request {times} times; see the "
                        "cluster's log for the reason.",
                        times=MAX_LOST_WORKERS,
                    ) from error
                time.sleep(RETRY_DELAY_S * 2 ** (self.workers_lost - 1))
            else:
                return
            self._response = self._call()

    def cancel(self) -> None:
        """Stop the work, if it has begun."""
        with suppress(Exception):  # the call may have failed before
            self._response.cancel()


def ordered_concurrent(
    calls: Iterable[Callable[[], Any]], max_concurrent: int
) -> Generator[RetryingCall]:
    """Make calls, up to ``max_concurrent`` at a time, and yield them in order.

    The next call is yielded when the reader is done with the one before. Closing the iterator
    cancels the calls that are open.
    """
    rest, pending = iter(calls), deque[RetryingCall]()
    try:
        while True:
            pending.extend(RetryingCall(c) for c in islice(rest, max_concurrent - len(pending)))
            if not pending:
                return
            yield pending[0]
            pending.popleft()
    finally:
        for call in pending:
            call.cancel()
