"""Calls of MCP tools that are in progress, so that a client can cancel them.

The server keeps no sessions: every message is a request of its own, and a cancellation is found by
the client, a session ID that it repeats, and the ID of the call.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from marsam.api.dependencies import client_id
from marsam.runs.scheduler import Scheduler

SESSION_HEADER = "mcp-session-id"
MAX_CANCELLATION_BYTES = 10_000
"""Larger messages are no cancellations; they are not read for that."""
Key = tuple[str, str, str]


@dataclass
class RunningCalls:
    """The runs that calls of tools wait for."""

    scheduler: Scheduler
    _runs: dict[Key, str] = field(default_factory=dict)

    @contextmanager
    def running(self, request: Request, call_id: str, run_id: str) -> Iterator[None]:
        """Let a call be cancelled as long as the context is open."""
        key = _key(request, call_id)
        self._runs[key] = run_id
        try:
            yield
        finally:
            if self._runs.get(key) == run_id:  # an ID may be used again
                del self._runs[key]

    async def read(self, scope: Scope, receive: Receive) -> Receive:
        """Cancel a call if the request says so; return what the next reader receives."""
        request = Request(scope, receive)
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_CANCELLATION_BYTES:
            return receive
        body = await request.body()
        if call_id := _cancelled(body):
            run_id = self._runs.get(_key(request, call_id))
            if run_id is not None:
                self.scheduler.cancel(run_id)
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        return again


def with_session(scope: Scope, send: Send) -> Send:
    """Give a client that has none an ID of a session, with the response."""
    if any(name == SESSION_HEADER.encode() for name, _ in scope["headers"]):
        return send

    async def send_with_session(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            MutableHeaders(scope=message)[SESSION_HEADER] = secrets.token_hex(16)
        await send(message)

    return send_with_session


def _key(request: Request, call_id: str) -> Key:
    return client_id(request), request.headers.get(SESSION_HEADER, ""), call_id


def _cancelled(body: bytes) -> str | None:
    """The ID of the call that a message cancels."""
    try:
        message = json.loads(body)
    except ValueError:  # the SDK answers this
        return None
    if not isinstance(message, dict) or message.get("method") != "notifications/cancelled":
        return None
    given = message.get("params")
    call_id = given.get("requestId") if isinstance(given, dict) else None
    return str(call_id) if isinstance(call_id, (str, int)) else None
