"""Datasets of Ray Data, quiet, and with errors of ours."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray
import ray.data
from ray.data.exceptions import ExecutionTimeoutError
from ray.exceptions import UserCodeException

from marsam.cluster.batch_workers import packed, unpacked
from marsam.cluster.plan import Share
from marsam.errors import ClusterError, MarsamError

QUIET = 600.0
"""Seconds in which something must come back; reading large models takes its time."""
STARTS = 3
"""Copies in a row that may end while they start."""


def machines() -> list[dict[str, float]]:
    """What each machine of the cluster has: ``CPU``, ``GPU``."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def dataset(items: Sequence[Any], few: int, stages: Callable[[Any], Any]) -> Any:
    """A dataset of items, ``few`` in a block, that goes through stages."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # its file still gets everything
            handler.setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = QUIET
    context.max_consecutive_actor_init_deaths = STARTS
    with ray.data.DataContext.current(context):
        blocks = [packed(items[first : first + few]) for first in range(0, len(items), few)]
        return stages(ray.data.from_arrow(blocks))


def pool(share: Share, calls: int) -> dict[str, Any]:
    """The copies of a stage; lost ones are started again, and do again what they were at.

    Args:
        share: how many, and of what size.
        calls: how often they will be called; no more are started than that.
    """
    least = min(max(1, share.replicas), calls)
    return {
        "compute": ray.data.ActorPoolStrategy(
            min_size=least,
            max_size=max(least, min(share.most or 0, calls)),
            # Files are read for one call while another computes.
            max_concurrent_calls_per_actor=2,
            enable_true_multi_threading=True,
        ),
        "num_cpus": share.cpus,
        "num_gpus": share.gpus or None,
    }


def received(data: Any) -> Iterator[list[Any] | MarsamError]:
    """What comes out of a dataset, block by block as it is ready; an error is the last."""
    try:
        for block in data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield unpacked(block)
    except ExecutionTimeoutError:
        yield ClusterError(
            f"For {QUIET / 60:.0f} minutes nothing has come back from the cluster: it is busy with "
            "something else, or a picture ends whoever works on it; its log says more."
        )
    except Exception as error:  # of many kinds, few of them documented
        lines = str(error).strip().splitlines() or [type(error).__name__]
        # Of a traceback, what was raised.
        reason = lines[-1] if isinstance(error, UserCodeException) else lines[0]
        yield ClusterError(f"The cluster failed: {reason}")
