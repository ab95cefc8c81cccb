"""A container's limits decide on threads and memory, not the size of its machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marsam import device
from marsam.cgroup import Limits, available_cpus, read_limits

GIB = 2**30


def root_with(folder: Path, groups: str, **files: str) -> Path:
    """A file system with the groups of this process, and files by path under /sys/fs/cgroup."""
    for name, text in {"/proc/self/cgroup": groups, **files}.items():
        file = folder / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


V2 = "/sys/fs/cgroup"


def test_the_limits_of_a_container_with_version_2(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        "0::/\n",
        **{f"{V2}/cpu.max": "150000 100000\n", f"{V2}/memory.max": f"{12 * GIB}\n"},
    )
    limits = read_limits(root)
    assert limits == Limits(cpus=1.5, memory=12 * GIB)
    assert str(limits) == "1.5 CPUs, 12.0 GiB of memory"


def test_the_lowest_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        "0::/a.slice/b.service\n",
        **{
            f"{V2}/a.slice/b.service/cpu.max": "400000 100000",
            f"{V2}/a.slice/b.service/memory.max": "max",
            f"{V2}/a.slice/cpu.max": "200000 100000",
            f"{V2}/a.slice/memory.max": str(3 * GIB),
            f"{V2}/cpu.max": "max 100000",
            f"{V2}/other/memory.max": "1",
        },
    )
    assert read_limits(root) == Limits(cpus=2.0, memory=3 * GIB)


@pytest.mark.parametrize("group", ["/", "/docker/0123abcd"])
def test_the_limits_of_a_container_with_version_1(group: str, tmp_path: Path) -> None:
    """Without a namespace of its own, a container sees the machine's path at its own mount."""
    root = root_with(
        tmp_path,
        f"4:memory:{group}\n3:cpu,cpuacct:{group}\n",
        **{
            f"{V2}/cpu/cpu.cfs_quota_us": "50000",
            f"{V2}/cpu/cpu.cfs_period_us": "100000",
            f"{V2}/memory/memory.limit_in_bytes": str(2 * GIB),
        },
    )
    limits = read_limits(root)
    assert limits == Limits(cpus=0.5, memory=2 * GIB)
    assert available_cpus(limits) == 1


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", {}),
        ("0::/\n", {f"{V2}/cpu.max": "max 100000", f"{V2}/memory.max": "max"}),
        ("0::/\n", {f"{V2}/cpu.max": "", f"{V2}/memory.max": "many"}),
        (
            "2:memory:/\n1:cpu:/\n",
            {
                f"{V2}/cpu/cpu.cfs_quota_us": "-1",
                f"{V2}/cpu/cpu.cfs_period_us": "100000",
                f"{V2}/memory/memory.limit_in_bytes": "9223372036854771712",
            },
        ),
        ("not the format of this file", {}),
    ],
)
def test_no_limit(groups: str, files: dict[str, str], tmp_path: Path) -> None:
    limits = read_limits(root_with(tmp_path, groups, **files))
    assert limits == Limits()
    assert str(limits) == ""
    assert available_cpus(limits) >= 1


def test_no_control_groups(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == Limits()


def test_the_memory_of_a_container_decides_on_spending_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = device.Device(kind="cpu", dtype="float32", reason="a test")
    monkeypatch.setattr(os, "sysconf", lambda _name: 2**20, raising=False)  # a terabyte
    for limit, spare in ((None, True), (8 * GIB, False), (12 * GIB, True), (2**50, True)):
        monkeypatch.setattr(device, "read_limits", lambda limit=limit: Limits(memory=limit))
        assert cpu.has_spare_memory is spare


@pytest.mark.parametrize(
    ("cpus", "chosen", "threads"), [(1.0, "", "1"), (1.0, "2", "2"), (None, "", "None")]
)
def test_torch_starts_as_many_threads_as_a_container_has_cpus(
    cpus: float | None, chosen: str, threads: str
) -> None:
    code = f"""
import os
from marsam.cgroup import Limits
from marsam.stages import loading
loading.read_limits = lambda: Limits(cpus={cpus})
loading.prepare_process()
print(os.environ.get("OMP_NUM_THREADS"))
import torch
if {cpus} is not None:
    assert str(torch.get_num_threads()) == os.environ["OMP_NUM_THREADS"]
"""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if chosen:
        environment["OMP_NUM_THREADS"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{threads}\n"
