"""Connect to a Ray cluster, or start one on this machine; a studio that uses its stages."""

import logging
import math
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marsam.cgroup import available_cpus, read_limits
from marsam.cluster.plan import APPLICATION, Plan
from marsam.errors import ClusterError, OptionError
from marsam.hub.selection import source_name
from marsam.messages import Message
from marsam.studio import Studio

if TYPE_CHECKING:
    from marsam.cluster.deployments import ClusterInfo

LOCAL = "local"
"""The address of a cluster that is started for this process and stopped with it."""
OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of a started cluster, for pictures on their way between processes."""
CONNECT_TIMEOUT_S = 5.0
START_TIMEOUT_S = 600.0
"""Time for an application to start; large models take minutes to read."""


def cluster_studio(
    address: str = LOCAL,
    *,
    plan: Plan | None = None,
    application: str = APPLICATION,
    max_concurrent: int = 4,
) -> Studio:
    """Return a studio whose stages are computed by a cluster.

    A cluster that is started here listens on this machine only, requires a token, has no dashboard
    and sends no usage statistics. If the program imported Ray before, its own settings apply.

    Args:
        address: ``local`` starts a cluster that ends with this process; ``auto`` and ``HOST:PORT``
            connect to one that this machine is a node of.
        plan: the application to start if the cluster does not have it yet; one that runs is used
            as it is.
        application: its name on the cluster.
        max_concurrent: pictures of one run that are painted at the same time, if there are enough
            painters.

    Raises:
        OptionError: when Ray is not installed, the address is of an unsupported kind, or an
            application that runs has other models than the plan names.
        ClusterError: when the cluster cannot be reached, or its stages do not start.
    """
    plan = plan or Plan()
    ensure_connected(address, plan.cpus)
    from ray.serve import get_deployment_handle

    from marsam.cluster.app import CAPTIONER, METADATA, PAINTER, TRANSLATOR
    from marsam.cluster.calls import RetryingCall
    from marsam.cluster.remote_stages import RemoteCaptioner, RemotePainter, RemoteTranslator

    _start_application(application, plan)
    captioner, translator, painter, metadata = (
        get_deployment_handle(name, application)
        for name in (CAPTIONER, TRANSLATOR, PAINTER, METADATA)
    )
    info: ClusterInfo = RetryingCall(metadata.info.remote).result()
    require_models(plan, info.names, info.models)
    return Studio(
        captioner=RemoteCaptioner(
            handle=captioner, name=info.names["captioner"], abilities=info.abilities
        ),
        translator=RemoteTranslator(
            handle=translator, metadata=metadata, name=info.names["translator"]
        ),
        painter=RemotePainter(
            handle=painter,
            metadata=metadata,
            name=info.names["painter"],
            samplings=info.samplings,
            max_concurrent=max_concurrent,
        ),
        lora=info.names.get("lora", ""),
        models=info.models,
        reason=info.reason,
        device=info.device,
    )


def require_models(plan: Plan, names: Mapping[str, str], models: str) -> None:
    """Raise OptionError when an application runs other models than a plan names.

    ``names`` are those of its models by stage, and ``models`` is that of its set.
    """
    wrong = [
        stage
        for stage, model in plan.others._asdict().items()
        if model is not None and names.get(stage) not in _names_of(model)
    ]
    if plan.models not in (None, models) and not all(plan.others[:3]):
        wrong = list(names)
    if wrong:
        raise OptionError(
            "The cluster already runs other models: {other}. Name none, or stop its application.",
            other=[names[stage] for stage in wrong if stage in names] or list(names.values()),
        )


def _names_of(model: str) -> set[str]:
    """Return the names that a model, or a LoRA, may have on a machine that has it."""
    file = Path(model).name
    return {model, source_name(model), file, file.replace(".safetensors", "")}


def _set_ray_environment(address: str) -> None:
    """Set what Ray reads from the environment when it is imported; existing values stay."""
    if "ray" in sys.modules:
        return  # too late: this process and its workers would have different settings
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    # Otherwise code that still runs after disconnecting would start another cluster.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    if address != LOCAL:
        return
    # In spite of its name, on every system: with 0, Ray listens on loopback only.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # No program reads the metrics, so they need not be written ten times a second.
    os.environ.setdefault("RAY_SERVE_METRICS_EXPORT_INTERVAL_MS", "10000")
    os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")
    # Ray would store a token in a file for later clusters; this one is used once.
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def _translate_connect_errors(address: str) -> Iterator[None]:
    """Map errors of connecting: to OptionError without Ray, otherwise to ClusterError."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise OptionError(
            "A cluster needs the extra 'cluster' (Ray). In a clone of Marsam run: "
            "pip install -e '.[cluster]'"
        ) from error
    except Exception as error:  # Ray documents no error classes here
        if any(type(each).__name__ == "AuthenticationError" for each in _with_causes(error)):
            raise ClusterError(
                "The cluster at {address} requires its token: set RAY_AUTH_TOKEN.", address=address
            ) from error
        strerror = getattr(error, "strerror", None)
        reason = (strerror or str(error) or type(error).__name__).strip().splitlines()[0]
        if isinstance(error, ConnectionError) and strerror is None:  # it was reached
            reason += "; check RAY_AUTH_TOKEN"
        raise ClusterError(
            "The cluster at {address} cannot be reached: {reason}", address=address, reason=reason
        ) from error


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def ensure_connected(address: str, cpus: float) -> bool:
    """Connect if needed; return whether this process was not connected before.

    The address and the errors are those of :func:`cluster_studio`. A started cluster declares at
    least the given number of CPUs.
    """
    if "://" in address:
        raise OptionError(
            "Pictures cannot be returned through {address}; make this machine a node with "
            "'ray start --address=HOST:PORT', and use the address auto.",
            address=address,
        )
    _set_ray_environment(address)
    with _translate_connect_errors(address):
        import ray
        import ray.serve  # creates its logger

        logger = logging.getLogger("ray.serve")
        logger.setLevel(logging.WARNING)
        logger.addFilter(_drop_wait_warnings)
        if ray.is_initialized():
            return False
        options: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
        if address == LOCAL:
            # For Ray's scheduling only: a small machine may have more stages than CPUs.
            options["num_cpus"] = max(available_cpus(read_limits()), math.ceil(cpus))
            options["object_store_memory"] = OBJECT_STORE_BYTES
            options["include_dashboard"] = False
            options["_node_ip_address"] = "127.0.0.1"
        else:
            _check_reachable(address)
        ray.init(address=address, **options)
    return True


