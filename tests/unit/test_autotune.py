"""The faster of two implementations is chosen, and the choice stays."""

import time
from collections.abc import Callable

import pytest

from marsam.cpu import autotune
from marsam.cpu.autotune import cached_ratio, is_faster


def work(seconds: float, calls: list[float]) -> Callable[[], None]:
    def run() -> None:
        calls.append(seconds)
        time.sleep(seconds)

    return run


def test_the_faster_implementation_is_chosen() -> None:
    assert is_faster("one", work(0.05, []), work(0.001, []))
    assert not is_faster("two", work(0.001, []), work(0.05, []))


def test_a_cached_ratio_is_not_measured_again() -> None:
    calls: list[float] = []
    assert cached_ratio("convolution") is None
    assert is_faster("convolution", work(0.05, calls), work(0.001, calls))
    measured = len(calls)
    # A machine may be busy today, but a seed must give the same pixels.
    assert is_faster("convolution", work(0.001, calls), work(0.05, calls))
    assert len(calls) == measured
    assert (cached_ratio("convolution") or 1) < 0.9


def test_several_benchmarks_share_the_cache() -> None:
    is_faster("one", work(0.02, []), work(0, []))
    is_faster("two", work(0, []), work(0.02, []))
    assert is_faster("one", work(0, []), work(0, []))
    assert not is_faster("two", work(0, []), work(0, []))


def test_a_broken_cache_file_is_replaced() -> None:
    autotune.cache_file().write_text("[oh", encoding="utf-8")
    assert is_faster("one", work(0.02, []), work(0, []))
    assert cached_ratio("one") is not None


@pytest.mark.parametrize("kind", ["a folder instead", "no folder above"])
def test_without_a_cache_the_baseline_is_used(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = autotune.cache_file()
    if kind == "a folder instead":
        file.mkdir()
    else:
        file.write_text("", encoding="utf-8")
        monkeypatch.setattr(autotune, "cache_file", lambda: file / "below.json")
    # Tomorrow the benchmark might end otherwise, and the same seed give other pixels.
    assert not is_faster("one", work(0.02, []), work(0, []))


def test_the_first_cached_ratio_of_two_programs_stands() -> None:
    def meanwhile() -> None:
        if cached_ratio("one") is None:
            assert not is_faster("one", work(0, []), work(0.02, []))

    assert not is_faster("one", work(0.02, []), meanwhile)
