"""A served Marsam: the page, the API or both, in one process, with one line and one guard."""

import errno
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from marsam.errors import MarsamError, OptionError
from marsam.journal.journal import Journal
from marsam.journal.retention import prune
from marsam.options import ELSEWHERE, QUEUE, SHARE
from marsam.runs.eta import TimeEstimator, timings_file
from marsam.runs.scheduler import Scheduler
from marsam.server.security import MAX_BODY, Guard, is_loopback, require_key
from marsam.studio import Studio
from marsam.version import __version__

KEY_VARIABLE = "MARSAM_KEY"
ALONE = 1_000_000
"""The share of programs on one's own machine: they are all one client's."""


def known_keys(file: Path | None) -> frozenset[str]:
    """The keys of a file, one a line; without one, that of ``MARSAM_KEY``.

    Raises:
        OptionError: when the file cannot be read, holds none, or one that is too short.
    """
    if file is None:
        given = [os.environ.get(KEY_VARIABLE, "")]
    else:
        try:
            given = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"The keys in {file.name} cannot be read.") from error
    keys = frozenset(filter(None, (key.strip() for key in given)))
    if file is not None and not keys:
        raise OptionError(f"{file.name} holds no key; write one a line.")
    if any(len(key) < 16 for key in keys):
        raise OptionError("A key has at least 16 characters; make one with: openssl rand -hex 16")
    return keys


def application(
    scheduler: Scheduler,
    *,
    page: bool = True,
    api: bool = True,
    keys: frozenset[str] = frozenset(),
    hosts: Iterable[str] = (),
    figures: Any = None,
) -> Guard:
    """The ASGI application.

    Args:
        scheduler: does the work; it is closed with the application.
        page: with the studio's page.
        api: with the API; ``figures`` (:class:`marsam.api.metrics.Figures`) are then needed.
        keys: of which one is asked for; none lets everybody in.
        hosts: names by which the machine is asked, beside loopback's.
        figures: counted in; the scheduler's observer.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        scheduler.close()

    app = FastAPI(
        title="Marsam",
        version=__version__,
        summary="Pictures into words and words into pictures, in English and Arabic.",
        lifespan=lifespan,
        # Their pages would fetch scripts from elsewhere; /openapi.json is all there.
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY,
    )
    if api:
        from marsam.api.routes import add_api

        add_api(app, scheduler, figures)
    if page:
        from marsam.web.page import mount

        mount(app, scheduler)
    return Guard(app, keys=keys, hosts=hosts)


def serve(
    *,
    host: str,
    port: int,
    page: bool,
    api: bool,
    models: str | None = None,
    translator: str | None = None,
    device: str | None = None,
    key_file: Path | None = None,
    hosts: Iterable[str] = (),
    insecure: bool = False,
    queue: int = QUEUE,
    share: int | None = None,
    keep_days: float | None = None,
    keep_megabytes: float | None = None,
    cluster: str | None = None,
) -> None:
    """Serve until interrupted; then stop between two steps, with nothing lost.

    Raises:
        MarsamError: when it cannot start.
    """
    keys = known_keys(key_file)
    require_key(host, keys, insecure=insecure)
    studio, journal = _studio(models, translator, device, cluster), Journal()
    figures = None
    if api:
        from marsam.api.metrics import Figures

        figures = Figures()
    scheduler = Scheduler(
        studio,
        journal,
        estimator=TimeEstimator(studio, timings_file()),
        limit=queue,
        share=share or (SHARE if keys or not is_loopback(host) else ALONE),
        observer=figures.observe if figures else None,
    )
    app = application(scheduler, page=page, api=api, keys=keys, hosts=hosts, figures=figures)
    if keep_days is not None or keep_megabytes is not None:
        in_background(prune_hourly, journal, keep_days, keep_megabytes)
    if page:
        from marsam.web.page import get_ready

        in_background(get_ready, studio, scheduler.estimator)
    listen(app, host=host, port=port)


def listen(app: Guard, *, host: str, port: int) -> None:
    """Answer requests until interrupted; what is begun then has five seconds.

    Raises:
        OptionError: when nothing can listen there.
    """
    import uvicorn

    taken = _bound(host, port)  # only then is it true that Marsam is there

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    print(f"Marsam: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201
    uvicorn.Server(config).run(sockets=taken)


def _bound(host: str, port: int) -> list[socket.socket]:
    """A socket for every address of a name, but for those that this machine does not have."""
    taken: list[socket.socket] = []
    absent: OSError | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            try:
                taken.append(socket.create_server(address, family=family))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error
        if absent is not None and not taken:
            raise absent
    except OSError as error:
        for one in taken:
            one.close()
        why = error.strerror or str(error)
        raise OptionError(
            f"Nothing can listen on {host}, port {port} ({why}); choose another with --port."
        ) from error
    return taken


def _studio(
    models: str | None, translator: str | None, device: str | None, cluster: str | None
) -> Studio:
    """The models of this machine, or those of a cluster."""
    if cluster is None:
        return Studio.load(models, translator=translator, device=device)
    if translator is not None:
        raise OptionError(ELSEWHERE)
    from marsam.cluster import Plan, cluster_studio

    return cluster_studio(cluster, plan=Plan(models=models, device=device))


def in_background(work: Any, *args: Any) -> None:
    """Do something beside serving, for as long as that goes on."""
    threading.Thread(target=work, args=args, name=work.__name__, daemon=True).start()


def prune_hourly(journal: Journal, days: float | None, megabytes: float | None) -> None:
    """Delete what is older, or more, than that; now, and every hour. Never returns."""
    pause = threading.Event()
    while True:
        with suppress(MarsamError, OSError):  # the next hour will do
            prune(journal, days=days, megabytes=megabytes)
        pause.wait(3600)
