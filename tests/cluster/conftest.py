"""A real cluster of two nodes on this machine, started once for all these tests."""

import importlib.util
import logging
import os
import secrets
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marsam import Studio
from marsam.cluster import Plan, StageResources, cluster_studio
from tests.cluster.fakes import RECORD
from tests.conftest import missing

FAKES = "tests.cluster.fakes:studio"
RAY_WARNINGS = (
    "ignore:.*extra keyword arguments on `Field`:DeprecationWarning",
    "ignore::DeprecationWarning:ray.data.context",
    # Threads that still wait in Ray at shutdown end with SystemExit.
    "ignore:Exception in thread StreamingExecutor:pytest.PytestUnhandledThreadExceptionWarning",
)
"""Warnings that concern Ray only."""
FAST_HEALTH_CHECKS = {
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 5000,
    "health_check_failure_threshold": 4,
}
"""Ray notices a lost node in seconds; its defaults take longer."""
IDLE = StageResources(replicas=0, max_replicas=1)
"""For a stage that a test does not use: without requests, no replica starts."""
RECORDING = Plan(
    studio="tests.cluster.fakes:recording",
    captioner=StageResources(replicas=2, cpus=0.5, max_batch_size=2),
    translator=StageResources(cpus=0.5, max_batch_size=2),
)
"""The plan of batches."""
Lines = Callable[..., list[list[str]]]
NODE = {"num_cpus": 4, "object_store_memory": 100 * 2**20}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            for warning in RAY_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


def needs_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        missing("ray", "Ray is not installed: pip install -e '.[cluster]'")


@pytest.fixture(scope="package")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cluster") / "record"
    file.touch()
    return file


@pytest.fixture(scope="package")
def cluster(record: Path) -> Iterator[Any]:
    """The two nodes; they inherit the token and the record in their environment.

    Ray reads the environment when it is imported, so it must not be imported before.
    """
    needs_ray()
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        RECORD: str(record),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        import ray
        from ray.cluster_utils import Cluster

        head = NODE | {"include_dashboard": False, "_system_config": FAST_HEALTH_CHECKS}
        nodes: Any = Cluster(initialize_head=True, head_node_args=head)
        try:
            nodes.add_node(**NODE)
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()
            # Later log messages concern a cluster that no longer exists.
            logging.getLogger("ray").setLevel(logging.CRITICAL)


@pytest.fixture(scope="package")
def reach(cluster: Any) -> Callable[..., Studio]:
    """Return a studio that uses the two nodes."""

    def studio(application: str, plan: Plan | None = None) -> Studio:
        return cluster_studio(cluster.address, plan=plan, application=application)

    return studio


@pytest.fixture(scope="package")
def slow(reach: Callable[..., Studio]) -> Studio:
    """The slow fakes, with one painter on each node."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marsam.cluster.app.HEALTH_CHECK_PERIOD_S", 0.5)
        return reach(
            "slow",
            Plan(
                studio=FAKES, painter=StageResources(replicas=2, max_replicas_per_node=1, cpus=0.5)
            ),
        )


@pytest.fixture
def lines(record: Path) -> Callable[..., list[list[str]]]:
    """Return the recorded lines since the test began, by their first words."""
    before = record.stat().st_size

    def recorded(*words: object) -> list[list[str]]:
        with record.open(encoding="utf-8") as file:
            file.seek(before)
            rows = [line.rstrip("\n").split("\t") for line in file]
        return [row for row in rows if row[: len(words)] == [str(word) for word in words]]

    return recorded


def pid_of(row: list[str]) -> int:
    """Return the process of a line."""
    pid = int(row[-1])
    assert pid != os.getpid()
    return pid


def until(condition: Callable[[], Any], seconds: float = 180.0) -> Any:
    """Wait until a condition is true, and return its value."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return result


def begin(address: str, out: str, *, first: str = "", **more: Any) -> subprocess.Popen[str]:
    """Run ``marsam batch photos`` with the fakes on a cluster in another process."""
    code = f"""
        import signal, sys
        from functools import partial
        import marsam.cluster
        from marsam.cli import main
        from marsam.cluster import Plan

        # A shell ignores Ctrl-C in the background processes that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        plan = Plan.model_validate_json({RECORDING.model_dump_json()!r})
        marsam.cluster.batch_cluster = partial(marsam.cluster.batch_cluster, plan=plan)
        sys.argv = ["marsam", "batch", "photos", "--out", {out!r}, "--cluster", {address!r}]
        main.main()
        """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(first) + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )
