"""Bounds of what is done at the same time, for one client and for all.

``Slots`` are for requests that are answered at once: others wait. ``Places`` are for what stays
open: nobody waits for one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from marsam.errors import QueueFull, QuotaExceeded
from marsam.messages import Message

LOCAL_CLIENT = "local"
"""All requests from this machine without a key."""
KEY_CLIENT = "key:"
"""Prefix of the names of clients that have a key."""
ALL_TAKEN = Message("Too many connections are open at the moment. Try again in a few seconds.")
SHARE_TAKEN = Message(
    "Too many of your connections are open already. Close one of them, and try again."
)


def share(number: int, name: str) -> int:
    """How many of a number of slots or places a client may have: half of them.

    What comes from this machine without a key may be many clients behind a proxy: it has all.
    """
    return number if name == LOCAL_CLIENT else max(1, number // 2)


@dataclass
class _Client:
    turns: asyncio.Semaphore
    requests: int = 0


@dataclass(kw_only=True)
class Slots:
    """A bounded number of requests of one kind; of a client, half of it.

    Requests wait without a thread. As no client has more than half of the slots, the next free one
    goes to another client soon, however many requests wait.

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
        turns = asyncio.Semaphore(share(self.concurrent, name))
        client = self._clients.setdefault(name, _Client(turns))
        if client.requests >= share(self.max_requests, name):
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


@dataclass(kw_only=True)
class Places:
    """A bounded number of things that are open at the same time; of a client, half of it.

    Attributes:
        number: of places.
        all_taken: the sentence of a refusal when there is no place.
        share_taken: the sentence of a refusal when the client has its share.
    """

    number: int
    all_taken: Message = ALL_TAKEN
    share_taken: Message = SHARE_TAKEN
    _taken: Counter[str] = field(init=False, default_factory=Counter)

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """Occupy a place.

        Args:
            name: of the client.

        Raises:
            QueueFull: when there is no place.
            QuotaExceeded: when the client has its share.
        """
        if self._taken[name] >= share(self.number, name):
            raise QuotaExceeded(self.share_taken)
        if self._taken.total() >= self.number:
            raise QueueFull(self.all_taken)
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken -= Counter([name])
