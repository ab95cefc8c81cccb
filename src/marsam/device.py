"""Which device does the work, in which number format, and why."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from marsam.cpu import autotune, winograd
from marsam.errors import OptionError

if TYPE_CHECKING:
    import torch

ROOMY = 10 * 2**30
"""Bytes of memory a machine must have before some gigabytes more are spent on speed."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A choice and its reason.

    Attributes:
        kind: torch's name: ``cuda``, ``mps`` or ``cpu``.
        dtype: ``float16``, ``bfloat16`` or ``float32``.
        reason: one sentence for people.
    """

    kind: str
    dtype: str
    reason: str

    @property
    def is_processor(self) -> bool:
        """No GPU: what was measured and tuned for."""
        return self.kind == "cpu"

    @property
    def is_bfloat16_processor(self) -> bool:
        """No GPU, but bfloat16 products in hardware, where some kernels are worth exchanging."""
        return self.is_processor and self.dtype == "bfloat16"

    @property
    def has_room(self) -> bool:
        """No GPU, and enough memory to keep some weights in a larger form that is quicker."""
        return self.is_processor and _memory() >= ROOMY

    @property
    def halves_weights(self) -> bool:
        """CPU with float32: weights are stored as float16 (:mod:`marsam.cpu.layerwise_casting`)."""
        return self.is_processor and self.dtype == "float32"

    @property
    def packs_weights(self) -> bool:
        """Whether linear layers of few rows are FBGEMM's, which is made for x86 with AVX2."""
        import torch

        engine = torch.backends.quantized.engine
        return self.halves_weights and engine in ("x86", "fbgemm")

    @property
    def packs_bfloat16(self) -> bool:
        """Whether oneDNN's prepacked weights are used (:mod:`marsam.cpu.prepacked`); x86 only."""
        import torch

        return (
            self.is_bfloat16_processor
            and platform.machine() in ("x86_64", "AMD64")
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )

    @property
    def tuning(self) -> tuple[str, ...]:
        """What is done differently here to be faster, and why, a sentence each."""
        if not self.is_processor:
            return ("the libraries' own kernels; nothing else was measured on such a device",)
        if not self.is_bfloat16_processor:
            return (
                "pictures: channels last, weights in sixteen bits"
                + (", and convolutions with fewer multiplications" * self.has_room),
                "texts: a last layer that knows the target's script alone"
                + (", and weights in sixteen bits" * self.packs_weights),
            )
        return (
            "pictures: channels last, and attention in pieces that stay in the cache",
            *([_trial()] * self.has_room),
            "texts: decoders in eight bits, as each word costs a reading of all their weights",
            *(
                ["both: most other weights arranged once, as they are multiplied"]
                * self.packs_bfloat16
            ),
        )

    @property
    def torch_dtype(self) -> "torch.dtype":
        """The same, as torch's object."""
        import torch

        return {
            "float16": torch.float16,
            "bfloat16": torch.bfloat16,
            "float32": torch.float32,
        }[self.dtype]


def choose_device(wanted: str | None = None) -> Device:
    """The best device here, or the ``wanted`` one (``cuda``, ``mps``, ``cpu``).

    Raises:
        OptionError: when the wanted device is unknown or absent.
    """
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted is not None and not present.get(wanted, False):
        here = ", ".join(kind for kind, there in present.items() if there)
        raise OptionError(f"There is no device {wanted!r} here; there is {here}.")
    kind = wanted or next(kind for kind, there in present.items() if there)
    if kind == "cuda":
        name = torch.cuda.get_device_name()
        return Device(kind=kind, dtype="float16", reason=f"{name} is the fastest device here")
    if kind == "mps":
        return Device(kind=kind, dtype="float16", reason="the Apple GPU is the fastest device here")
    if _cpu_multiplies_bfloat16():
        return Device(
            kind=kind, dtype="bfloat16", reason="no GPU here, and this processor computes bfloat16"
        )
    return Device(
        kind=kind, dtype="float32", reason="no GPU here, and bfloat16 would only be emulated"
    )


def _cpu_multiplies_bfloat16() -> bool:
    """Whether bfloat16 products are done by the processor itself; emulated, they are slower."""
    if platform.system() == "Linux":
        cpuinfo = Path("/proc/cpuinfo")
        flags = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.is_file() else ""
        return any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def _trial() -> str:
    """What is known of the convolutions that may or may not be quicker where bfloat16 is."""
    share = autotune.remembered(winograd.TRIAL)
    if share is None:
        return "pictures: convolutions with fewer multiplications are tried at the first one"
    used = "used where layers are wide" if share < autotune.WORTH else "not used"
    return (
        f"pictures: convolutions with fewer multiplications took {share:.0%} of the plain ones' "
        f"time here, and are {used}"
    )


def _memory() -> float:
    """Bytes this machine has; without end where it does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows has no such question
        return float("inf")
