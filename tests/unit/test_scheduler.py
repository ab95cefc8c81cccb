"""The scheduler goes on, whatever goes wrong with one run."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from marsam import PaintOptions, RunOptions
from marsam.errors import Cancelled, OutOfMemory, QueueFull
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.runs.execution import RunEnded, RunEvent
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.testing import FakePainter, fake_studio

OPTIONS = RunOptions(paint=PaintOptions(pictures=2, seed=7))
NEW = NewRun(client="amal", options=OPTIONS, prompt="a cat")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path))
    yield scheduler
    scheduler.close()


def _ended(scheduler: Scheduler, run: str) -> RunEnded:
    told: list[RunEvent] = []
    scheduler.subscribe(run, told.append)
    for _ in range(200):
        if ends := [news for news in told if isinstance(news, RunEnded)]:
            return ends[0]
        time.sleep(0.02)
    raise AssertionError("it never ended")


def test_a_run_is_done_and_its_end_told(scheduler: Scheduler) -> None:
    run = scheduler.enqueue_run(NEW)
    done = scheduler.wait(run)
    assert done.state == "finished"
    assert [p.seed for p in done.pictures] == [7, 8]
    assert _ended(scheduler, run) == RunEnded("finished")
    assert scheduler.queue_position(run) is None


def test_a_listener_that_fails_stops_nobody(tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a listener broke")

    scheduler = Scheduler(fake_studio(), Journal(tmp_path), observer=broken)
    for _ in range(2):
        run = scheduler.enqueue_run(NEW)
        assert scheduler.wait(run).state == "finished"
    assert scheduler.is_ready
    scheduler.close()


def test_an_end_that_cannot_be_written_is_written_later(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, broken = scheduler.journal.finish, [True]

    def ending(*args: object, **more: object) -> bool:
        if broken[0]:
            raise RuntimeError("not even a sentence of ours")
        return end(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(scheduler.journal, "finish", ending)
    run = scheduler.enqueue_run(NEW)
    assert _ended(scheduler, run).state == "finished"
    assert scheduler.journal.run(None, run).state == "running"
    assert scheduler.is_ready
    broken[0] = False
    for _ in range(100):
        if scheduler.journal.run(None, run).state == "finished":
            break
        time.sleep(0.05)
    assert scheduler.journal.run(None, run).state == "finished"


def test_gone_on_with_at_the_very_moment_it_ends(tmp_path: Path) -> None:
    """Whoever hears of the end first may be quick."""
    journal = Journal(tmp_path)
    again: list[str] = []

    def observer(run: str, news: RunEvent) -> None:
        if isinstance(news, RunEnded) and news.state == "stopped" and not again:
            again.append(shop.resume("amal", run))

    fakes = fake_studio()
    painter = SlowPainter()
    studio = Studio(captioner=fakes.captioner, translator=fakes.translator, painter=painter)
    shop = Scheduler(studio, journal, observer=observer)
    run = shop.enqueue_run(NEW)
    shop.cancel(run)
    for _ in range(500):
        if journal.run(None, run).state == "finished":
            break
        time.sleep(0.02)
    assert again == [run]
    assert journal.run(None, run).state == "finished"
    assert len(journal.run(None, run).pictures) == 2
    shop.close()


class SlowPainter(FakePainter):
    """Slow enough to be stopped before it is finished."""

    def paint(self, prompt, options):  # type: ignore[no-untyped-def]
        for event in super().paint(prompt, options):
            time.sleep(0.02)
            yield event


def test_how_a_run_ended_is_raised_to_whoever_waits(tmp_path: Path) -> None:
    fakes = fake_studio()
    studio = Studio(
        captioner=fakes.captioner,
        translator=fakes.translator,
        painter=FakePainter(error=OutOfMemory("There is not enough memory.")),
    )
    scheduler = Scheduler(studio, Journal(tmp_path))
    with pytest.raises(OutOfMemory):
        scheduler.wait(scheduler.enqueue_run(NEW))
    with pytest.raises(Cancelled):
        scheduler.result("x", RunEnded("stopped"))
    scheduler.close()
    with pytest.raises(QueueFull):
        scheduler.enqueue_run(NEW)
    assert not scheduler.is_ready


def test_who_asks_late_hears_why_a_run_failed(tmp_path: Path) -> None:
    fakes = fake_studio()
    failing = FakePainter(error=OutOfMemory("There is not enough memory."))
    scheduler = Scheduler(replace(fakes, painter=failing), Journal(tmp_path))
    run = scheduler.enqueue_run(NEW)
    while not scheduler.journal.run("amal", run).ended or scheduler.queue_position(run) is not None:
        time.sleep(0.02)
    with pytest.raises(OutOfMemory, match="not enough memory"):
        scheduler.wait(run)
    scheduler.close()
