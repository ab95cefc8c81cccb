"""Everything the API adds to an app."""

from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from marsam.api import doors, health, runs, tools, words
from marsam.api.answers import add_errors
from marsam.api.asking import Service
from marsam.api.health import Counting, Figures
from marsam.workshop import Workshop


def add_api(app: FastAPI, workshop: Workshop, figures: Figures) -> None:
    """Add every route of the API, MCP's included, to an app."""
    service = Service(workshop)
    add_errors(app)
    app.add_middleware(Counting, figures=figures)
    for router in (
        runs.routes(service),
        words.routes(service),
        doors.routes(service),
        health.routes(service, figures),
    ):
        app.include_router(router)
    mcp = tools.tools(service)
    app.router.routes.extend(mcp.streamable_http_app().routes)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        async with before(app) as state, mcp.session_manager.run():
            yield state

    app.router.lifespan_context = lifespan
