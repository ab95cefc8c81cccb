"""Health checks, and metrics for Prometheus."""

from functools import partial

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, exposition
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.api.dependencies import ServiceDep
from marsam.errors import MarsamError
from marsam.results import Painted
from marsam.runs.execution import RunEnded, RunEvent, add_seconds

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


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
        self.runs = counter("marsam_runs", "Runs that ended, by final state.", ["state"])
        self.pictures = counter("marsam_pictures", "Generated images.")
        self.seconds = counter(
            "marsam_stage_seconds", "Seconds spent in each stage of the workflow.", ["stage"]
        )
        self.waiting = gauge("marsam_runs_waiting", "Queued runs.")
        self.ready = gauge("marsam_ready", "1 if new runs are executed, else 0.")

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


class Health(BaseModel):
    """The server responds."""

    status: str = Field(default="ok", description="Always `ok`.")


class Readiness(BaseModel):
    """Whether new runs are executed."""

    ready: bool = Field(description="False if runs cannot be stored, or a step hangs.")
    models: str = Field(description="Name of the model set.", examples=["standard"])
    waiting: int = Field(description="Number of queued runs.")


router = APIRouter(tags=["Health"])


@router.get("/healthz", summary="Check that the server responds")
def health() -> Health:
    """Does not look at models or storage."""
    return Health()


@router.get(
    "/readyz",
    summary="Check that new runs are executed",
    responses={503: {"model": Readiness, "description": "New runs are not executed."}},
)
def readiness(service: ServiceDep, response: Response) -> Readiness:
    """Status 503 if runs cannot be stored, or a step of a run hangs."""
    scheduler = service.scheduler
    ready = scheduler.is_ready
    try:
        scheduler.journal.runs(None, limit=1)
    except MarsamError:
        ready = False
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, models=scheduler.studio.models, waiting=scheduler.queued_count())


@router.get(
    "/metrics",
    summary="Get metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
)
def prometheus(service: ServiceDep, request: Request) -> Response:
    """Requests, runs, pictures and the time of each stage."""
    metrics: Metrics = request.app.state.metrics
    metrics.waiting.set(service.scheduler.queued_count())
    metrics.ready.set(service.scheduler.is_ready)
    text = exposition.generate_latest(metrics.registry)
    return Response(text, media_type=exposition.CONTENT_TYPE_LATEST)
