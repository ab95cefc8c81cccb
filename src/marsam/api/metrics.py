"""Whether the service is well, and figures for Prometheus."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.api.dependencies import Service
from marsam.errors import MarsamError
from marsam.results import Painted
from marsam.runs.execution import add_seconds
from marsam.runs.scheduler import RunEnded, RunEvent

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Figures:
    """What is counted; give :meth:`observe` to the scheduler and :meth:`count` to the app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "marsam_requests", "Answers.", ["method", "route", "status"], registry=self.registry
        )
        self.runs = Counter("marsam_runs", "Runs that ended.", ["state"], registry=self.registry)
        self.pictures = Counter("marsam_pictures", "Pictures painted.", registry=self.registry)
        self.seconds = Counter(
            "marsam_stage_seconds", "Time stages took.", ["stage"], registry=self.registry
        )
        self.waiting = Gauge("marsam_runs_waiting", "Runs in line.", registry=self.registry)
        self.ready = Gauge("marsam_ready", "1 while new runs are done.", registry=self.registry)

    def observe(self, _run: str, news: RunEvent) -> None:
        """Count what happens to runs."""
        if isinstance(news, RunEnded):
            self.runs.labels(news.state).inc()
            return
        if isinstance(news, Painted):
            self.pictures.inc()
        took: dict[str, float] = {}
        add_seconds(took, news)
        for stage, seconds in took.items():
            self.seconds.labels(stage).inc(seconds)

    def text(self, service: Service) -> bytes:
        """All figures, as Prometheus reads them."""
        self.waiting.set(service.scheduler.queued_count())
        self.ready.set(service.scheduler.is_ready)
        return generate_latest(self.registry)


class Counting:
    """An ASGI layer that counts answers by route."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count one answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                status = str(message["status"])
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.figures.requests.labels(method, route, status).inc()
            await send(message)

        await self.app(scope, receive, counted if scope["type"] == "http" else send)


def routes(service: Service, figures: Figures) -> APIRouter:
    """``/healthz``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="The process answers")
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="New runs would be done")
    def ready(response: Response) -> dict[str, Any]:
        try:
            service.journal.runs(None, limit=1)
            journal = True
        except MarsamError:
            journal = False
        is_ready = journal and service.scheduler.is_ready
        response.status_code = 200 if is_ready else 503
        return {
            "ready": is_ready,
            "models": service.studio.models,
            "waiting": service.scheduler.queued_count(),
        }

    @router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    def metrics() -> Response:
        return Response(figures.text(service), media_type=CONTENT_TYPE_LATEST)

    return router
