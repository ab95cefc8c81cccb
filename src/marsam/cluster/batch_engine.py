"""A batch whose work is done by a cluster: two datasets of Ray Data, and this machine's memory.

First the machines look at the files that are not remembered; then each picture is described and
translated once, however often it is there. What comes back is kept at once, in whatever order, so
that a run that was killed goes on from there.
"""

import math
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from marsam.batch.cache import BatchContext, FileInfo, TextResult
from marsam.batch.engine import Errors, ScannedFile
from marsam.cluster.connect import connected
from marsam.cluster.plan import Plan
from marsam.errors import Cancelled, ClusterError, MarsamError, PictureError
from marsam.hub.selection import choose_set
from marsam.studio import Studio
from marsam.text.languages import ENGLISH

if TYPE_CHECKING:
    from marsam.cluster.batch_workers import Job

FILES = 32
"""That one task looks at."""
LOOKING = 0.5
"""Processors of such a task; the others read."""
LEAVING = 3.0
"""Seconds that Ray has to stop what nobody wants any more."""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A cluster that does the work of batches.

    Attributes:
        plan: how many copies of what.
        studio: the same models, to know what they are called; they are not read here.
    """

    plan: Plan
    studio: Studio

    def engine(self, context: BatchContext) -> "ClusterEngine":
        """What does one batch's work; to be left before the cluster is."""
        return ClusterEngine(plan=self.plan, context=context)


@contextmanager
def cluster_machines(
    address: str,
    *,
    models: str | None = None,
    device: str | None = None,
    plan: Plan | None = None,
) -> Iterator[Machines]:
    """A cluster for batches; one that was started for them ends with them.

    Args:
        address: as of :func:`marsam.cluster.cluster_studio`.
        models: the set; None chooses on this machine as :meth:`marsam.Studio.load` does.
        device: where they compute; None takes GPUs where there are some.
        plan: of which models, and how many copies; None takes as many as there is room for.

    Raises:
        OptionError: when Ray is not installed, or the address is of a kind that cannot work.
        ModelError: when the models are not on this machine.
        ClusterError: when the cluster cannot be reached.
    """
    chosen = choose_set(models)[0].name
    # They are not read here: only their names are asked for.
    studio = (plan or Plan(models=chosen)).stages(device="cpu")
    # Of a lost machine Ray prints pages, which must not end up in somebody's JSON.
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        connected(address, cpus=2),
    ):
        from marsam.cluster.ray_data import machines

        if plan is None:
            plan = Plan.for_folders(chosen, device, machines())
        yield Machines(plan=plan, studio=studio)


