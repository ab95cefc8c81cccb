"""One pair of hands for each kind of work, and one fair, bounded line of runs in front of them.

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
from marsam.runs.eta import Pace
from marsam.runs.execution import begin, perform, same_models, spent
from marsam.runs.fair_queue import Line
from marsam.studio import Studio

PATIENCE = 900.0
"""Seconds a step may take before it counts as hung; reading large models is one step."""
SWEEP = 30.0
"""Seconds between two looks for runs of processes that died."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ended:
    """A run is over: ``finished``, ``stopped``, ``failed`` or ``interrupted``."""

    state: str
    error: MarsamError | None = None


News = Event | Ended
Listener = Callable[[News], None]


@dataclass
class _Job:
    run: str
    client: str
    stop: threading.Event = field(default_factory=threading.Event)
    sign: float = field(default_factory=time.monotonic)
    """When the work last gave a sign of life."""
    seconds: dict[str, float] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    ended: Ended | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of whoever asked for it: where GPUs are lent, they are lent to a visitor."""


class _Hands:
    """Somebody who does one thing at a time."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.job: _Job | None = None
        self.stuck = False


class Workshop:
    """Does the runs that are handed in, in turn; every result is in the journal first.

    Args:
        studio: whose stages do the work.
        journal: where runs and results are kept.
        pace: learns how long pictures take.
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
        pace: Pace | None = None,
        limit: int = QUEUE,
        share: int = SHARE,
        patience: float = PATIENCE,
        observer: Callable[[str, News], None] | None = None,
    ) -> None:
        self.studio, self.journal = studio, journal
        self.pace = pace or Pace(studio)
        self.patience, self.observer = patience, observer
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._unsettled: dict[str, Ended] = {}
        self._words = _Hands(Line(limit=limit, share=share))
        # Whoever is in this line was let in by the other.
        self._brushes = _Hands(Line(limit=limit, share=share))
        self._threads = [
            threading.Thread(target=self._work, args=(hands,), name=name, daemon=True)
            for hands, name in ((self._words, "words"), (self._brushes, "brushes"))
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watch", daemon=True))
        for thread in self._threads:
            thread.start()

    def request(
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
            return begin(
                self.studio,
                self.journal,
                client,
                options,
                picture=picture,
                prompt=prompt,
                state="queued",
                once=once,
            )

        return self.submit(client, begun)

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
        same_models(self.journal.run(client, run), self.studio)
        return self.submit(line, lambda: self.journal.claim(client, run).id)

    def wait(self, run: str) -> Run:
        """The run, when it is over.

        Raises:
            Cancelled: when it was stopped.
            MarsamError: why it failed.
        """
        ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self.listen(run, lambda news: ended.put(news) if isinstance(news, Ended) else None)
        return self.outcome(run, ended.get())

    def outcome(self, run: str, ended: Ended) -> Run:
        """The finished run, or as an error how else it ended."""
        if ended.error is not None:
            raise ended.error
        if ended.state != "finished":
            raise Cancelled("The run was stopped; what is finished is kept.")
        return self.journal.run(None, run)

    def submit(self, client: str, begin: Callable[[], str]) -> str:
        """Take a run in; ``begin`` writes it down, and is called only if there is a place for it.

        Returns:
            The run's id.

        Raises:
            QueueFull: too much is waiting.
            QuotaExceeded: too much of this client's is.
            MarsamError: what ``begin`` raises.
        """
        line = self._words.line
        line.promise(client, beyond=self._brushes.line, working=self._working(client))
        try:
            run = begin()
        except BaseException:
            line.give_back(client)
            raise
        with self._lock:
            self._jobs[run] = _Job(run, client)
        line.join(client, run)
        return run

    def cancel(self, run: str) -> bool:
        """Stop a run; what is finished stays. False when it is not here, or over already."""
        with self._lock:
            job = self._jobs.get(run)
        if job is None or job.ended is not None:
            return False
        job.stop.set()
        if self._words.line.leave(run) or self._brushes.line.leave(run):
            self._end(job, Ended("stopped"))
        return True

    def listen(self, run: str, listener: Listener) -> Callable[[], None]:
        """Hear of everything that happens to a run from now on; the answer ends that.

        A run that is not here, or is over, is told as ``Ended`` at once.
        """
        with self._lock:
            job = self._jobs.get(run)
            if job is not None and job.ended is None:
                job.listeners.append(listener)
                return lambda: self._forget(job, listener)
        ended = job.ended if job else self._unsettled.get(run)
        listener(ended or self._as_written(run))
        return lambda: None

    def _as_written(self, run: str) -> Ended:
        kept = self.journal.run(None, run)
        return Ended(kept.state, kept.error and rebuilt(*kept.error))

    def position(self, run: str) -> int | None:
        """Its place in the line, from 1; 0 while it is worked on, None when it is over."""
        with self._lock:
            job = self._jobs.get(run)
        if job is None:
            return None
        if job in (self._words.job, self._brushes.job):
            return 0
        place = self._brushes.line.positions().get(run)
        if place is not None:
            return place
        # Its words come soon; what it waits for is a turn to be painted.
        later = self._brushes.line.positions((job.client, run))[run]
        return max(self._words.line.positions().get(run, 1), later)

    def waiting(self) -> int:
        """How many runs wait for a turn."""
        return len(self._words.line) + len(self._brushes.line)

    @property
    def ready(self) -> bool:
        """Whether new runs would be worked on; not while a step hangs, or at the end."""
        hung = self._words.stuck or self._brushes.stuck
        alive = all(thread.is_alive() for thread in self._threads)
        return alive and not hung and not self._closing.is_set()

    def close(self, seconds: float = 30.0) -> None:
        """Take nothing more, and stop between two steps; what is open is left interrupted."""
        self._closing.set()
        for hands in (self._words, self._brushes):
            hands.line.close()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stop.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for job in jobs:
            self._end(job, Ended("interrupted"))

    def _working(self, client: str) -> int:
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.client == client]
        waiting = self._words.line.positions()
        return sum(job.run not in waiting for job in jobs)

    def _forget(self, job: _Job, listener: Listener) -> None:
        with self._lock, suppress(ValueError):
            job.listeners.remove(listener)

    def _tell(self, job: _Job, news: News) -> None:
        with self._lock:
            listeners = list(job.listeners)
        for hear in listeners:
            with self._surviving():
                hear(news)
        if self.observer is not None:
            with self._surviving():
                self.observer(job.run, news)

    def _work(self, hands: _Hands) -> None:
        while (run := hands.line.take()) is not None:
            with self._lock:
                job = self._jobs.get(run)
            if job is None:
                continue
            job.sign, hands.job = time.monotonic(), job
            try:
                # A copy: while one pair of hands lets go of a run, the other may have it already.
                ended = job.context.copy().run(self._do, job, words=hands is self._words)
            except MarsamError as error:
                ended = Ended("failed", error)
            except MemoryError:
                ended = Ended("failed", OutOfMemory("There is not enough memory for this run."))
            except Exception as error:  # a defect; the next run has nothing to do with it
                _log.exception("a run failed")
                ended = Ended("failed", MarsamError(f"Something unexpected happened: {error}"))
            finally:
                hands.job, hands.stuck = None, False
            if ended is not None:
                with self._surviving():
                    self._end(job, ended)

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Whatever goes wrong with one run, these hands are needed for the next."""
        try:
            yield
        except Exception:
            _log.exception("the end of a run went wrong")

    def _do(self, job: _Job, *, words: bool) -> Ended | None:
        """Work on a run until it is over, or (None) has its words and goes on to be painted."""
        stopped = Ended("interrupted" if self._closing.is_set() else "stopped")
        run = self.journal.run(None, job.run)
        if job.stop.is_set() or run.ended:
            return stopped
        if run.prompt is not None and run.state == "queued":
            self.journal.start(job.run)  # else its words will say so
        if words and run.prompt is not None:
            self._brushes.line.add(job.client, job.run)
            return None
        job.seconds = job.seconds or dict(run.seconds)
        events = self.pace.listening(
            perform(self.studio, self.journal, run, given_up=lambda: job.ended is not None)
        )
        with closing(events):  # type: ignore[type-var]
            for event in events:
                job.sign = time.monotonic()
                spent(job.seconds, event)
                if job.ended is None:
                    self._tell(job, event)
                if job.stop.is_set():
                    return Ended("interrupted" if self._closing.is_set() else "stopped")
                if words and isinstance(event, Prompted):
                    self._brushes.line.add(job.client, job.run)
                    return None
        return Ended("finished")

    def _end(self, job: _Job, ended: Ended) -> None:
        """Write the end down, once, and tell it."""
        with self._lock:
            if job.ended is not None:
                return
            job.ended = ended
        if not self._settle(job.run, ended, job):
            self._unsettled[job.run] = ended
        self._tell(job, ended)
        with self._lock:  # it may have been gone on with already, as another job
            if self._jobs.get(job.run) is job:
                del self._jobs[job.run]

    def _settle(self, run: str, ended: Ended, job: _Job | None = None) -> bool:
        """Write the end down; False when nothing can be written (the disk may be full)."""
        try:
            self.journal.end(
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
            for hands in (self._words, self._brushes):
                job = hands.job
                if job is None or job.ended or time.monotonic() - job.sign < self.patience:
                    continue
                hands.stuck = True
                job.stop.set()
                late = Overdue(f"A step took longer than {self.patience:.0f} seconds.")
                with self._surviving():
                    self._end(job, Ended("failed", late))
            for run, ended in list(self._unsettled.items()):
                if self._settle(run, ended):
                    del self._unsettled[run]
            with suppress(MarsamError, OSError):
                for run in self.journal.asked_to_stop():
                    self.cancel(run)
            if time.monotonic() - swept > SWEEP:
                swept = time.monotonic()
                with suppress(MarsamError, OSError):
                    self.journal.sweep()
