"""One pair of worker for each kind of work, and one fair, bounded line of runs in front of them.

A run first gets its words, then its pictures; while one is painted, the next is described. Whatever
the page and the HTTP API want painted stands in the same line; words alone are answered beside it.
"""

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from PIL import Image

from marsam.errors import Cancelled, MarsamError, OutOfMemory, Overdue, RunMissing, rebuilt
from marsam.journal.journal import Journal
from marsam.journal.records import Run
from marsam.options import QUEUE, SHARE, RunOptions
from marsam.results import Event, Prompted
from marsam.runs.eta import TimeEstimator
from marsam.runs.execution import add_seconds, create_run, execute_run, require_same_models
from marsam.runs.fair_queue import FairQueue
from marsam.studio import Studio

STEP_TIMEOUT_S = 900.0
"""Seconds a step may take before it counts as hung; reading large models is one step."""
ORPHAN_CHECK_INTERVAL_S = 30.0
"""Seconds between two looks for runs of processes that died."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunEnded:
    """A run is over: ``finished``, ``stopped``, ``failed`` or ``interrupted``."""

    state: str
    error: MarsamError | None = None


RunEvent = Event | RunEnded
Listener = Callable[[RunEvent], None]


@dataclass
class _Job:
    run: str
    client: str
    stop: threading.Event = field(default_factory=threading.Event)
    last_progress: float = field(default_factory=time.monotonic)
    """When the work last gave a sign of life."""
    seconds: dict[str, float] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    ended: RunEnded | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of whoever asked for it: where GPUs are lent, they are lent to a visitor."""


class _Worker:
    """Somebody who does one thing at a time."""

    def __init__(self, line: FairQueue) -> None:
        self.line = line
        self.job: _Job | None = None
        self.hung = False


