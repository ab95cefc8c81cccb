"""A local cluster, started in a separate process, because Ray is imported once per process."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from marsam import OptionError, Studio
from marsam.cluster import ClusterError, Plan, StageResources, cluster_studio, connect
from tests.cluster.conftest import begin, needs_ray, until
from tests.cluster.fakes import RECORD
from tests.helpers.folders import make_folder

ROOT = Path(__file__).parents[2]


def user_environment(record: Path) -> dict[str, str]:
    """The environment without the variables of the other tests' cluster."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    return ours | {"PYTHONPATH": str(ROOT), RECORD: str(record)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads processes from /proc")
def test_a_local_cluster_is_private_and_ends_with_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load a studio on the cluster, then run a batch and interrupt it."""
    needs_ray()
    monkeypatch.chdir(tmp_path)
    make_folder(Path("photos"), 200)
    record = tmp_path / "record"
    record.touch()
    first = """
        import os, subprocess, sys
        from marsam import Painted, PaintOptions
        from marsam.cluster import ClusterError, Plan, StageResources, cluster_studio

        idle = StageResources(replicas=0, max_replicas=1)
        plan = Plan(studio="tests.cluster.fakes:studio", captioner=idle, translator=idle)
        studio = cluster_studio("local", plan=plan)
        events = studio.painter.paint("a cat", PaintOptions(pictures=2, seed=1))
        print("pictures", sum(isinstance(event, Painted) for event in events))

        import ray
        (node,) = ray.nodes()
        print("address", node["NodeManagerAddress"])
        print("usage", os.environ["RAY_USAGE_STATS_ENABLED"])

        code = "import sys, ray._raylet as r; r.GcsClient(address=sys.argv[1]).get_all_node_info()"
        client = subprocess.run(
            [sys.executable, "-c", code, ray.get_runtime_context().gcs_address],
            env=os.environ | {"RAY_AUTH_TOKEN": "0" * 64}, capture_output=True, text=True,
        )
        print("wrong token", client.returncode, "Authentication" in client.stderr, flush=True)
        """
    options = {"env": user_environment(record), "start_new_session": True}
    with begin("local", "a.csv", first=first, **options) as process:
        until(lambda: record.read_text(encoding="utf-8").count("described") >= 4)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output, errors = process.communicate(timeout=60)
    # Ray itself may print which worker it lost, whatever its log settings are.
    ours = [line for line in output.splitlines() if "(raylet)" not in line]
    assert ours == ["pictures 2", "address 127.0.0.1", "usage 0", "wrong token 1 True"]
    assert process.returncode == 130, errors
    assert "of 200 pictures are done. Run the same command again to resume." in errors
    assert "Traceback" not in errors
    assert not Path("a.csv").exists()
    until(lambda: not running(record))


def running(record: Path) -> list[str]:
    """The processes whose environment names this record."""
    variable = f"{RECORD}={record}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if variable in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
    return found


def test_marsam_and_its_cluster_package_import_no_ray() -> None:
    code = "import sys, marsam, marsam.cluster; print('ray' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == "False\n"


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OptionError, match=r"pip install -e '\.\[cluster\]'"):
        cluster_studio("auto")


def test_an_address_that_cannot_stream_is_refused() -> None:
    with pytest.raises(OptionError, match="make this machine a node"):
        cluster_studio("ray://far:10001")


def test_an_unreachable_address_fails_immediately() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, but not listening
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with (
            pytest.raises(ClusterError, match=r"cannot be reached: Connection refused$"),
            connect._translate_connect_errors(address),
        ):
            connect._check_reachable(address)


@pytest.mark.parametrize(
    "invalid",
    [
        {"painter": {"replicas": 3, "max_replicas": 2}},
        {"painter": {"replicas": 0}},
        {"painter": {"gpu": 1}},
        {"studio": "not a function"},
    ],
)
def test_an_invalid_plan_is_refused(invalid: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"max_replicas|gpu|studio"):
        Plan.model_validate(invalid)


def test_a_plan_counts_cpus_and_creates_the_studio() -> None:
    plan = Plan(studio="marsam.testing:fake_studio", painter=StageResources(replicas=3, cpus=2))
    assert plan.cpus == 8
    assert isinstance(plan.create_studio(), Studio)
    for unknown in ("marsam.testing:nothing", "nowhere:at_all"):
        with pytest.raises(OptionError, match="There is no"):
            Plan(studio=unknown).create_studio()
    with pytest.raises(OptionError, match="no-such-set"):
        Plan(models="no-such-set").create_studio()
    with pytest.raises(OptionError, match="does not return a studio"):
        Plan(studio="marsam.options:new_seed").create_studio()
