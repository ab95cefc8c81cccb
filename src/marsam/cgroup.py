"""CPUs and memory that this process may use: a container gets less than its machine has.

Linux keeps the limits in files of control groups, versions 1 and 2. A limit holds for the groups
inside a group too, so the lowest one on the way to the root counts.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

UNLIMITED_BYTES = 2**60
"""Version 1 writes a larger number where there is no limit."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a process; None where there is none.

    Attributes:
        cpus: processor time per time, such as 2.5.
        memory: bytes.
    """

    cpus: float | None = None
    memory: int | None = None

    def __str__(self) -> str:
        cpus = [] if self.cpus is None else [f"{self.cpus:g} CPUs"]
        memory = [] if self.memory is None else [f"{self.memory / 2**30:.1f} GiB of memory"]
        return ", ".join(cpus + memory)


def read_limits(root: Path = Path("/")) -> Limits:
    """Read the limits of this process; ``root`` is the folder with ``proc`` and ``sys``."""
    cpus = [_cpus(group) for group in _groups(root, "cpu")]
    memory = [_memory(group) for group in _groups(root, "memory")]
    return Limits(
        cpus=min((limit for limit in cpus if limit is not None), default=None),
        memory=min((limit for limit in memory if limit is not None), default=None),
    )


def available_cpus(limits: Limits) -> int:
    """CPUs that this process may use, at least one: those of its affinity, within its limits."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        cpus = os.cpu_count() or 1
    return cpus if limits.cpus is None else max(1, min(cpus, math.ceil(limits.cpus)))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's group and of those around it."""
    mounts = root / "sys/fs/cgroup"
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0":  # version 2
                mount = mounts
            elif controller in controllers.split(","):
                mount = mounts / controller
            else:
                continue
            # In a container the path may be the machine's, and only the mount itself exists.
            group = mount / path.strip("/")
            yield group
            yield from (parent for parent in group.parents if parent.is_relative_to(mount))


def _cpus(group: Path) -> float | None:
    """A quota of microseconds in each period; ``max`` or -1 is no limit."""
    v1 = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
    with suppress(ValueError):
        quota, period = map(int, _words(group / "cpu.max") or v1)
        return quota / period if quota > 0 and period > 0 else None
    return None


def _memory(group: Path) -> int | None:
    with suppress(ValueError):
        (limit,) = map(int, _words(group / "memory.max") or _words(group / "memory.limit_in_bytes"))
        return limit if limit < UNLIMITED_BYTES else None
    return None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except OSError:
        return []
