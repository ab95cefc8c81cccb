"""The scheduler executes the next run, whatever fails in one."""

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marsam import Caption, CaptionOptions, Painted, PaintOptions, Previewed, RunOptions
from marsam.errors import Cancelled, OptionError, OutOfMemory, QueueFull, QuotaExceeded, RetryLater
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


def test_a_run_waits_until_the_models_are_loaded(tmp_path: Path) -> None:
    models: Future[Studio] = Future()
    scheduler = Scheduler(models, Journal(tmp_path))
    try:
        with ThreadPoolExecutor(1) as client:
            run = client.submit(scheduler.enqueue_run, NEW)
            models.set_result(fake_studio())
            assert scheduler.wait(run.result()).state == "finished"
    finally:
        scheduler.close()


def test_visitors_with_one_key_share_its_turns(tmp_path: Path) -> None:
    """The browser chooses the visitor's ID, but not the key or address."""
    slow = replace(fake_studio(), painter=FakePainter(steps=200))
    scheduler = Scheduler(slow, Journal(tmp_path), max_per_client=3)
    for visitor in range(3):
        scheduler.enqueue_run(replace(NEW, client=f"visitor {visitor}", account="key:b"))
    with pytest.raises(QuotaExceeded):
        scheduler.enqueue_run(replace(NEW, client="visitor 4", account="key:b"))
    other = scheduler.enqueue_run(replace(NEW, client="visitor 5", account="key:a"))
    assert (scheduler.queue_position(other) or 0) <= 2
    scheduler.close()


def test_the_work_of_a_client_is_limited(tmp_path: Path) -> None:
    """Two pictures with 12 steps and guidance cost as much as half a picture with 50 steps."""
    slow = replace(fake_studio(), painter=SlowPainter(steps=200))
    scheduler = Scheduler(slow, Journal(tmp_path), max_cost_per_client=1)
    for width, height, steps in ((1024, 1024, None), (512, 512, 200)):
        paint = PaintOptions(pictures=2, width=width, height=height, steps=steps)
        with pytest.raises(OptionError, match="Choose fewer or smaller pictures"):
            scheduler.enqueue_run(replace(NEW, options=RunOptions(paint=paint)))
    runs = [scheduler.enqueue_run(NEW) for _ in range(2)]
    with pytest.raises(QuotaExceeded, match="the limit is 1"):
        scheduler.enqueue_run(NEW)
    scheduler.enqueue_run(replace(NEW, client="basma"))
    scheduler.cancel(runs[1])
    while scheduler.queue_position(runs[1]) is not None:
        time.sleep(0.01)
    scheduler.enqueue_run(NEW)
    scheduler.close()


def test_a_resumed_run_costs_what_is_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    first = Scheduler(replace(fake_studio(), painter=SlowPainter()), journal)
    run = first.enqueue_run(NEW)
    painted: list[RunEvent] = []
    first.subscribe(run, painted.append)
    while not any(isinstance(event, Painted) for event in painted):
        time.sleep(0.01)
    first.cancel(run)
    _ended(first, run)
    first.close()
    assert len(journal.run(None, run).pictures) == 1
    second = Scheduler(fake_studio(), journal, max_cost_per_client=0.3)
    with pytest.raises(OptionError):
        second.enqueue_run(NEW)
    assert second.wait(second.resume("amal", run)).state == "finished"
    second.close()


def test_a_small_run_is_painted_before_the_rest_of_a_clients_large_ones(tmp_path: Path) -> None:
    order: list[str] = []

    def observer(run: str, event: RunEvent) -> None:
        if isinstance(event, RunEnded):
            order.append(run)

    slow = replace(fake_studio(), painter=SlowPainter())
    scheduler = Scheduler(slow, Journal(tmp_path), observer=observer)
    large = replace(NEW, options=RunOptions(paint=PaintOptions(pictures=6)))
    big = [scheduler.enqueue_run(large) for _ in range(2)]
    small = [scheduler.enqueue_run(replace(NEW, client="basma")) for _ in range(3)]
    for run in (*big, *small):
        scheduler.wait(run)
    scheduler.close()
    assert order == [big[0], *small, big[1]]


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

    def paint(self, prompt, options, start=None):  # type: ignore[no-untyped-def]
        for event in super().paint(prompt, options, start):
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


def test_a_late_subscriber_gets_the_last_step(tmp_path: Path) -> None:
    """The next one may take minutes."""
    reached, release = threading.Event(), threading.Event()

    class Waiting(FakePainter):
        def paint(
            self, prompt: str, options: PaintOptions, start: Image.Image | None = None
        ) -> Iterator[Previewed | Painted]:
            for event in super().paint(prompt, options, start):
                if getattr(event, "step", 0) == 3:
                    reached.set()
                    release.wait()
                yield event

    scheduler = Scheduler(replace(fake_studio(), painter=Waiting()), Journal(tmp_path))
    run = scheduler.enqueue_run(NEW)
    assert reached.wait(30)
    events: list[RunEvent] = []
    scheduler.subscribe(run, events.append)
    assert [event.step for event in events if isinstance(event, Previewed)] == [2]
    release.set()
    scheduler.wait(run)
    scheduler.close()
    first_steps = [event.step for event in events if isinstance(event, Previewed)][:3]
    assert first_steps == [2, 3, 4]


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


def test_models_are_exchanged_when_nothing_is_promised(tmp_path: Path) -> None:
    go_on = threading.Event()

    class Waiting(FakePainter):
        def paint(self, *arguments: Any) -> Iterator[Any]:
            go_on.wait(20)
            yield from super().paint(*arguments)

    scheduler = Scheduler(replace(fake_studio(), painter=Waiting()), Journal(tmp_path))
    other = replace(fake_studio(), painter=FakePainter(name="another/painter"))
    try:
        run = scheduler.enqueue_run(NEW)
        with pytest.raises(RetryLater, match="queue are finished"):
            scheduler.use(other)
        go_on.set()
        assert _ended(scheduler, run).state == "finished"
        scheduler.use(other)
        painted = scheduler.wait(scheduler.enqueue_run(NEW))
        assert dict(painted.models)["painter"] == "another/painter"
        assert scheduler.estimator.studio is other
    finally:
        scheduler.close()