class ClusterEngine:
    """Has the work done by a cluster; a :class:`marsam.batch.engine.Engine`.

    Args:
        plan: how many copies of what.
        context: the cache and the options.
    """

    def __init__(self, *, plan: Plan, context: BatchContext) -> None:
        self.batch_size = plan.captioner.together
        self._plan, self._context = plan, context
        self._leaving = threading.Event()
        self._turn = threading.Lock()
        self._done: Iterator[list[Job]] = iter(())
        self._errors: Errors = {}
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the cluster, which may end then."""
        self.stop()
        for reader in self._readers:
            reader.join(LEAVING)

    def scan(self, paths: Iterable[Path]) -> Iterator[ScannedFile]:
        """Scan files, and start work on their images.

        Raises:
            ClusterError: when a machine does not see the folder, or nothing can be done there.
        """
        from marsam.cluster.batch_workers import changed

        paths = list(paths)
        # Machines have working folders of their own.
        bad = self._looked_at([p.absolute() for p in paths if self._file_info(p) is None])
        self._done = self._worked_on(list(self._jobs(paths)))
        for path in paths:
            info = self._file_info(path)
            error = None if info else bad.get(path.absolute()) or changed(path)
            yield ScannedFile(path=path, info=info, error=error)

    def caption(self, images: Mapping[str, ScannedFile]) -> Errors:
        """Wait until images are captioned; errors as :meth:`scan`."""
        return self._waited_for(images)

    def translate(self, texts: Mapping[str, str], code: str) -> Errors:  # noqa: ARG002
        """Wait until texts are translated; errors as :meth:`scan`."""
        return self._waited_for(texts)

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._leaving.set()

    def _file_info(self, path: Path) -> FileInfo | None:
        try:
            return self._context.cache.file_info(path)
        except OSError:  # gone, or not to be read
            return None

    def _looked_at(self, paths: Sequence[Path]) -> dict[Path, PictureError]:
        """Remember what files hold; those that are no pictures come back."""
        from marsam.cluster.batch_workers import scan_files

        bad: dict[Path, PictureError] = {}
        for scans in self._received(
            paths,
            FILES,
            lambda data: data.map_batches(
                scan_files, num_cpus=LOOKING, batch_size=FILES, batch_format="pyarrow"
            ),
        ):
            files = []
            for scan in scans:
                _check_sight(scan.file.path, scan.unreadable_on)
                if scan.file.error:
                    bad[scan.file.path] = scan.file.error
                else:
                    files.append((scan.file.path, *scan.file.stat, scan.file.info))
            self._context.cache.record_files(files)
        return bad

    def _jobs(self, paths: Iterable[Path]) -> Iterator["Job"]:
        """What is not known, each picture and each text once."""
        from marsam.cluster.batch_workers import Job

        context = self._context
        begun: set[str] = set()
        for path in paths:
            info = self._file_info(path)
            if info is None or info.sha256 in begun:
                continue
            begun.add(info.sha256)
            if (english := self._english(info.sha256)) is None:
                yield Job(path=path.absolute(), sha256=info.sha256, codes=context.options.languages)
                continue
            there = context.reviewed[info.sha256].texts if info.sha256 in context.reviewed else {}
            keys = {
                context.translation_key(english, code): code
                for code in context.options.languages
                if english and code not in there
            }
            new = keys.keys() - begun - context.cache.get(keys).keys()
            begun |= new
            if new:
                codes = tuple(code for key, code in keys.items() if key in new)
                yield Job(english=english, codes=codes)

    def _english(self, sha256: str) -> str | None:
        """What is said of a picture; None when it has to be described."""
        if row := self._context.reviewed.get(sha256):
            return row.english
        key = self._context.caption_key(sha256)
        said = self._context.cache.get([key]).get(key)
        return said.text if said else None

    def _worked_on(self, jobs: Sequence["Job"]) -> Iterator[list["Job"]]:
        """The jobs, done; nobody is hired for what there is none of."""
        from marsam.cluster.batch_workers import CaptionerHand, TranslatorHand

        def stages(data: Any) -> Any:
            calls = math.ceil(len(jobs) / self.batch_size)
            if any(job.path for job in jobs):
                data = self._staffed(data, "captioner", CaptionerHand, calls)
            if any(job.codes for job in jobs):
                data = self._staffed(data, "translator", TranslatorHand, calls)
            return data

        return self._received(jobs, self.batch_size, stages)

    def _staffed(self, data: Any, kind: str, hand: type, calls: int) -> Any:
        from marsam.cluster.ray_data import pool

        return data.map_batches(
            hand,
            fn_constructor_args=(self._plan, self._context.options, self._context.models[kind]),
            batch_size=self.batch_size,
            batch_format="pyarrow",
            **pool(getattr(self._plan, kind), calls),
        )

    def _waited_for(self, keys: Collection[str]) -> Errors:
        """Take what comes back until it is told of all of these; of those that fail, why."""
        missing, more = set(keys), True
        while missing := self._untold(missing):
            if self._leaving.is_set():
                raise Cancelled("The batch was stopped.")
            if not more:
                raise ClusterError(
                    "The cluster has not told of every picture; run the same command again."
                )
            with self._turn:
                jobs = next(self._done, None)
                more = jobs is not None
                self._keep(jobs or [])
        return {key: self._errors[key] for key in keys if key in self._errors}

    def _untold(self, keys: set[str]) -> set[str]:
        rest = {key for key in keys if key not in self._errors}
        return rest - self._context.cache.get(rest).keys()

    def _keep(self, jobs: Iterable["Job"]) -> None:
        """What has come back; from now on nobody does it again."""
        made: dict[str, TextResult] = {}
        for job in jobs:
            if job.broken is not None:
                raise job.broken
            if job.path is not None:
                _check_sight(job.path, job.unreadable_on)

            def key(code: str, job: "Job" = job) -> str:
                if code == ENGLISH.code:
                    return self._context.caption_key(job.sha256)
                return self._context.translation_key(job.english, code)

            made |= {key(code): text for code, text in job.results.items()}
            self._errors |= {key(code): error for code, error in job.errors.items()}
        self._context.cache.put(made)

    def _received(
        self, items: Sequence[Any], few: int, stages: Callable[[Any], Any]
    ) -> Iterator[list[Any]]:
        """What becomes of items, a few at a time, as they come back.

        Raises:
            Cancelled: as soon as :meth:`stop` was called, whatever the cluster is at.
            ClusterError: when it cannot do it.
        """
        if not items:
            return
        from marsam.cluster.ray_data import dataset, received

        back: queue.Queue[list[Any] | MarsamError | None] = queue.Queue()
        data = dataset(items, few, stages)

        def read() -> None:
            for found in received(data):
                back.put(found)
                if self._leaving.is_set():
                    return
            back.put(None)

        # Nobody can be called back out of Ray; so another one waits there.
        self._readers.append(threading.Thread(target=read, name="received", daemon=True))
        self._readers[-1].start()
        while not self._leaving.is_set():
            try:
                found = back.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(found, MarsamError):
                raise found
            if found is None:
                return
            yield found
        raise Cancelled("The batch was stopped.")


def _check_sight(path: Path, unreadable_on: str) -> None:
    """Whether a machine that cannot read a file cannot see its folder.

    Raises:
        ClusterError: when it can be read here.
    """
    if not unreadable_on:
        return
    try:
        with path.open("rb"):
            pass
    except OSError:
        return  # it is the file's fault
    raise ClusterError(
        f"The machine {unreadable_on} cannot read {path}, which can be read here; "
        "put the pictures where every machine of the cluster finds them under the same path."
    )
