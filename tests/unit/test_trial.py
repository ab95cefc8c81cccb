"""The quicker of two ways is taken, and stays taken."""

import time
from collections.abc import Callable

import pytest

from marsam.cpu import autotune
from marsam.cpu.autotune import quicker, remembered


def way(seconds: float, calls: list[float]) -> Callable[[], None]:
    def take() -> None:
        calls.append(seconds)
        time.sleep(seconds)

    return take


def test_the_quicker_way_is_taken() -> None:
    assert quicker("one", way(0.05, []), way(0.001, []))
    assert not quicker("two", way(0.001, []), way(0.05, []))


def test_what_was_found_once_is_not_tried_again() -> None:
    calls: list[float] = []
    assert remembered("walking") is None
    assert quicker("walking", way(0.05, calls), way(0.001, calls))
    tried = len(calls)
    # A machine may be busy today; the seed has to give the same pixels.
    assert quicker("walking", way(0.001, calls), way(0.05, calls))
    assert len(calls) == tried
    assert (remembered("walking") or 1) < 0.9


def test_several_outcomes_are_kept_beside_each_other() -> None:
    quicker("one", way(0.02, []), way(0, []))
    quicker("two", way(0, []), way(0.02, []))
    assert quicker("one", way(0, []), way(0, []))
    assert not quicker("two", way(0, []), way(0, []))


def test_a_broken_file_is_like_none() -> None:
    autotune.trial_file().write_text("[oh", encoding="utf-8")
    assert quicker("one", way(0.02, []), way(0, []))
    assert remembered("one") is not None


@pytest.mark.parametrize("kind", ["a folder instead", "no folder above"])
def test_what_cannot_be_remembered_is_not_used(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = autotune.trial_file()
    if kind == "a folder instead":
        file.mkdir()
    else:
        file.write_text("", encoding="utf-8")
        monkeypatch.setattr(autotune, "trial_file", lambda: file / "below.json")
    # Tomorrow the trial might end otherwise, and the same seed give other pixels.
    assert not quicker("one", way(0.02, []), way(0, []))


def test_of_two_programs_that_try_at_once_the_first_one_decides() -> None:
    def meanwhile() -> None:
        if remembered("one") is None:
            assert not quicker("one", way(0, []), way(0.02, []))

    assert not quicker("one", way(0.02, []), meanwhile)
