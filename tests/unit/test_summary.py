"""Which optimisations a device is said to use."""

import pytest

from marsam import device
from marsam.cpu import autotune, winograd
from marsam.device import Device
from marsam.stages.summary import optimizations


@pytest.mark.parametrize(
    ("kind", "dtype", "gigabytes", "used"),
    [
        ("cpu", "float32", 16, True),
        ("cpu", "float32", 11, True),
        ("cpu", "float32", 8, False),
        ("cuda", "float16", 16, False),
    ],
)
def test_winograd_is_used_with_float32_and_spare_memory(
    kind: str, dtype: str, gigabytes: int, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: gigabytes * 2.0**30)
    chosen = Device(kind=kind, dtype=dtype, reason="")
    assert chosen.has_spare_memory is used
    assert any("Winograd" in line for line in optimizations(chosen)) is used


@pytest.mark.parametrize(("ratio", "used"), [(0.6, True), (1.2, False)])
def test_winograd_is_benchmarked_with_bfloat16(
    ratio: float, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: 16 * 2.0**30)
    monkeypatch.setattr(winograd, "BENCHMARK_CHANNELS", 8)
    monkeypatch.setattr(winograd, "BENCHMARK_SIDE", 4)
    monkeypatch.setattr(autotune, "_time_ratio", lambda *_implementations: ratio)
    chosen = Device(kind="cpu", dtype="bfloat16", reason="")
    assert any("will be timed" in line for line in optimizations(chosen))
    assert winograd.is_faster() is used
    sentence = next(line for line in optimizations(chosen) if "Winograd" in line)
    assert sentence.endswith(": not used") is not used
    assert f"{100 * ratio:.0f} %" in sentence
