"""Server-sent events as OpenAI's clients read them."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from fastapi.responses import StreamingResponse

from marsam.api.responses import OpenAIErrorBody, status_of
from marsam.errors import MarsamError, public_message_of
from marsam.messages import in_language

KEEP_ALIVE = ": waiting\n\n"
"""A comment, so that no proxy takes the connection for dead."""
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def event_stream(events: AsyncGenerator[str]) -> StreamingResponse:
    """The response that sends events while they come."""
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


def event(data: dict[str, Any]) -> str:
    """One event; its kind is the ``type`` of the data, if it has one."""
    kind = f"event: {data['type']}\n" if "type" in data else ""
    return f"{kind}data: {json.dumps(data, ensure_ascii=False)}\n\n"


def error_event(error: MarsamError, language: str) -> str:
    """The event that ends a stream after an error, in the language of the reader."""
    message = in_language(public_message_of(error), language)
    body = OpenAIErrorBody(code=error.code, message=message, request_id="", status=status_of(error))
    return event({"type": "error", "error": body.error.model_dump()})
