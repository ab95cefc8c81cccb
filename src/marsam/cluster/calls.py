"""Calls to replicas: asked again elsewhere when one is lost, several at once, in order.

Ray's errors become ours here, and nowhere else.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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

TRIES = 5
"""Replicas that may be lost over one request before it counts as what kills them."""
PAUSE = 0.2
"""Seconds before a request is made again; doubled each time."""
LOST = (
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    WorkerCrashedError,
    ReplicaUnavailableError,
    # Not by us, who do not read on after cancelling: by a replica that had to go.
    RequestCancelledError,
    TaskCancelledError,
)


class _Lost(Exception):
    """Whoever worked on it is gone."""


@contextmanager
def _ours() -> Iterator[None]:
    """Turn what Ray raises into errors of ours, with the cause kept.

    Raises:
        QueueFull: when the cluster has too much waiting already.
        ClusterError: when it cannot do anything.
    """
    try:
        yield
    except LOST as error:
        raise _Lost from error
    except BackPressureError as error:
        raise QueueFull(
            "Too much is waiting for the cluster already; ask again in a moment.",
            seconds=round(error.retry_after_s or 5),
        ) from error
    except DeploymentUnavailableError as error:
        raise ClusterError(f"A stage on the cluster does not start: {error.message}") from error
    except RayTaskError as error:  # what was raised there; its own text is a page long
        if isinstance(error.cause, LOST):
            raise _Lost from error
        raise error.cause from error
    except (RayError, RayServeException) as error:
        raise ClusterError(f"The cluster failed: {str(error).splitlines()[0]}") from error


class Asked:
    """One call, which can be made again.

    Args:
        call: makes it: a handle's ``remote`` with its arguments.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._response = call()
        self.lost = 0
        """How often whoever worked on it was lost."""

    def answer(self) -> Any:
        """What came back.

        Raises:
            MarsamError: also when that is what came back.
        """
        (answer,) = self._received(lambda: iter([self._response.result()]), patient=False)
        return answer

    def answers(self, *, patient: bool) -> Iterator[Any]:
        """What comes back of a streaming call; after a loss, from the beginning.

        Args:
            patient: wait where the cluster has too much waiting already.

        Raises:
            MarsamError: also when that is what came back.
        """
        return self._received(lambda: self._response, patient=patient)

    def _received(self, receive: Callable[[], Iterator[Any]], *, patient: bool) -> Iterator[Any]:
        while True:
            try:
                with _ours():
                    for answer in receive():
                        if isinstance(answer, MarsamError):
                            raise answer
                        yield answer
            except QueueFull:
                if not patient:
                    raise
                time.sleep(PAUSE)
            except _Lost as error:
                self.lost += 1
                if self.lost == TRIES:
                    raise ClusterError(
                        f"The cluster lost whoever worked on a request, {TRIES} times; "
                        "its log says why."
                    ) from error
                time.sleep(PAUSE * 2 ** (self.lost - 1))
            else:
                return
            self._response = self._call()

    def cancel(self) -> None:
        """Not wanted any more: the work stops, if there is any."""
        with suppress(Exception):  # why it had failed before
            self._response.cancel()


def abreast(calls: Iterable[Callable[[], Any]], most: int) -> Iterator[Asked]:
    """Make calls, up to ``most`` at a time, and give them out in order.

    The next is given out when the reader is done with one; closing cancels what is open.
    """
    rest, asked = iter(calls), deque[Asked]()
    try:
        while True:
            asked.extend(Asked(call) for call in islice(rest, most - len(asked)))
            if not asked:
                return
            yield asked[0]
            asked.popleft()
    finally:
        for each in asked:
            each.cancel()
