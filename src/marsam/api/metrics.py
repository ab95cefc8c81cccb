"""Metrics for Prometheus."""

from functools import partial
from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, exposition
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.api.dependencies import get_service
from marsam.api.fallback import METHODS
from marsam.results import Painted
from marsam.runs.execution import RunEnded, RunEvent, add_seconds


class Metrics:
    """Prometheus metrics of a server.

    The scheduler calls :meth:`observe`; :class:`MetricsMiddleware` counts the requests.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.requests = counter(
            "marsam_requests",
            "HTTP requests, by method, route and status code.",
            ["method", "route", "status"],
        )
        self.rejections = counter(
            "marsam_rejections", "Requests that were rejected before a route, by reason.", ["code"]
        )
        self.runs = counter("marsam_runs", "Runs that ended, by final state.", ["state"])
        self.pictures = counter("marsam_pictures", "Generated images.")
        self.seconds = counter(
            "marsam_stage_seconds", "Seconds spent in each stage of the workflow.", ["stage"]
        )
        self.waiting = gauge("marsam_runs_waiting", "Queued runs.")
        self.ready = gauge("marsam_ready", "1 if new runs are executed, else 0.")

    def count_rejection(self, code: str) -> None:
        """Count a request without a valid key, from another site, or too large."""
        self.rejections.labels(code).inc()

    def observe(self, _run_id: str, event: RunEvent) -> None:
        """Count an event of a run."""
        if isinstance(event, RunEnded):
            self.runs.labels(event.state).inc()
            return
        if isinstance(event, Painted):
            self.pictures.inc()
        seconds: dict[str, float] = {}
        add_seconds(seconds, event)
        for stage, taken in seconds.items():
            self.seconds.labels(stage).inc(taken)


class MetricsMiddleware:
    """Count HTTP requests by method, route and status code."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its response starts."""

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route's template, not the path: IDs would make a time series each.
                route = getattr(scope.get("route"), "path", "other")
                status = str(message["status"])
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.metrics.requests.labels(method, route, status).inc()
            await send(message)

        await self.app(scope, receive, send_counted if scope["type"] == "http" else send)


router = APIRouter(tags=["Health"])


@router.head("/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    summary="Get metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
)
async def prometheus(request: Request) -> Response:
    """Requests, runs, pictures and the time of each stage."""
    metrics, scheduler = cast("Metrics", request.app.state.metrics), get_service(request).scheduler
    metrics.waiting.set(scheduler.queued_count())
    metrics.ready.set(scheduler.is_ready)
    text = exposition.generate_latest(metrics.registry)
    return Response(text, media_type=exposition.CONTENT_TYPE_LATEST)
