"""Time limits for requests that arrive slowly, which uvicorn does not have."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 15.0
"""Time in which the head of a request must be complete, and the least of its body arrive."""
MIN_BODY_BYTES = 16_384
"""The least of a body in that time."""


class RequestTimeouts(H11Protocol):
    """An HTTP connection that is closed when its request does not arrive in time.

    Otherwise a client that sends a byte now and then would occupy connections, and places for
    uploads, as long as it likes. h11 also limits the size of a head; httptools, which uvicorn takes
    where it is installed, does not.
    """

    _timer: asyncio.TimerHandle | None = None
    _received = 0
    _last: tuple[object, object] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to measure the time."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a body."""
        self._received += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the measurement."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _arm(self) -> None:
        self._timer = self.loop.call_later(REQUEST_TIMEOUT_S, self._check)

    def _check(self) -> None:
        """Close the connection if it made no progress since the last check."""
        state = self.conn.their_state
        now = (state, self.cycle)
        is_late = now == self._last and (
            state is h11.IDLE or (state is h11.SEND_BODY and self._received < MIN_BODY_BYTES)
        )
        self._last, self._received = now, 0
        # While a request waits for its turn, it is the server that does not read.
        if is_late and not self.flow.read_paused:
            self.transport.close()
        elif self.transport.get_protocol() is self:  # not a websocket by now
            self._arm()
