"""Health checks. They answer at once, however busy the threads for other requests are."""

import asyncio
from typing import cast

import anyio
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, Field

from marsam.api.dependencies import get_service
from marsam.api.fallback import Fallback
from marsam.errors import MarsamError
from marsam.journal.journal import Journal

JOURNAL_TIMEOUT_S = 3.0
"""Time the journal has to answer before the server counts as not ready."""


class Health(BaseModel):
    """The server responds."""

    status: str = Field(default="ok", description="Always `ok`.", examples=["ok"])


class Readiness(BaseModel):
    """Whether new runs are executed."""

    ready: bool = Field(
        description="False if runs cannot be stored, or a step hangs.", examples=[True]
    )
    models: str = Field(description="Name of the model set.", examples=["standard"])
    waiting: int = Field(description="Number of queued runs.", examples=[0])


class JournalProbe:
    """Reads the journal in a thread of its own: one read at a time for all requests."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._reading: asyncio.Task[bool] | None = None

    async def is_readable(self) -> bool:
        """Whether runs can be read, in time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(
                anyio.to_thread.run_sync(self._read, limiter=anyio.CapacityLimiter(1))
            )
        done, _ = await asyncio.wait([self._reading], timeout=JOURNAL_TIMEOUT_S)
        return bool(done) and self._reading.result()

    def _read(self) -> bool:
        try:
            self.journal.runs(None, limit=1)
        except MarsamError:
            return False
        return True


live_router, ready_router = APIRouter(tags=["Health"]), APIRouter(tags=["Health"])


@live_router.head("/healthz", include_in_schema=False)
@live_router.get("/healthz", summary="Check that the server responds")
async def health() -> Health:
    """Does not look at models or storage."""
    return Health()


@ready_router.head("/readyz", include_in_schema=False)
@ready_router.get(
    "/readyz",
    summary="Check that new runs are executed",
    responses={503: {"model": Readiness, "description": "New runs are not executed."}},
)
async def readiness(request: Request, response: Response) -> Readiness:
    """Status 503 if runs cannot be stored, or a step of a run hangs."""
    scheduler = get_service(request).scheduler
    probe = cast("JournalProbe", request.app.state.journal_probe)
    ready = scheduler.is_ready and await probe.is_readable()
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, models=scheduler.studio.models, waiting=scheduler.queued_count())


def add_health(app: FastAPI) -> None:
    """Add the liveness check alone, for a server without the API."""
    app.include_router(live_router)
    app.router.routes.append(Fallback(app.router))