def _drop_wait_warnings(record: logging.LogRecord) -> bool:
    """Filter Serve's warning for each request that waits long: waiting is normal for pictures."""
    return not record.getMessage().startswith("Failed to route request after")


def _check_reachable(address: str) -> None:
    """Try to connect to HOST:PORT first (or OSError), because Ray would retry for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():  # Ray interprets any other address
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S):
            pass


def _start_application(application: str, plan: Plan) -> None:
    """Start the application if it does not run; wait until it accepts requests."""
    from ray import serve

    from marsam.cluster.app import build

    is_new = application not in serve.status().applications
    if is_new:
        # Only handles are used, so no HTTP proxy is needed.
        serve.start(proxy_location="Disabled")
        serve.run_many(
            [serve.RunTarget(build(plan), name=application, route_prefix=None)],
            wait_for_ingress_deployment_creation=False,
            wait_for_applications_running=False,
        )
    try:
        _wait_until_running(application)
    except BaseException:
        if is_new:
            serve.delete(application)  # the next client must not find it broken
        raise


def _wait_until_running(application: str) -> None:
    """Wait until the application runs, or raise the error of the first deployment that failed."""
    from ray import serve

    deadline = time.monotonic() + START_TIMEOUT_S
    while (state := serve.status().applications[application]).status != "RUNNING":
        failed = state.status in ("DEPLOY_FAILED", "UNHEALTHY", "DELETING")
        if failed or time.monotonic() > deadline:
            messages = [part.message for part in state.deployments.values() if part.message]
            lines = (messages[0] if messages else state.message).strip().splitlines()
            # The last line of a traceback is the error; its class is left out.
            reason = re.sub(r"^[\w.]+: ", "", lines[-1]) if lines else Message("it takes too long.")
            raise ClusterError(
                "{application} does not start on the cluster: {reason}",
                application=application,
                reason=reason,
            )
        time.sleep(0.2)
