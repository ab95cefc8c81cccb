"""The server's ASGI application: the studio page, the HTTP API or both, with one run queue."""

from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Thread

from fastapi import FastAPI

from marsam import environment
from marsam.api.metrics import Metrics
from marsam.hub.selection import OtherModels, choose_set, other_models, stage_folder
from marsam.journal.journal import Journal
from marsam.journal.retention import prune_hourly
from marsam.options import MAX_COST_PER_CLIENT, MAX_RUNS_PER_CLIENT, MAX_TEXT_REQUESTS
from marsam.runs.eta import timings_file
from marsam.runs.scheduler import Scheduler
from marsam.server.addresses import PublicUrl, is_loopback, url_for_phones
from marsam.server.keys import load_keys
from marsam.server.listen import listen
from marsam.server.options import ServerOptions
from marsam.server.security import MAX_BODY_BYTES, SecurityMiddleware, require_key
from marsam.studio import Studio
from marsam.version import __version__

CLOSE_TIMEOUT_S = 1.5
"""Time that the current step gets after the last request has ended."""
UNLIMITED_SHARE = 1_000_000
"""Runs of one client, and their work, where all requests come from this machine as one client."""


def create_app(
    scheduler: Scheduler,
    *,
    page: bool = True,
    metrics: Metrics | None = None,
    keys: frozenset[str] = frozenset(),
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    public_url: PublicUrl | None = None,
    max_text_requests: int = MAX_TEXT_REQUESTS,
    offer_download: bool = True,
    phone_url: str | None = None,
) -> SecurityMiddleware:
    """Create the ASGI application.

    Args:
        scheduler: executes the runs; closed when the application shuts down.
        page: serve the studio page.
        metrics: serve the HTTP API and count in these; the scheduler's observer should be
            :meth:`marsam.api.metrics.Metrics.observe`. None serves no API.
        keys: API keys, one of which every request must carry; empty requires none.
        hosts: host names to accept, beside loopback names and IP addresses.
        origins: origins of other web sites that may use the API and frame the page.
        public_url: where clients reach the server, if that is not in their requests.
        max_text_requests: requests for captions and translations that may be handled or wait.
        offer_download: visitors of the page may download the full size models.
        phone_url: where phones reach the server; the page shows it.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        # It has been closing since the signal; a long step is not waited for.
        scheduler.close(timeout=CLOSE_TIMEOUT_S)

    app = FastAPI(
        title="Marsam",
        version=__version__,
        summary="Caption images and generate images from text, in English and Arabic.",
        lifespan=lifespan,
        # They load scripts from another site; marsam.api.swagger has a page that does not.
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
    )
    if metrics is not None:
        from marsam.api.dependencies import RunService
        from marsam.api.routes import add_api

        add_api(app, RunService(scheduler, max_text_requests), metrics)
    else:
        from marsam.api.health import add_health

        add_health(app)
    if page:
        from marsam.ui.gradio_import import import_gradio

        import_gradio()
        from marsam.web.page import mount

        mount(app, scheduler, offer_download=offer_download, phone_url=phone_url)
    return SecurityMiddleware(
        app,
        keys=keys,
        hosts=hosts,
        origins=origins,
        public_url=public_url,
        on_reject=metrics.count_rejection if metrics else lambda _code: None,
    )


def serve(options: ServerOptions) -> None:
    """Serve until interrupted, then stop between two steps; unfinished runs can be resumed.

    Raises:
        MarsamError: when the server cannot start.
    """
    keys = load_keys(options.key_file)
    require_key(options.host, keys, insecure=options.insecure)
    studio: Future[Studio] = Future()
    if not _can_load_later(options):
        studio.set_result(_load_studio(options))
    journal = Journal()
    metrics = Metrics() if options.api else None
    one_client = not keys and is_loopback(options.host)
    scheduler = Scheduler(
        studio,
        journal,
        timings=timings_file(),
        max_queued=options.max_queued,
        max_per_client=options.max_per_client
        or (UNLIMITED_SHARE if one_client else MAX_RUNS_PER_CLIENT),
        max_cost_per_client=options.max_cost_per_client
        or (UNLIMITED_SHARE if one_client else MAX_COST_PER_CLIENT),
        observer=metrics.observe if metrics else None,
    )
    public_url = PublicUrl.parse(options.public_url) if options.public_url else None
    phone_url = url_for_phones(options.host, options.port, options.public_url)
    app = create_app(
        scheduler,
        page=options.page,
        metrics=metrics,
        keys=keys,
        hosts=options.hosts,
        origins=options.origins,
        public_url=public_url,
        max_text_requests=options.max_text_requests,
        # Several gigabytes: only for the person at this machine.
        offer_download=one_client and public_url is None,
        phone_url=phone_url,
    )
    limits = options.keep_days, options.keep_megabytes
    if limits != (None, None):
        Thread(target=prune_hourly, args=(journal, *limits), daemon=True).start()

    def start() -> None:
        # The page does not need the models; torch alone would delay it by seconds.
        if not studio.done():
            try:
                studio.set_result(_load_studio(options))
            except BaseException as error:
                studio.set_exception(error)
                raise
        if options.page:
            from marsam.web.warm_up import warm_up

            args = studio.result(), scheduler.estimator
            Thread(target=warm_up, args=args, daemon=True).start()

    listen(
        app,
        host=options.host,
        port=options.port,
        phone_url=phone_url,
        trusted_proxies=options.trusted_proxies,
        on_start=start,
        on_stop=scheduler.close,
    )


def _can_load_later(options: ServerOptions) -> bool:
    """Whether the models may be loaded when the server listens already.

    They are those of a set on the best device: nothing else of it can be refused.

    Raises:
        MarsamError: when a model of the set is not on this machine.
    """
    others = other_models(options.models, _others(options))
    if options.api or options.device or environment.DEVICE.get() or any(others):
        return False
    chosen, _reason = choose_set(options.models)
    for model in chosen.models:
        stage_folder(model, set_name=chosen.name)
    return True


def _others(options: ServerOptions) -> OtherModels:
    return OtherModels(options.captioner, options.translator, options.painter, options.lora)


def _load_studio(options: ServerOptions) -> Studio:
    """Load the models of this machine, or connect to those of a cluster."""
    others = _others(options)
    if options.cluster is None:
        return Studio.load(options.models, **others._asdict(), device=options.device)
    from marsam.cluster import Plan, cluster_studio

    plan = Plan(models=options.models, device=options.device).with_models(others)
    return cluster_studio(options.cluster, plan=plan)