class Scheduler:
    """Does the runs that are handed in, in turn; every result is in the journal first.

    Args:
        studio: whose stages do the work.
        journal: where runs and results are kept.
        estimator: learns how long pictures take.
        limit: runs that may wait.
        share: those of one client that may wait or be worked on.
        patience: seconds without a sign after which a step counts as hung.
        observer: hears of everything, with the run's id; for counting.
    """

    def __init__(
        self,
        studio: Studio,
        journal: Journal,
        *,
        estimator: TimeEstimator | None = None,
        limit: int = QUEUE,
        share: int = SHARE,
        patience: float = STEP_TIMEOUT_S,
        observer: Callable[[str, RunEvent], None] | None = None,
    ) -> None:
        self.studio, self.journal = studio, journal
        self.estimator = estimator or TimeEstimator(studio)
        self.patience, self.observer = patience, observer
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._unsaved_ends: dict[str, RunEnded] = {}
        self._text_worker = _Worker(FairQueue(limit=limit, share=share))
        # Whoever is in this line was let in by the other.
        self._paint_worker = _Worker(FairQueue(limit=limit, share=share))
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
            for worker, name in ((self._text_worker, "words"), (self._paint_worker, "brushes"))
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def enqueue_run(
        self,
        client: str,
        options: RunOptions,
        *,
        picture: Image.Image | None = None,
        prompt: str | None = None,
        once: tuple[str, str] | None = None,
    ) -> str:
        """Take a new run in, as :func:`marsam.runs.execution.begin` writes it down; its id.

        Raises:
            Refused: when there is no place for it.
            MarsamError: when it cannot be done.
        """

        def begun() -> str:
            return create_run(
                self.studio,
                self.journal,
                client,
                options,
                picture=picture,
                prompt=prompt,
                state="queued",
                once=once,
            )

        return self.enqueue(client, begun)

    def resume(self, client: str | None, run: str, *, line: str) -> str:
        """Go on with a run that did not finish; its id.

        Args:
            client: whose it is; None may go on with everybody's.
            run: which.
            line: in whose name it waits.

        Raises:
            RunMissing: when there is none, it is somebody else's, or has nothing left to do.
            OptionError: when it was begun with other models.
            Refused: when there is no place for it.
        """
        require_same_models(self.journal.run(client, run), self.studio)
        return self.enqueue(line, lambda: self.journal.claim(client, run).id)

    def wait(self, run: str) -> Run:
        """The run, when it is over.

        Raises:
            Cancelled: when it was stopped.
            MarsamError: why it failed.
        """
        ended: queue.SimpleQueue[RunEnded] = queue.SimpleQueue()
        self.subscribe(run, lambda news: ended.put(news) if isinstance(news, RunEnded) else None)
        return self.result(run, ended.get())

    def result(self, run: str, ended: RunEnded) -> Run:
        """The finished run, or as an error how else it ended."""
        if ended.error is not None:
            raise ended.error
        if ended.state != "finished":
            raise Cancelled("The run was stopped; what is finished is kept.")
        return self.journal.run(None, run)

    def enqueue(self, client: str, begin: Callable[[], str]) -> str:
        """Take a run in; ``begin`` writes it down, and is called only if there is a place for it.

        Returns:
            The run's id.

        Raises:
            QueueFull: too much is waiting.
            QuotaExceeded: too much of this client's is.
            MarsamError: what ``begin`` raises.
        """
        line = self._text_worker.line
        line.reserve(
            client, beyond=self._paint_worker.line, working=self._in_progress_count(client)
        )
        try:
            run = begin()
        except BaseException:
            line.release(client)
            raise
        with self._lock:
            self._jobs[run] = _Job(run, client)
        line.enqueue_reserved(client, run)
        return run

    def cancel(self, run: str) -> bool:
        """Stop a run; what is finished stays. False when it is not here, or over already."""
        with self._lock:
            job = self._jobs.get(run)
        if job is None or job.ended is not None:
            return False
        job.stop.set()
        if self._text_worker.line.remove(run) or self._paint_worker.line.remove(run):
            self._end(job, RunEnded("stopped"))
        return True

    def subscribe(self, run: str, listener: Listener) -> Callable[[], None]:
        """Hear of everything that happens to a run from now on; the answer ends that.

        A run that is not here, or is over, is told as ``RunEnded`` at once.
        """
        with self._lock:
            job = self._jobs.get(run)
            if job is not None and job.ended is None:
                job.listeners.append(listener)
                return lambda: self._unsubscribe(job, listener)
        ended = job.ended if job else self._unsaved_ends.get(run)
        listener(ended or self._stored_end(run))
        return lambda: None

    def _stored_end(self, run: str) -> RunEnded:
        kept = self.journal.run(None, run)
        return RunEnded(kept.state, kept.error and rebuilt(*kept.error))

    def queue_position(self, run: str) -> int | None:
        """Its place in the line, from 1; 0 while it is worked on, None when it is over."""
        with self._lock:
            job = self._jobs.get(run)
        if job is None:
            return None
        if job in (self._text_worker.job, self._paint_worker.job):
            return 0
        place = self._paint_worker.line.positions().get(run)
        if place is not None:
            return place
        # Its words come soon; what it waits for is a turn to be painted.
        later = self._paint_worker.line.positions((job.client, run))[run]
        return max(self._text_worker.line.positions().get(run, 1), later)

    def queued_count(self) -> int:
        """How many runs wait for a turn."""
        return len(self._text_worker.line) + len(self._paint_worker.line)

    @property
    def is_ready(self) -> bool:
        """Whether new runs would be worked on; not while a step hangs, or at the end."""
        hung = self._text_worker.hung or self._paint_worker.hung
        alive = all(thread.is_alive() for thread in self._threads)
        return alive and not hung and not self._closing.is_set()

    def close(self, seconds: float = 30.0) -> None:
        """Take nothing more, and stop between two steps; what is open is left interrupted."""
        self._closing.set()
        for worker in (self._text_worker, self._paint_worker):
            worker.line.close()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stop.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for job in jobs:
            self._end(job, RunEnded("interrupted"))

    def _in_progress_count(self, client: str) -> int:
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.client == client]
        waiting = self._text_worker.line.positions()
        return sum(job.run not in waiting for job in jobs)

    def _unsubscribe(self, job: _Job, listener: Listener) -> None:
        with self._lock, suppress(ValueError):
            job.listeners.remove(listener)

    def _notify(self, job: _Job, news: RunEvent) -> None:
        with self._lock:
            listeners = list(job.listeners)
        for hear in listeners:
            with self._log_errors():
                hear(news)
        if self.observer is not None:
            with self._log_errors():
                self.observer(job.run, news)

    def _work(self, worker: _Worker) -> None:
        while (run := worker.line.pop()) is not None:
            with self._lock:
                job = self._jobs.get(run)
            if job is None:
                continue
            job.last_progress, worker.job = time.monotonic(), job
            try:
                # A copy: while one pair of worker lets go of a run, the other may have it already.
                ended = job.context.copy().run(
                    self._execute, job, words=worker is self._text_worker
                )
            except MarsamError as error:
                ended = RunEnded("failed", error)
            except MemoryError:
                ended = RunEnded("failed", OutOfMemory("There is not enough memory for this run."))
            except Exception as error:  # a defect; the next run has nothing to do with it
                _log.exception("a run failed")
                ended = RunEnded("failed", MarsamError(f"Something unexpected happened: {error}"))
            finally:
                worker.job, worker.hung = None, False
            if ended is not None:
                with self._log_errors():
                    self._end(job, ended)

    @contextmanager
    def _log_errors(self) -> Iterator[None]:
        """Whatever goes wrong with one run, these worker are needed for the next."""
        try:
            yield
        except Exception:
            _log.exception("the end of a run went wrong")

    def _execute(self, job: _Job, *, words: bool) -> RunEnded | None:
        """Work on a run until it is over, or (None) has its words and goes on to be painted."""
        stopped = RunEnded("interrupted" if self._closing.is_set() else "stopped")
        run = self.journal.run(None, job.run)
        if job.stop.is_set() or run.ended:
            return stopped
        if run.prompt is not None and run.state == "queued":
            self.journal.start(job.run)  # else its words will say so
        if words and run.prompt is not None:
            self._paint_worker.line.enqueue(job.client, job.run)
            return None
        job.seconds = job.seconds or dict(run.seconds)
        events = self.estimator.observe(
            execute_run(self.studio, self.journal, run, given_up=lambda: job.ended is not None)
        )
        with closing(events):  # type: ignore[type-var]
            for event in events:
                job.last_progress = time.monotonic()
                add_seconds(job.seconds, event)
                if job.ended is None:
                    self._notify(job, event)
                if job.stop.is_set():
                    return RunEnded("interrupted" if self._closing.is_set() else "stopped")
                if words and isinstance(event, Prompted):
                    self._paint_worker.line.enqueue(job.client, job.run)
                    return None
        return RunEnded("finished")

    def _end(self, job: _Job, ended: RunEnded) -> None:
        """Write the end down, once, and tell it."""
        with self._lock:
            if job.ended is not None:
                return
            job.ended = ended
        if not self._persist_end(job.run, ended, job):
            self._unsaved_ends[job.run] = ended
        self._notify(job, ended)
        with self._lock:  # it may have been gone on with already, as another job
            if self._jobs.get(job.run) is job:
                del self._jobs[job.run]

    def _persist_end(self, run: str, ended: RunEnded, job: _Job | None = None) -> bool:
        """Write the end down; False when nothing can be written (the disk may be full)."""
        try:
            self.journal.finish(
                run,
                ended.state,
                error=ended.error,
                seconds=job.seconds if job else None,
            )
        except RunMissing:
            return True
        except Exception:
            _log.warning("the end of a run could not be written down yet", exc_info=True)
            return False
        return True

    def _watch(self) -> None:
        """Find hung steps, settle what could not be settled, and look for runs of the dead."""
        swept = time.monotonic()
        while not self._closing.wait(min(1.0, self.patience / 4)):
            for worker in (self._text_worker, self._paint_worker):
                job = worker.job
                if job is None or job.ended or time.monotonic() - job.last_progress < self.patience:
                    continue
                worker.hung = True
                job.stop.set()
                late = Overdue(f"A step took longer than {self.patience:.0f} seconds.")
                with self._log_errors():
                    self._end(job, RunEnded("failed", late))
            for run, ended in list(self._unsaved_ends.items()):
                if self._persist_end(run, ended):
                    del self._unsaved_ends[run]
            with suppress(MarsamError, OSError):
                for run in self.journal.cancel_requests():
                    self.cancel(run)
            if time.monotonic() - swept > ORPHAN_CHECK_INTERVAL_S:
                swept = time.monotonic()
                with suppress(MarsamError, OSError):
                    self.journal.sweep()
