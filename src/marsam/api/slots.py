"""Slots for requests that are answered at once: how many are handled, and how many may wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from marsam.errors import QueueFull, QuotaExceeded

LOCAL_CLIENT = "local"
"""All requests from this machine without a key."""


@dataclass
class _Client:
    turns: asyncio.Semaphore
    requests: int = 0


@dataclass(kw_only=True)
class Slots:
    """A bounded number of requests of one kind; of a client, half of it.

    Requests wait without a thread. As no client has more than half of the slots, the next free one
    goes to another client soon, however many requests wait. What comes from this machine without a
    key may be many clients behind a proxy: it has all slots.

    Attributes:
        concurrent: requests that are handled at the same time.
        max_requests: requests that are handled or wait.
    """

    concurrent: int
    max_requests: int
    _free: asyncio.Semaphore = field(init=False)
    _clients: dict[str, _Client] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.concurrent)

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[None]:
        """Wait for a slot, and occupy it.

        Args:
            name: of the client.

        Raises:
            QueueFull: when too many requests wait.
            QuotaExceeded: when too many requests of the client wait.
        """
        if sum(client.requests for client in self._clients.values()) >= self.max_requests:
            raise QueueFull("Too many requests at the moment. Try again in a few seconds.")
        parts = 1 if name == LOCAL_CLIENT else 2
        turns = asyncio.Semaphore(max(1, self.concurrent // parts))
        client = self._clients.setdefault(name, _Client(turns))
        if client.requests >= max(1, self.max_requests // parts):
            raise QuotaExceeded(
                "Too many of your requests wait already. Try again in a few seconds."
            )
        client.requests += 1
        try:
            async with client.turns, self._free:
                yield
        finally:
            client.requests -= 1
            if client.requests == 0:
                del self._clients[name]
