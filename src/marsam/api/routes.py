"""Everything the API adds to an app."""

from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from marsam.api import mcp, metrics, openai, runs, text
from marsam.api.dependencies import Service
from marsam.api.metrics import Counting, Figures
from marsam.api.responses import add_errors
from marsam.runs.scheduler import Scheduler


def add_api(app: FastAPI, scheduler: Scheduler, figures: Figures) -> None:
    """Add every route of the API, MCP's included, to an app."""
    service = Service(scheduler)
    add_errors(app)
    app.add_middleware(Counting, figures=figures)
    for router in (
        runs.routes(service),
        text.routes(service),
        openai.routes(service),
        metrics.routes(service, figures),
    ):
        app.include_router(router)
    server = mcp.tools(service)
    app.router.routes.extend(server.streamable_http_app().routes)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        async with before(app) as state, server.session_manager.run():
            yield state

    app.router.lifespan_context = lifespan
