"""A studio whose stages are on a cluster, which is reached or, on this machine, started."""

import logging
import math
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from marsam.cluster.plan import APPLICATION, Plan
from marsam.errors import ClusterError, MarsamError, OptionError
from marsam.studio import Studio

if TYPE_CHECKING:
    from marsam.cluster.deployments import Facts

LOCAL = "local"
"""The address of a cluster that is started for this process, and ends with it."""
STORE = 256 * 2**20
"""Bytes a started cluster keeps pictures in while they travel."""
ANSWERING = 5.0
"""Seconds the head of a cluster may take to answer."""
STARTING = 600.0
"""Seconds an application may take to start; reading large models takes its time."""


def cluster_studio(
    address: str = LOCAL,
    *,
    plan: Plan | None = None,
    application: str = APPLICATION,
    abreast: int = 4,
) -> Studio:
    """A studio in front of a cluster.

    A cluster that is started here listens on this machine alone, wants a token, and has no
    dashboard; nothing is reported to anybody. Where a program has imported Ray before, it has
    decided that itself.

    Args:
        address: ``local`` starts a cluster that ends with this process; ``auto`` and ``HOST:PORT``
            reach one which this machine is a node of.
        plan: what is started when the cluster has no such application yet; an application that is
            there is taken as it is.
        application: its name on the cluster.
        abreast: pictures of one run that are painted at once, where there are painters for them.

    Raises:
        OptionError: when Ray is not installed, or the address is of a kind that cannot work.
        ClusterError: when the cluster cannot be reached, or its stages do not start.
    """
    plan = plan or Plan()
    _connect(address, plan.cpus)
    from ray.serve import get_deployment_handle

    from marsam.cluster.app import CAPTIONER, PAINTER, RECEPTION, TRANSLATOR
    from marsam.cluster.calls import Asked
    from marsam.cluster.remote_stages import RemoteCaptioner, RemotePainter, RemoteTranslator

    _run(application, plan)
    captioner, translator, painter, reception = (
        get_deployment_handle(name, application)
        for name in (CAPTIONER, TRANSLATOR, PAINTER, RECEPTION)
    )
    facts: Facts = Asked(reception.facts.remote).answer()
    return Studio(
        captioner=RemoteCaptioner(handle=captioner, name=facts.names["captioner"]),
        translator=RemoteTranslator(handle=translator, name=facts.names["translator"]),
        painter=RemotePainter(
            handle=painter,
            reception=reception,
            name=facts.names["painter"],
            samplings=facts.samplings,
            abreast=abreast,
        ),
        models=facts.models,
        reason=facts.reason,
        device=facts.device,
    )


@contextmanager
def connected(address: str, *, cpus: float) -> Iterator[None]:
    """A cluster to work with; what is connected or started for it is let go of at the end.

    Args:
        address: as of :func:`cluster_studio`.
        cpus: that a started one counts at least.

    Raises:
        OptionError: as :func:`cluster_studio`.
        ClusterError: likewise.
    """
    if _connect(address, cpus):
        import ray

        try:
            yield
        finally:
            ray.shutdown()
    else:
        yield


def _surroundings(address: str) -> None:
    """What Ray reads in its environment when it is imported; what somebody set there stays."""
    if "ray" in sys.modules:
        return  # too late: this process and those it starts would not agree
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    # What still runs when it is left would begin another cluster by itself.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    if address != LOCAL:
        return
    # In spite of its name, on every system: without clusters, Ray listens on loopback alone.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # Nobody reads its figures: it need not write them ten times a second.
    os.environ.setdefault("RAY_SERVE_METRICS_EXPORT_INTERVAL_MS", "10000")
    os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")
    # Ray would write a token down for all to come; this one nobody needs to know.
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise OptionError(
            "A cluster needs the extra 'cluster' (Ray). In a clone of Marsam run: "
            "pip install -e '.[cluster]'"
        ) from error
    except MarsamError:
        raise
    except Exception as error:  # of many kinds, none of them documented
        if any(type(each).__name__ == "AuthenticationError" for each in _with_causes(error)):
            raise ClusterError(
                f"The cluster at {address} wants its token; set RAY_AUTH_TOKEN to it."
            ) from error
        said = getattr(error, "strerror", None)
        reason = (said or str(error) or type(error).__name__).strip().splitlines()[0]
        if isinstance(error, ConnectionError) and said is None:  # somebody is there
            reason += "; is RAY_AUTH_TOKEN its token?"
        raise ClusterError(f"The cluster at {address} cannot be reached: {reason}") from error


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _connect(address: str, cpus: float) -> bool:
    """Whether this process was not connected before."""
    if "://" in address:
        raise OptionError(
            f"Pictures do not come back through {address}; make this machine a node with "
            "'ray start --address=HOST:PORT', and say auto."
        )
    _surroundings(address)
    with _reaching(address):
        import ray
        import ray.serve  # brings its logger, which is to be as quiet

        serve = logging.getLogger("ray.serve")
        serve.setLevel(logging.WARNING)
        serve.addFilter(_is_news)
        if ray.is_initialized():
            return False
        quiet: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
        if address != LOCAL:
            _knock(address)
            ray.init(address=address, **quiet)
            return True
        ray.init(
            address=LOCAL,
            # They are only counted: a small machine may have more stages than processors.
            num_cpus=max(os.cpu_count() or 1, math.ceil(cpus)),
            object_store_memory=STORE,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
    return True


def _is_news(record: logging.LogRecord) -> bool:
    """Serve warns of every request that waits long; with pictures, waiting is how things go."""
    return not record.getMessage().startswith("Failed to route request after")


def _knock(address: str) -> None:
    """See whether anybody is there; Ray would go on asking for minutes.

    Raises:
        OSError: when nobody is.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():  # else it is not for us to understand
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERING):
            pass


def _run(application: str, plan: Plan) -> None:
    """Start the application where it is not; wait until it takes requests."""
    from ray import serve

    from marsam.cluster.app import build

    if application in serve.status().applications:
        _wait(application)
        return
    # Only handles are used; nothing needs to listen.
    serve.start(proxy_location="Disabled")
    serve.run_many(
        [serve.RunTarget(build(plan), name=application, route_prefix=None)],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )
    try:
        _wait(application)
    except BaseException:
        serve.delete(application)  # else the next to come would find it as it is
        raise


def _wait(application: str) -> None:
    """Wait until it runs.

    Raises:
        ClusterError: when it does not, with what the first of its parts to fail has raised.
    """
    from ray import serve

    until = time.monotonic() + STARTING
    while (state := serve.status().applications[application]).status != "RUNNING":
        over = state.status in ("DEPLOY_FAILED", "UNHEALTHY", "DELETING")
        if over or time.monotonic() > until:
            told = [part.message for part in state.deployments.values() if part.message]
            lines = (told[0] if told else state.message).strip().splitlines()
            # Of a traceback, what was raised, without its kind.
            reason = re.sub(r"^[\w.]+: ", "", lines[-1]) if lines else "it takes too long."
            raise ClusterError(f"{application} does not start on the cluster: {reason}")
        time.sleep(0.2)
