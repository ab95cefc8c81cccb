"""The scheduler: one fair, bounded queue of runs, and the two workers that execute them.

The text worker captions and translates, the paint worker paints; so while one run is painted, the
next one gets its text. The page and the HTTP API share the queue. Requests for text alone do not
wait in it.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from PIL import Image

from marsam.errors import Cancelled, MarsamError, StepTimeout, error_from_code
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun, Run
from marsam.options import MAX_QUEUED_RUNS, MAX_RUNS_PER_CLIENT
from marsam.results import Prompted
from marsam.runs.eta import TimeEstimator
from marsam.runs.execution import (
    RunEnded,
    RunEvent,
    RunRecorder,
    create_run,
    execute_run,
    require_same_models,
)
from marsam.runs.fair_queue import FairQueue
from marsam.studio import Studio

STEP_TIMEOUT_S = 900.0  # for a step before it counts as hung; loading large models is one step
ORPHAN_CHECK_INTERVAL_S = 30.0  # between two searches for runs of dead processes
Listener = Callable[[RunEvent], None]
_log = logging.getLogger(__name__)


@dataclass
class _Job:
    run_id: str
    client: str
    recorder: RunRecorder
    image: Image.Image | None  # the decoded input image, for the first execution
    cancelled: threading.Event = field(default_factory=threading.Event)
    last_progress: float = field(default_factory=time.monotonic)
    listeners: list[Listener] = field(default_factory=list)
    ended: RunEnded | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of the request: where GPUs are lent per request, they are lent to its user."""


@dataclass
class _Worker:
    """A thread that executes one job at a time, and the queue in front of it."""

    queue: FairQueue
    job: _Job | None = None
    hung: bool = False


