"""The scheduler: one fair, bounded queue of runs, and the two workers that execute them.

The text worker captions and translates, the paint worker paints; so while one run is painted, the
next one gets its text. The page and the HTTP API share the queue. Requests for text alone do not
wait in it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from marsam.errors import Cancelled, MarsamError, RetryLater, StepTimeout
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun, Run
from marsam.options import (
    MAX_COST_PER_CLIENT,
    MAX_QUEUED_RUNS,
    MAX_RUNS_PER_CLIENT,
    PaintOptions,
    RunOptions,
)
from marsam.results import Previewed, Prompted
from marsam.runs.cost import cost_of
from marsam.runs.eta import TimeEstimator
from marsam.runs.execution import (
    RunEnded,
    RunEvent,
    RunRecorder,
    create_run,
    execute_run,
    require_same_models,
)
from marsam.runs.fair_queue import FairQueue, Job
from marsam.runs.jobs import ActiveJob, Listener, Worker
from marsam.runs.turns import Turns
from marsam.studio import Studio

STEP_TIMEOUT_S = 900.0  # for a step before it counts as hung; loading large models is one step
TEXT_TURNS = 4  # events of the page that caption or translate at the same time
ORPHAN_CHECK_INTERVAL_S = 30.0  # between two searches for runs of dead processes
_log = logging.getLogger(__name__)


class Scheduler:
    """Executes runs in fair order; every result is in the journal before its event is sent.

    Args:
        studio: the models, or a future of them that callers wait for.
        journal: stores the runs.
        timings: the file in which is kept how long pictures take; None keeps it in memory.
        max_queued: runs that may wait.
        max_per_client: runs of one client that may wait or be in progress.
        max_cost_per_client: their cost together (:func:`marsam.runs.cost.cost_of`).
        step_timeout: seconds without progress after which a step counts as hung.
        observer: gets every event with the run's ID; for metrics.

    Attributes:
        estimator: learns how long pictures take.
        text_turns: of the page's clients, for captions and translations alone.
        quick_turns: the same for pictures of one step that are no run, while :attr:`is_idle`.
    """

    def __init__(
        self,
        studio: Studio | Future[Studio],
        journal: Journal,
        *,
        timings: Path | None = None,
        max_queued: int = MAX_QUEUED_RUNS,
        max_per_client: int = MAX_RUNS_PER_CLIENT,
        max_cost_per_client: float = MAX_COST_PER_CLIENT,
        step_timeout: float = STEP_TIMEOUT_S,
        observer: Callable[[str, RunEvent], None] | None = None,
    ) -> None:
        self._studio = studio if isinstance(studio, Future) else _done(studio)
        self.journal = journal
        self.estimator = TimeEstimator(lambda: self.studio, timings)
        self.step_timeout, self.observer = step_timeout, observer
        self.text_turns, self.quick_turns = Turns(TEXT_TURNS), Turns(1)
        self._jobs: dict[str, ActiveJob] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._unsaved: dict[str, ActiveJob] = {}  # jobs whose end could not be stored yet
        # Only the first queue admits runs; its limits hold for both together.
        self._text_worker, self._paint_worker = (
            Worker(
                FairQueue(
                    max_queued=max_queued,
                    max_per_client=max_per_client,
                    max_cost_per_client=max_cost_per_client,
                )
            )
            for _ in range(2)
        )
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
            for worker, name in ((self._text_worker, "text"), (self._paint_worker, "paint"))
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watchdog", daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def studio(self) -> Studio:
        """The models in use; while they are loaded, wait for them.

        Raises:
            MarsamError: when they cannot be loaded.
        """
        return self._studio.result()

    def use(self, studio: Studio) -> None:
        """Exchange the models; what is waiting or in progress was promised those it began with.

        Raises:
            RetryLater: when there is such a run.
        """
        with self._lock:
            if self._jobs:
                raise RetryLater("Wait until the pictures in the queue are finished.")
            self._studio = _done(studio)

    def enqueue_run(self, new: NewRun, *, described: str | None = None) -> str:
        """Create a run as :func:`marsam.runs.execution.create_run` does, and :meth:`enqueue` it."""
        new = replace(new, state="queued")
        return self.enqueue(
            new.account or new.client,
            lambda: create_run(self.studio, self.journal, new, described=described),
            cost=self._cost(new.options),
        )

    def resume(self, client: str, run_id: str, *, account: str = "") -> str:
        """Enqueue a run that did not finish; its missing pictures are painted.

        ``account`` is as in :class:`marsam.journal.records.NewRun`.

        Raises:
            RunMissing: when it does not exist, is another client's, or has nothing left to do.
            OptionError: when it was started with other models.
            RetryLater: as :meth:`enqueue`.
        """
        run = self.journal.run(client, run_id)
        require_same_models(run, self.studio)
        cost = self._cost(run.options, painted=run.painted)
        return self.enqueue(
            account or client, lambda: self.journal.claim(client, run_id), cost=cost
        )

    def enqueue(self, client: str, create: Callable[[], Run], *, cost: float) -> str:
        """Enqueue the run that ``create`` stores if the queue has space, and return the run's ID.

        Raises:
            OptionError: when the run alone costs more than a client may have in the queue.
            QueueFull: when the queue is full.
            QuotaExceeded: when the client's share of it is used up.
            MarsamError: what ``create`` raises.
        """
        queue = self._text_worker.queue
        with self._lock:
            own = [job.queued for job in self._jobs.values() if job.queued.client == client]
        waiting = queue.positions()
        in_progress = [job.cost for job in own if job.id not in waiting]
        queue.reserve(client, cost, behind=self._paint_worker.queue, in_progress=in_progress)
        try:
            run = create()
        except BaseException:
            queue.release(client, cost)
            raise
        # Large images of many queued runs would fill the memory: those are read from their files.
        image = None if len(queue) else run.image
        job = Job(client, run.id, cost)
        with self._lock:
            self._jobs[run.id] = ActiveJob(job, RunRecorder(self.journal, run), image)
        queue.enqueue_reserved(job)
        return run.id

    def _cost(self, options: RunOptions | None, *, painted: int = 0) -> float:
        """The cost of the pictures of a run that are not painted yet."""
        paint = options.paint if options else PaintOptions(pictures=1)
        return cost_of(paint, self.studio.painter) * (1 - painted / paint.pictures)

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

    def delete(self, client: str, run_id: str) -> None:
        """Delete a run of a client with its pictures; what is in progress is cancelled.

        Where another process works on it, that stops at the next picture.

        Raises:
            RunMissing: when there is no such run, or it is another client's.
        """
        self.journal.run(client, run_id)
        self.cancel(run_id)
        self.journal.delete(client, run_id)

    def subscribe(self, run_id: str, listener: Listener) -> Callable[[], None]:
        """Send a run's events to ``listener`` from its last step on; returns how to end that.

        For a run that is over, or in another process, the listener gets ``RunEnded`` with the
        stored state at once.
        """
        with self._lock:
            job = self._jobs.get(run_id) or self._unsaved.get(run_id)
            if job is not None and job.ended is None:
                job.listeners.append(listener)
                if job.step is not None:
                    listener(job.step)
                return lambda: self._unsubscribe(job, listener)
        listener((job and job.ended) or self._stored_end(run_id))
        return lambda: None

    def _stored_end(self, run_id: str) -> RunEnded:
        run = self.journal.run(None, run_id)
        return RunEnded(run.state, run.error and run.error.error)

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
        # Its text is done soon; what takes long is the wait for the paint worker, also for the runs
        # whose text is done first.
        in_text, waiting = self._text_worker.job, list(self._text_worker.queue.positions())
        before = waiting[: waiting.index(run_id)] if run_id in waiting else waiting
        with self._lock:
            earlier = [self._jobs[one].queued for one in before if one in self._jobs]
        if in_text is not None and in_text is not job:
            earlier.insert(0, in_text.queued)
        return self._paint_worker.queue.positions(*earlier, job.queued)[run_id]

    def queued_count(self) -> int:
        """How many runs wait."""
        return len(self._text_worker.queue) + len(self._paint_worker.queue)

    @property
    def is_idle(self) -> bool:
        """Whether no run waits or is in progress."""
        with self._lock:
            return not self._jobs and not self.is_closing

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

    def _unsubscribe(self, job: ActiveJob, listener: Listener) -> None:
        with self._lock, suppress(ValueError):
            job.listeners.remove(listener)

    def _notify(self, job: ActiveJob, event: RunEvent) -> None:
        with self._lock:
            job.step = event if isinstance(event, Previewed) else None
            listeners = list(job.listeners)
        for listener in listeners:
            with self._log_errors():
                listener(event)
        if self.observer is not None:
            with self._log_errors():
                self.observer(job.run_id, event)

    def _work(self, worker: Worker) -> None:
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

    def _execute(self, job: ActiveJob, worker: Worker) -> RunEnded | None:
        """Execute a run to its end, or (None) to its text; then it waits for the paint worker."""
        is_text = worker is self._text_worker
        run = replace(self.journal.run(None, job.run_id), image=job.image)
        job.image = None
        if job.cancelled.is_set() or run.ended:
            return self._stopped()
        if run.prompt is not None and run.state == "queued":
            self.journal.mark_running(job.run_id)  # otherwise saving its text does that
        if is_text and run.prompt is not None:
            self._paint_worker.queue.enqueue(job.queued)
            return None
        is_abandoned = lambda: job.ended is not None  # noqa: E731
        events = self.estimator.observe(
            execute_run(self.studio, self.journal, run, is_abandoned=is_abandoned),
            run.options or RunOptions(),
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
                    self._paint_worker.queue.enqueue(job.queued)
                    return None
        return RunEnded("finished")

    def _stopped(self) -> RunEnded:
        return RunEnded("interrupted" if self._closing.is_set() else "stopped")

    def _end(self, job: ActiveJob, ended: RunEnded) -> None:
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

    def _persist_end(self, job: ActiveJob, ended: RunEnded) -> bool:
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
                error = StepTimeout(
                    "A step took longer than {seconds} seconds.", seconds=round(self.step_timeout)
                )
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


def _done(studio: Studio) -> Future[Studio]:
    future: Future[Studio] = Future()
    future.set_result(studio)
    return future
