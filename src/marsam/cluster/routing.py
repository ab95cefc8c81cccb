"""Request router for painters: each replica gets one request at a time."""

import asyncio
import random
import time
from typing import Any

from ray.serve.request_router import (
    FIFOMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

ROUTER_POLL_S = 0.25
"""Interval at which waiting requests ask the replicas whether other gateways' requests ended."""


class IdleReplicaRouter(FIFOMixin, RequestRouter):  # type: ignore[misc]
    """Sends a request to an idle replica as soon as its last request ends, without polling it.

    Serve's own router polls many times a second for each waiting request. With pictures that take
    a third of a second, this cost a seventh of the throughput of two replicas.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_ended = asyncio.Event()
        self._assigned: dict[ReplicaID, float] = {}  # when, for requests that are not sent yet

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,  # noqa: ARG002
    ) -> list[list[RunningReplica]]:
        """Return an idle replica, as far as this process knows; wait until there is one."""
        while not (idle := [each for each in candidate_replicas if self._is_idle(each)]):
            self._request_ended.clear()
            try:
                await asyncio.wait_for(self._request_ended.wait(), ROUTER_POLL_S)
            except TimeoutError:  # another gateway's requests may have ended
                return [random.sample(candidate_replicas, min(2, len(candidate_replicas)))]
        chosen = random.choice(idle)
        self._assigned[chosen.replica_id] = time.monotonic()
        return [[chosen]]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """Count the request in the queue length instead of as assigned."""
        super().on_send_request(replica_id)
        self._assigned.pop(replica_id, None)

    def decrement_queue_len_cache(self, replica_id: ReplicaID) -> None:
        """Wake the waiting requests: a replica finished one."""
        # on_request_completed comes earlier, when the queue length still counts the request.
        super().decrement_queue_len_cache(replica_id)
        self._request_ended.set()

    def _is_idle(self, replica: RunningReplica) -> bool:
        queue_length = self.replica_queue_len_cache.get(replica.replica_id)
        assigned = self._assigned.get(replica.replica_id, -ROUTER_POLL_S)
        return time.monotonic() - assigned >= ROUTER_POLL_S and (
            queue_length is None or queue_length < replica.max_ongoing_requests
        )