class Scheduler:
    """Executes runs in fair order; every result is in the journal before its event is sent.

    Args:
        estimator: learns how long pictures take.
        max_queued: runs that may wait.
        max_per_client: runs of one client that may wait or be in progress.
        step_timeout: seconds without progress after which a step counts as hung.
        observer: gets every event with the run's ID; for metrics.
    """

    def __init__(
        self,
        studio: Studio,
        journal: Journal,
        *,
        estimator: TimeEstimator | None = None,
        max_queued: int = MAX_QUEUED_RUNS,
        max_per_client: int = MAX_RUNS_PER_CLIENT,
        step_timeout: float = STEP_TIMEOUT_S,
        observer: Callable[[str, RunEvent], None] | None = None,
    ) -> None:
        self.studio, self.journal = studio, journal
        self.estimator = estimator or TimeEstimator(studio)
        self.step_timeout, self.observer = step_timeout, observer
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._unsaved: dict[str, _Job] = {}  # jobs whose end could not be stored yet
        # Only the first queue admits runs; its limits hold for both together.
        self._text_worker, self._paint_worker = (
            _Worker(FairQueue(max_queued=max_queued, max_per_client=max_per_client))
            for _ in range(2)
        )
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
            for worker, name in ((self._text_worker, "text"), (self._paint_worker, "paint"))
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watchdog", daemon=True))
        for thread in self._threads:
            thread.start()

    def enqueue_run(self, new: NewRun, *, described: str | None = None) -> str:
        """Create a run as :func:`marsam.runs.execution.create_run` does, and :meth:`enqueue` it."""
        new = replace(new, state="queued")
        return self.enqueue(
            new.account or new.client,
            lambda: create_run(self.studio, self.journal, new, described=described),
        )

    def resume(self, client: str, run_id: str) -> str:
        """Enqueue a run that did not finish; its missing pictures are painted.

        Raises:
            RunMissing: when it does not exist, is another client's, or has nothing left to do.
            OptionError: when it was started with other models.
            RetryLater: as :meth:`enqueue`.
        """
        require_same_models(self.journal.run(client, run_id), self.studio)
        return self.enqueue(client, lambda: self.journal.claim(client, run_id))

    def enqueue(self, client: str, create: Callable[[], Run]) -> str:
        """Enqueue the run that ``create`` stores if the queue has space, and return the run's ID.

        Raises:
            QueueFull: when the queue is full.
            QuotaExceeded: when the client's share of it is used up.
            MarsamError: what ``create`` raises.
        """
        queue = self._text_worker.queue
        with self._lock:
            own = {job.run_id for job in self._jobs.values() if job.client == client}
        in_progress = len(own - queue.positions().keys())
        queue.reserve(client, behind=self._paint_worker.queue, in_progress=in_progress)
        try:
            run = create()
        except BaseException:
            queue.release(client)
            raise
        # Large images of many queued runs would fill the memory: those are read from their files.
        image = None if len(queue) else run.image
        with self._lock:
            self._jobs[run.id] = _Job(run.id, client, RunRecorder(self.journal, run), image)
        queue.enqueue_reserved(client, run.id)
        return run.id

    def wait(self, run_id: str) -> Run:
        """Wait for a run to end; :meth:`result` of it."""
        ends: SimpleQueue[RunEnded] = SimpleQueue()
        self.subscribe(
            run_id, lambda event: ends.put(event) if isinstance(event, RunEnded) else None
        )
        return self.result(run_id, ends.get())

    def result(self, run_id: str, ended: RunEnded) -> Run:
        """The finished run; Cancelled when it was stopped, or the error that it failed with."""
        if ended.error is not None:
            raise ended.error
        if ended.state != "finished":
            raise Cancelled("The run was stopped; its finished pictures are kept.")
        return self.journal.run(None, run_id)

    def cancel(self, run_id: str) -> bool:
        """Cancel a run; finished pictures stay. False when it is in another process, or over."""
        with self._lock:
            job = self._jobs.get(run_id)
        if job is None or job.ended is not None:
            return False
        job.cancelled.set()
        if self._text_worker.queue.remove(run_id) or self._paint_worker.queue.remove(run_id):
            self._end(job, RunEnded("stopped"))
        return True

    def subscribe(self, run_id: str, listener: Listener) -> Callable[[], None]:
        """Send a run's events to ``listener`` from now on; returns a function that ends that.

        For a run that is over, or in another process, the listener gets ``RunEnded`` with the
        stored state at once.
        """
        with self._lock:
            job = self._jobs.get(run_id) or self._unsaved.get(run_id)
            if job is not None and job.ended is None:
                job.listeners.append(listener)
                return lambda: self._unsubscribe(job, listener)
        listener((job and job.ended) or self._stored_end(run_id))
        return lambda: None

    def _stored_end(self, run_id: str) -> RunEnded:
        run = self.journal.run(None, run_id)
        return RunEnded(run.state, run.error and error_from_code(*run.error))

    def queue_position(self, run_id: str) -> int | None:
        """A run's position in the queue, from 1; 0 while in progress, None when it is over."""
        with self._lock:
            job = self._jobs.get(run_id)
        if job is None:
            return None
        if job in (self._text_worker.job, self._paint_worker.job):
            return 0
        if position := self._paint_worker.queue.positions().get(run_id):
            return position
        # Its text is done soon; what takes long is the wait for the paint worker.
        to_paint = self._paint_worker.queue.positions((job.client, run_id))[run_id]
        return max(self._text_worker.queue.positions().get(run_id, 1), to_paint)

    def queued_count(self) -> int:
        """How many runs wait."""
        return len(self._text_worker.queue) + len(self._paint_worker.queue)

    @property
    def is_closing(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closing.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether new runs would be executed: no step hangs, and the scheduler is not closing."""
        hung = self._text_worker.hung or self._paint_worker.hung
        alive = all(thread.is_alive() for thread in self._threads)
        return alive and not hung and not self._closing.is_set()

    def close(self, timeout: float = 30.0) -> None:
        """Admit no more runs, and stop after the current step; active runs become interrupted."""
        self._closing.set()
        for worker in (self._text_worker, self._paint_worker):
            worker.queue.close()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancelled.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for job in jobs:
            self._end(job, RunEnded("interrupted"))

    def _unsubscribe(self, job: _Job, listener: Listener) -> None:
        with self._lock, suppress(ValueError):
            job.listeners.remove(listener)

    def _notify(self, job: _Job, event: RunEvent) -> None:
        with self._lock:
            listeners = list(job.listeners)
        for listener in listeners:
            with self._log_errors():
                listener(event)
        if self.observer is not None:
            with self._log_errors():
                self.observer(job.run_id, event)

    def _work(self, worker: _Worker) -> None:
        while (run_id := worker.queue.pop()) is not None:
            with self._lock:
                job = self._jobs.get(run_id)
            if job is None:
                continue
            job.last_progress, worker.job = time.monotonic(), job
            try:
                # A copy: the paint worker may enter the context before the text worker has left it.
                ended = job.context.copy().run(self._execute, job, worker)
            except Exception as error:
                ended = RunEnded.by(error)
            finally:
                worker.job, worker.hung = None, False
            if ended is not None:
                with self._log_errors():
                    self._end(job, ended)

    @contextmanager
    def _log_errors(self) -> Iterator[None]:
        """Log any error: whatever fails for one run, the worker is needed for the next."""
        try:
            yield
        except Exception:
            _log.exception("An event of a run could not be handled.")

    def _execute(self, job: _Job, worker: _Worker) -> RunEnded | None:
        """Execute a run to its end, or (None) to its text; then it waits for the paint worker."""
        is_text = worker is self._text_worker
        run = replace(self.journal.run(None, job.run_id), image=job.image)
        job.image = None
        if job.cancelled.is_set() or run.ended:
            return self._stopped()
        if run.prompt is not None and run.state == "queued":
            self.journal.mark_running(job.run_id)  # otherwise saving its text does that
        if is_text and run.prompt is not None:
            self._paint_worker.queue.enqueue(job.client, job.run_id)
            return None
        is_abandoned = lambda: job.ended is not None  # noqa: E731
        events = self.estimator.observe(
            execute_run(self.studio, self.journal, run, is_abandoned=is_abandoned)
        )
        with closing(events):  # type: ignore[type-var]
            for event in events:
                job.last_progress = time.monotonic()
                job.recorder.add(event)
                if job.ended is None:
                    self._notify(job, event)
                if job.cancelled.is_set():
                    return self._stopped()
                if is_text and isinstance(event, Prompted):
                    self._paint_worker.queue.enqueue(job.client, job.run_id)
                    return None
        return RunEnded("finished")

    def _stopped(self) -> RunEnded:
        return RunEnded("interrupted" if self._closing.is_set() else "stopped")

    def _end(self, job: _Job, ended: RunEnded) -> None:
        """End a job once: store its end, then notify."""
        with self._lock:
            if job.ended is not None:
                return
            job.ended = ended
        if not self._persist_end(job, ended):
            self._unsaved[job.run_id] = job
        self._notify(job, ended)
        with self._lock:  # it may have been resumed already, as another job
            if self._jobs.get(job.run_id) is job:
                del self._jobs[job.run_id]

    def _persist_end(self, job: _Job, ended: RunEnded) -> bool:
        """Store the end of a run; False when that is not possible now, as on a full disk."""
        try:
            job.recorder.finish(ended)
        except Exception:
            _log.warning("The end of a run could not be stored yet.", exc_info=True)
            return False
        return True

    def _watch(self) -> None:
        """End hung steps, store ends that could not be stored, cancel runs, find orphans."""
        checked = time.monotonic()
        while not self._closing.wait(min(1.0, self.step_timeout / 4)):
            for worker in (self._text_worker, self._paint_worker):
                job = worker.job
                now = time.monotonic()
                if job is None or job.ended or now - job.last_progress < self.step_timeout:
                    continue
                worker.hung = True
                job.cancelled.set()
                error = StepTimeout(f"A step took longer than {self.step_timeout:.0f} seconds.")
                with self._log_errors():
                    self._end(job, RunEnded("failed", error))
            for run_id, job in list(self._unsaved.items()):
                if job.ended is not None and self._persist_end(job, job.ended):
                    del self._unsaved[run_id]
            with suppress(MarsamError, OSError):
                for run_id in self.journal.cancel_requests():
                    self.cancel(run_id)
            if time.monotonic() - checked > ORPHAN_CHECK_INTERVAL_S:
                checked = time.monotonic()
                with suppress(MarsamError, OSError):
                    self.journal.interrupt_orphans()
