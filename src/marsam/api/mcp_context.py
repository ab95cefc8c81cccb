"""What the MCP tools know of a call: who asks, in which language, and the service."""

from typing import Any, cast

from fastapi import Request
from mcp.server.fastmcp import Context

from marsam.api.dependencies import RunService, client_id, get_service
from marsam.api.reader_language import reader_language

ToolContext = Context[Any, Any, Any]


def request_of(context: ToolContext) -> Request:
    """Return the HTTP request of a call."""
    return cast("Request", context.request_context.request)


def language_of_client(context: ToolContext) -> str:
    """Return the language in which the client wants to be told of errors."""
    return reader_language(request_of(context))


def service_and_client(context: ToolContext) -> tuple[RunService, str]:
    """Return the service, and the client's ID."""
    request = request_of(context)
    return get_service(request), client_id(request)
