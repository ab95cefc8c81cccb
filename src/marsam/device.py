"""Choose the device and the dtype, and give the reason."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from marsam.cgroup import read_limits
from marsam.errors import OptionError

if TYPE_CHECKING:
    import torch

SPARE_MEMORY_BYTES = 10 * 2**30
"""Memory a machine or its container must have before some gigabytes of it are spent on speed."""

WORKING_GIGABYTES = 1.5
"""Memory beside the weights: the standard set needs 5.9 GB, of which its weights are 5."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device, the dtype it computes in, and why they were chosen.

    Attributes:
        kind: ``cuda``, ``mps`` or ``cpu``.
        dtype: ``float16``, ``bfloat16`` or ``float32``.
        reason: half a sentence for people.
    """

    kind: str
    dtype: str
    reason: str

    @property
    def is_cpu(self) -> bool:
        """No GPU: the only device that :mod:`marsam.cpu` optimises for."""
        return self.kind == "cpu"

    @property
    def has_bf16(self) -> bool:
        """A CPU with native bfloat16, where other kernels are faster than in float32."""
        return self.is_cpu and self.dtype == "bfloat16"

    @property
    def has_spare_memory(self) -> bool:
        """A CPU with enough memory for weights in a larger form that is faster."""
        return self.is_cpu and _memory() >= SPARE_MEMORY_BYTES

    @property
    def stores_half(self) -> bool:
        """A CPU with float32: weights are in 16 bits (:mod:`marsam.cpu.layerwise_casting`)."""
        return self.is_cpu and self.dtype == "float32"

    def with_float32_for_float16(self) -> "Device":
        """The device for a model that cannot compute in float16."""
        return replace(self, dtype="float32") if self.dtype == "float16" else self

    @property
    def memory_gigabytes(self) -> float:
        """Memory of the device; infinite where the system does not say."""
        if self.kind == "cuda":
            import torch

            return float(torch.cuda.mem_get_info()[1]) / 1e9
        return _memory() / 1e9

    def holds(self, weights: float, *, painter: float) -> bool:
        """Whether a studio fits into the memory, with ``WORKING_GIGABYTES`` for its work.

        Args:
            weights: of all stages, in gigabytes.
            painter: the part of the painter, whose text encoder and denoiser need not be on a GPU
                at the same time.
        """
        needed = weights + WORKING_GIGABYTES - (painter / 2 if self.kind == "cuda" else 0)
        return needed <= self.memory_gigabytes

    @property
    def torch_dtype(self) -> "torch.dtype":
        """``dtype`` as torch's object."""
        import torch

        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype


def choose_device(wanted: str | None = None) -> Device:
    """Choose the best device of this machine, or the ``wanted`` one (``cuda``, ``mps``, ``cpu``).

    Raises:
        OptionError: when the machine has no such device.
    """
    import torch

    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    found = [*(kind for kind, available in gpus.items() if available), "cpu"]
    if wanted is not None and wanted not in found:
        raise OptionError(
            "This machine has no device {wanted!r}; it has {devices}.", wanted=wanted, devices=found
        )
    kind = wanted or found[0]
    if kind != "cpu":
        name = torch.cuda.get_device_name() if kind == "cuda" else "the Apple GPU"
        dtype = "bfloat16" if _gpu_has_bf16(kind) else "float16"
        reason = f"{name} is the fastest device of this machine"
    elif _cpu_has_bf16():
        dtype, reason = "bfloat16", "no GPU was found, and this CPU has bfloat16 instructions"
    else:
        dtype, reason = "float32", "no GPU was found, and this CPU has no bfloat16 instructions"
    return Device(kind=kind, dtype=dtype, reason=reason)


def _gpu_has_bf16(kind: str) -> bool:
    """Whether a GPU (``cuda``, ``mps``) computes bfloat16, which has the range of float32."""
    import torch

    if kind == "mps":
        return bool(torch.backends.mps.is_macos_or_newer(14, 0))
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _cpu_has_bf16() -> bool:
    """Whether the CPU has bfloat16 instructions; emulated, bfloat16 is slower than float32."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.is_file() else ""
    return any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))


def _memory() -> float:
    """Bytes of memory that this process may use; infinite where the system does not say."""
    try:
        machine = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        machine = float("inf")
    limit = read_limits().memory
    return machine if limit is None else min(machine, limit)
