"""The Serve application: ``import_path: marsam.cluster.app:build`` in a Serve config file."""

from typing import Any

from ray import serve
from ray.serve import Application

from marsam.cluster.deployments import (
    CaptionerReplica,
    PainterReplica,
    Reception,
    TranslatorReplica,
)
from marsam.cluster.plan import Plan, Share

STARTS = 3
"""How often a replica may fail to start before its stage counts as broken."""
CAPTIONER, TRANSLATOR, PAINTER, RECEPTION = "Captioner", "Translator", "Painter", "Reception"
"""What its deployments are called."""
HEALTH = 2.0
"""Seconds between two looks whether a replica is still there."""
DRAIN = 300.0
"""Seconds a replica that is no longer wanted may take to end its work."""


def build(plan: Plan) -> Application:
    """The application of a plan; Serve checks the arguments of a config file against it."""
    captioner = serve.deployment(name=CAPTIONER, **_options(plan.captioner))(CaptionerReplica)
    translator = serve.deployment(name=TRANSLATOR, **_options(plan.translator))(TranslatorReplica)
    painter = serve.deployment(
        name=PAINTER,
        **_options(plan.painter, ongoing=1),
        request_router_config={
            "request_router_class": "marsam.cluster.routing:OneEach",
            # It waits by itself.
            "initial_backoff_s": 0.01,
            "max_backoff_s": 0.01,
        },
    )(PainterReplica)
    reception = serve.deployment(
        name=RECEPTION,
        max_ongoing_requests=100,
        max_constructor_retry_count=STARTS,
        ray_actor_options={"num_cpus": 0},
    )(Reception)
    return reception.bind(plan, captioner.bind(plan), translator.bind(plan), painter.bind(plan))


def _options(share: Share, *, ongoing: int | None = None) -> dict[str, Any]:
    """A share in Serve's words.

    Args:
        share: what a stage gets.
        ongoing: requests a replica takes at once; None for a batch, and another that waits.
    """
    options: dict[str, Any] = {
        "ray_actor_options": {"num_cpus": share.cpus, "num_gpus": share.gpus},
        "max_ongoing_requests": ongoing or 2 * share.together,
        "max_queued_requests": share.waiting,
        "graceful_shutdown_timeout_s": DRAIN,
        "health_check_period_s": HEALTH,
        "max_constructor_retry_count": STARTS,
    }
    if share.per_node is not None:
        options["max_replicas_per_node"] = share.per_node
    if share.most is None:
        return options | {"num_replicas": share.replicas}
    return options | {
        "autoscaling_config": {
            "min_replicas": share.replicas,
            "max_replicas": share.most,
            "target_ongoing_requests": ongoing or share.together,
        }
    }
