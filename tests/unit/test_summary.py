"""Which optimisations a device is said to use."""

import pytest

from marsam import device
from marsam.device import Device
from marsam.stages.summary import optimizations


@pytest.mark.parametrize(
    ("kind", "dtype", "gigabytes", "used"),
    [
        ("cpu", "float32", 16, True),
        ("cpu", "float32", 11, True),
        ("cpu", "float32", 8, False),
        ("cpu", "bfloat16", 16, False),
        ("cuda", "float16", 16, False),
    ],
)
def test_winograd_is_used_with_float32_and_spare_memory(
    kind: str, dtype: str, gigabytes: int, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: gigabytes * 2.0**30)
    chosen = Device(kind=kind, dtype=dtype, reason="")
    assert any("Winograd" in line for line in optimizations(chosen)) is used
