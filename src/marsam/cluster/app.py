"""The Ray Serve application: ``import_path: marsam.cluster.app:build`` in a Serve config file."""

from typing import Any

from ray import serve
from ray.serve import Application

from marsam.cluster.deployments import (
    CaptionerReplica,
    MetadataDeployment,
    PainterReplica,
    TranslatorReplica,
)
from marsam.cluster.plan import Plan, StageResources

MAX_START_FAILURES = 3
"""Failed starts of a replica after which its deployment fails."""
CAPTIONER, TRANSLATOR, PAINTER, METADATA = "Captioner", "Translator", "Painter", "Metadata"
"""Names of the deployments."""
HEALTH_CHECK_PERIOD_S = 2.0
SHUTDOWN_TIMEOUT_S = 300.0
"""Time for a replica that is removed to finish its requests."""


def build(plan: Plan) -> Application:
    """Build the application; Serve validates the arguments of a config file against ``Plan``."""
    captioner = serve.deployment(name=CAPTIONER, **_options(plan.captioner))(CaptionerReplica)
    translator = serve.deployment(name=TRANSLATOR, **_options(plan.translator))(TranslatorReplica)
    painter = serve.deployment(
        name=PAINTER,
        **_options(plan.painter, max_ongoing=1),
        request_router_config={
            "request_router_class": "marsam.cluster.routing:IdleReplicaRouter",
            # The router waits for an idle replica itself.
            "initial_backoff_s": 0.01,
            "max_backoff_s": 0.01,
        },
    )(PainterReplica)
    metadata = serve.deployment(
        name=METADATA,
        max_ongoing_requests=100,
        max_constructor_retry_count=MAX_START_FAILURES,
        ray_actor_options={"num_cpus": 0},
    )(MetadataDeployment)
    return metadata.bind(plan, painter.bind(plan), captioner.bind(plan), translator.bind(plan))


def _options(resources: StageResources, *, max_ongoing: int | None = None) -> dict[str, Any]:
    """Convert the resources of a stage to Serve's options of a deployment.

    By default, a replica has two batches of requests at once, one of which waits.
    """
    options: dict[str, Any] = {
        "ray_actor_options": {"num_cpus": resources.cpus, "num_gpus": resources.gpus},
        "max_ongoing_requests": max_ongoing or 2 * resources.max_batch_size,
        "max_queued_requests": resources.max_queued,
        "graceful_shutdown_timeout_s": SHUTDOWN_TIMEOUT_S,
        "health_check_period_s": HEALTH_CHECK_PERIOD_S,
        "max_constructor_retry_count": MAX_START_FAILURES,
        "max_replicas_per_node": resources.max_replicas_per_node,
    }
    if resources.max_replicas is None:
        return options | {"num_replicas": resources.replicas}
    autoscaling = {
        "min_replicas": resources.replicas,
        "max_replicas": resources.max_replicas,
        "target_ongoing_requests": max_ongoing or resources.max_batch_size,
    }
    return options | {"autoscaling_config": autoscaling}
