"""Ray Data datasets without console output, and with Marsam's errors."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray.data
from ray.data.exceptions import ExecutionTimeoutError
from ray.exceptions import UserCodeException

from marsam.cluster.batch_workers import pack, unpack
from marsam.cluster.plan import StageResources
from marsam.errors import ClusterError, MarsamError

NO_PROGRESS_TIMEOUT_S = 600.0
"""Time without a result after which a dataset fails; large models take minutes to read."""
MAX_START_FAILURES = 3
"""Actors in a row that may fail to start."""


def dataset(items: Sequence[Any], block_size: int, stages: Callable[[Any], Any]) -> Any:
    """Return a dataset of items, ``block_size`` per block, to which ``stages`` is applied."""
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # the log file keeps all levels
            handler.setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = NO_PROGRESS_TIMEOUT_S
    context.max_consecutive_actor_init_deaths = MAX_START_FAILURES
    with ray.data.DataContext.current(context):
        blocks = [
            pack(items[first : first + block_size]) for first in range(0, len(items), block_size)
        ]
        return stages(ray.data.from_arrow(blocks))


def actor_pool(resources: StageResources, calls: int) -> dict[str, Any]:
    """Return the options of ``map_batches`` for the actors of a stage: at most one for each call.

    A lost actor is started again and repeats its calls.
    """
    min_size = min(max(1, resources.replicas), calls)
    return {
        "compute": ray.data.ActorPoolStrategy(
            min_size=min_size,
            max_size=max(min_size, min(resources.max_replicas or 0, calls)),
            # One call reads its files while another computes.
            max_concurrent_calls_per_actor=2,
            enable_true_multi_threading=True,
        ),
        "num_cpus": resources.cpus,
        "num_gpus": resources.gpus or None,
    }


def blocks_of(data: Any) -> Iterator[list[Any] | MarsamError]:
    """Yield the blocks of a dataset as they are ready; an error is the last item."""
    try:
        for block in data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield unpack(block)
    except ExecutionTimeoutError:
        yield ClusterError(
            "The cluster returned nothing for {minutes} minutes. It is busy with other "
            "work, or a picture crashes its worker; see the cluster's log.",
            minutes=round(NO_PROGRESS_TIMEOUT_S / 60),
        )
    except Exception as error:  # Ray documents few error classes here
        lines = str(error).strip().splitlines() or [type(error).__name__]
        # The last line of a traceback is the error.
        reason = lines[-1] if isinstance(error, UserCodeException) else lines[0]
        yield ClusterError("The cluster failed: {reason}", reason=reason)
