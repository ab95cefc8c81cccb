"""The scheduler executes the next run, whatever fails in one."""

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marsam import Caption, CaptionOptions, PaintOptions, RunOptions
from marsam.errors import Cancelled, OutOfMemory, QueueFull, QuotaExceeded
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.runs.execution import RunEnded, RunEvent
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.testing import FakeCaptioner, FakePainter, fake_studio

OPTIONS = RunOptions(paint=PaintOptions(pictures=2, seed=7))
NEW = NewRun(client="amal", options=OPTIONS, prompt="a cat")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path))
    yield scheduler
    scheduler.close()


def _ended(scheduler: Scheduler, run: str) -> RunEnded:
    events: list[RunEvent] = []
    scheduler.subscribe(run, events.append)
    for _ in range(200):
        if ends := [event for event in events if isinstance(event, RunEnded)]:
            return ends[0]
        time.sleep(0.02)
    raise AssertionError("the run did not end")


def test_a_run_is_executed_and_its_end_reported(scheduler: Scheduler) -> None:
    run = scheduler.enqueue_run(NEW)
    done = scheduler.wait(run)
    assert done.state == "finished"
    assert [p.seed for p in done.pictures] == [7, 8]
    assert _ended(scheduler, run) == RunEnded("finished")
    assert scheduler.queue_position(run) is None


def test_visitors_with_one_key_share_its_turns(tmp_path: Path) -> None:
    """A page's visitor is whoever its browser says; the key or address is not chosen freely."""
    slow = replace(fake_studio(), painter=FakePainter(steps=200))
    scheduler = Scheduler(slow, Journal(tmp_path), max_per_client=3)
    for visitor in range(3):
        scheduler.enqueue_run(replace(NEW, client=f"visitor {visitor}", account="key:b"))
    with pytest.raises(QuotaExceeded):
        scheduler.enqueue_run(replace(NEW, client="visitor 4", account="key:b"))
    other = scheduler.enqueue_run(replace(NEW, client="visitor 5", account="key:a"))
    assert (scheduler.queue_position(other) or 0) <= 2
    scheduler.close()


def test_a_failing_listener_stops_no_run(tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a listener broke")

    scheduler = Scheduler(fake_studio(), Journal(tmp_path), observer=broken)
    for _ in range(2):
        run = scheduler.enqueue_run(NEW)
        assert scheduler.wait(run).state == "finished"
    assert scheduler.is_ready
    scheduler.close()


def test_an_end_that_cannot_be_stored_is_stored_later(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, broken = scheduler.journal.finish, [True]

    def ending(*args: object, **more: object) -> bool:
        if broken[0]:
            raise RuntimeError("not a MarsamError")
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


def test_a_run_can_be_resumed_by_the_listener_of_its_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    again: list[str] = []

    def observer(run: str, event: RunEvent) -> None:
        if isinstance(event, RunEnded) and event.state == "stopped" and not again:
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
    """Slow enough to be cancelled before it is finished."""

    def paint(self, prompt, options):  # type: ignore[no-untyped-def]
        for event in super().paint(prompt, options):
            time.sleep(0.02)
            yield event


def test_wait_raises_how_a_run_ended(tmp_path: Path) -> None:
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


def test_a_late_subscriber_gets_the_stored_error(tmp_path: Path) -> None:
    fakes = fake_studio()
    failing = FakePainter(error=OutOfMemory("There is not enough memory."))
    scheduler = Scheduler(replace(fakes, painter=failing), Journal(tmp_path))
    run = scheduler.enqueue_run(NEW)
    while not scheduler.journal.run("amal", run).ended or scheduler.queue_position(run) is not None:
        time.sleep(0.02)
    with pytest.raises(OutOfMemory, match="not enough memory"):
        scheduler.wait(run)
    scheduler.close()


def test_an_uploaded_image_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []
    open_image = Image.open

    def opening(*args: Any, **more: Any) -> Any:
        decoded.append(args)
        return open_image(*args, **more)

    upload = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(upload, "PNG")
    monkeypatch.setattr(Image, "open", opening)
    scheduler = Scheduler(fake_studio(), Journal(tmp_path))
    run = scheduler.enqueue_run(NewRun(client="amal", options=OPTIONS, image=upload.getvalue()))
    assert scheduler.wait(run).state == "finished"
    scheduler.close()
    assert len(decoded) == 1


def test_images_of_queued_runs_are_not_held_in_memory(tmp_path: Path) -> None:
    released = threading.Event()

    class WaitingCaptioner(FakeCaptioner):
        def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
            released.wait(10)
            return super().caption(image, options)

    studio = replace(fake_studio(), captioner=WaitingCaptioner())
    scheduler = Scheduler(studio, Journal(tmp_path))
    new = NewRun(client="amal", options=OPTIONS, image=Image.new("RGB", (16, 16)))
    first = scheduler.enqueue_run(new)
    while scheduler.queue_position(first) != 0 or scheduler._jobs[first].image is not None:
        time.sleep(0.01)
    queued = [scheduler.enqueue_run(new) for _ in range(3)]
    assert [scheduler._jobs[run].image is not None for run in queued] == [True, False, False]
    released.set()
    assert {scheduler.wait(run).state for run in (first, *queued)} == {"finished"}
    scheduler.close()
