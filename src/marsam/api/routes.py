"""Add the whole HTTP API to an app."""

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from marsam.api import (
    documents,
    health,
    libretranslate,
    mcp,
    metrics,
    openai,
    pictures,
    runs,
    sdwebui,
    text,
)
from marsam.api.dependencies import RunService
from marsam.api.fallback import Fallback
from marsam.api.metrics import Metrics, MetricsMiddleware
from marsam.api.responses import (
    ErrorBody,
    LibreTranslateErrorBody,
    OpenAIErrorBody,
    WebUIErrorBody,
    add_errors,
    errors,
)
from marsam.api.swagger import add_swagger

_KEY_NOTE = "An API key. Not needed if the server runs without keys."
ROUTERS = (
    (runs.router, ErrorBody),
    (pictures.router, ErrorBody),
    (text.router, ErrorBody),
    (documents.router, ErrorBody),
    (openai.router, OpenAIErrorBody),
    (libretranslate.router, LibreTranslateErrorBody),
    (sdwebui.router, WebUIErrorBody),
    (health.live_router, ErrorBody),
    (health.ready_router, ErrorBody),
    (metrics.router, ErrorBody),
)
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": _KEY_NOTE},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": _KEY_NOTE},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": f"{_KEY_NOTE} The key is the password; the user name is ignored.",
    },
}


def add_api(app: FastAPI, service: RunService, app_metrics: Metrics) -> None:
    """Add the API's routes, the MCP tools, error responses and metrics to an app."""
    scheduler = service.scheduler
    app.state.service, app.state.metrics = service, app_metrics
    app.state.journal_probe = health.JournalProbe(scheduler.journal)
    app.state.progress_board = sdwebui.ProgressBoard()
    app.state.translated_files = libretranslate.TranslatedFiles()
    add_errors(app)
    _complete_openapi(app)
    app.add_middleware(MetricsMiddleware, metrics=app_metrics)
    for router, body in ROUTERS:
        app.include_router(router, responses=errors(401, 403, 429, body=body))
    endpoint = mcp.McpEndpoint(scheduler)
    add_swagger(app)
    app.router.routes.append(Route("/mcp", endpoint, methods=["POST"]))
    app.include_router(APIRouter(lifespan=lambda _app: endpoint.run()))
    app.router.routes.append(Fallback(app.router))


def _complete_openapi(app: FastAPI) -> None:
    """Describe in the OpenAPI document how to send a key, and that errors are JSON.

    FastAPI's own security dependencies would check the key again, and reject what the security
    middleware accepts. For errors it assumes the media type of the route's other responses.
    """
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        schema = describe()
        for response in schema["paths"]["/v1/runs/{run_id}/events"]["get"]["responses"].values():
            if (body := response["content"].get("text/event-stream", {})).get("schema"):
                response["content"] = {"application/json": body}
            elif body.pop("itemSchema", None):  # of OpenAPI 3.2; the document is 3.1
                body["schema"] = {"type": "string"}
        schema["components"]["securitySchemes"] = SECURITY_SCHEMES
        schema["security"] = [{name: []} for name in SECURITY_SCHEMES]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
