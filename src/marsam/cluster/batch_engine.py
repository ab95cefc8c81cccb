"""A batch on a cluster: two Ray Data datasets, and the cache of this machine.

First the machines scan the files that are not in the cache; then each image is captioned and each
caption translated once, even if several files have the same content. Results are stored as they
arrive, in any order, so that a batch can be resumed after it was killed.
"""

import math
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from marsam.batch.cache import BatchContext, Errors, Outcome, ScannedFile
from marsam.cluster.batch_workers import (
    CaptionerActor,
    Job,
    TranslatorActor,
    can_open,
    changed,
    scan_files,
)
from marsam.cluster.connect import ensure_connected
from marsam.cluster.plan import Plan
from marsam.errors import Cancelled, ClusterError, MarsamError, PictureError
from marsam.hub.selection import OtherModels, choose_set, other_models
from marsam.studio import Studio
from marsam.text.languages import ARABIC, ENGLISH

SCAN_BLOCK_SIZE = 32
"""Files per scan task."""
SCAN_CPUS = 0.5
"""CPUs per scan task: half of its time is spent on reading."""
STOP_TIMEOUT_S = 3.0
"""Time for Ray to stop a dataset."""


@dataclass(frozen=True, kw_only=True)
class BatchCluster:
    """A cluster for batches.

    Attributes:
        plan: models and resources.
        studio: the same models on this machine, for their names; their weights are not loaded.
    """

    plan: Plan
    studio: Studio

    def engine(self, context: BatchContext) -> "ClusterEngine":
        """Return the engine of one batch; close it before the cluster."""
        return ClusterEngine(plan=self.plan, context=context)


@contextmanager
def batch_cluster(
    address: str,
    *,
    models: str | None = None,
    captioner: str | None = None,
    translator: str | None = None,
    device: str | None = None,
    plan: Plan | None = None,
) -> Iterator[BatchCluster]:
    """Connect to a cluster for batches; a cluster that was started for them ends with the block.

    Args:
        address: as of :func:`marsam.cluster.cluster_studio`.
        models: the model set; None chooses on this machine as :meth:`marsam.Studio.load` does.
        captioner: as of :meth:`marsam.Studio.load`; each machine must have it.
        translator: the same.
        device: for all machines; None uses GPUs if there are any.
        plan: models and resources instead; None uses all free resources.

    Raises:
        OptionError: when Ray is not installed, or the address is of an unsupported kind.
        ModelError: when the models are not on this machine.
        ClusterError: when the cluster cannot be reached.
    """
    chosen = choose_set(models)[0].name
    others = other_models(models, OtherModels(captioner, translator))
    studio = (plan or Plan(models=chosen).with_models(others)).create_studio(
        device="cpu"  # for the names only
    )
    with ExitStack() as stack:
        # Ray prints pages about a lost machine to stdout, which must not be mixed with JSON output.
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        is_new = ensure_connected(address, cpus=2)
        import ray

        if is_new:
            stack.callback(ray.shutdown)
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        plan = plan or Plan.for_batch(chosen, device, machines).with_models(others)
        yield BatchCluster(plan=plan, studio=studio)


class ClusterEngine:
    """Runs a batch's work on a cluster; a :class:`marsam.batch.engine.Engine`."""

    def __init__(self, *, plan: Plan, context: BatchContext) -> None:
        self.batch_size = plan.captioner.max_batch_size
        self._plan, self._context = plan, context
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._results: Iterator[list[Job]] = iter(())
        self._errors: Errors = {}
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop using the cluster, which may be shut down afterwards."""
        self.stop()
        for reader in self._readers:
            reader.join(STOP_TIMEOUT_S)

    def scan(self, paths: Iterable[Path]) -> Iterator[ScannedFile]:
        """Scan files, and start work on their images.

        Raises:
            ClusterError: when a machine cannot read the folder, or the cluster cannot do the work.
        """
        paths, cache = list(paths), self._context.cache
        # The machines have other working folders.
        errors = self._scan_errors([p.absolute() for p in paths if cache.file_info(p) is None])
        self._results = self._process(list(self._jobs(paths)))
        for path in paths:
            info = cache.file_info(path)
            error = None if info else errors.get(path.absolute()) or changed(path)
            yield ScannedFile(path=path, info=info, error=error)

    def caption(
        self,
        images: Mapping[str, ScannedFile],
        code: str = ENGLISH.code,  # noqa: ARG002 - the keys say it
    ) -> Errors:
        """Wait until images are captioned; errors as :meth:`scan`."""
        return self._wait_for(images)

    def translate(
        self,
        texts: Mapping[str, str],
        code: str,  # noqa: ARG002
        source: str = ENGLISH.code,  # noqa: ARG002
    ) -> Errors:
        """Wait until texts are translated; errors as :meth:`scan`."""
        return self._wait_for(texts)

    def stop(self) -> None:
        """Make every waiting call raise ``Cancelled``."""
        self._stopped.set()

    def _scan_errors(self, paths: Sequence[Path]) -> dict[Path, PictureError]:
        """Scan files and store the results in the cache; return the errors."""

        def stages(data: Any) -> Any:
            options = {"batch_size": SCAN_BLOCK_SIZE, "batch_format": "pyarrow"}
            return data.map_batches(scan_files, num_cpus=SCAN_CPUS, **options)

        errors: dict[Path, PictureError] = {}
        for scans in self._run_dataset(paths, SCAN_BLOCK_SIZE, stages):
            for scan in scans:
                _check_readable(scan.path, scan.unreadable_on)
            errors |= {scan.path: scan.error for scan in scans if scan.error}
            self._context.cache.record_files(scans)
        return errors

    def _jobs(self, paths: Iterable[Path]) -> Iterator[Job]:
        """Yield the work that is not in the cache: each image and each text once."""
        context = self._context
        started: set[str] = set()
        for path in paths:
            info = context.cache.file_info(path)
            if info is None or info.sha256 in started:
                continue
            started.add(info.sha256)
            kept = context.cache.alt_texts(info.sha256)
            wants_native = context.needs_native(info.sha256)
            if (english := context.english(info.sha256)) is None:
                codes = tuple(code for code in context.options.languages if code not in kept)
                image = path.absolute()
                yield Job(path=image, sha256=info.sha256, codes=codes, wants_native=wants_native)
                continue
            row = context.kept.get(info.sha256)
            own = row.texts if row else kept
            keys = {
                context.translation_key(english, code): code
                for code in context.options.languages
                if english and code not in own
            }
            wants_native = wants_native and bool(english)
            native = "" if wants_native else self._native(info.sha256)
            if native:
                keys[context.translation_key(native, ENGLISH.code, ARABIC.code)] = ""
            new = keys.keys() - started - context.cache.get(keys).keys()
            started |= new
            if new or wants_native:
                yield Job(
                    path=path.absolute() if wants_native else None,
                    sha256=info.sha256,
                    english=english,
                    codes=tuple(code for key, code in keys.items() if code and key in new),
                    wants_native=wants_native,
                    native=native if any(key in new and not keys[key] for key in keys) else "",
                )

    def _native(self, sha256: str) -> str:
        """Return the cached Arabic caption of an image, or nothing."""
        context = self._context
        if not context.wants_native or sha256 in context.kept:
            return ""
        key = context.caption_key(sha256, ARABIC.code)
        caption = context.cache.get([key]).get(key)
        return caption.text if caption else ""

    def _process(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Yield the jobs with their results; a stage without jobs gets no actors."""

        def stages(data: Any) -> Any:
            from marsam.cluster.ray_data import actor_pool

            context, calls = self._context, math.ceil(len(jobs) / self.batch_size)
            for stage, actor, is_needed in (
                ("captioner", CaptionerActor, any(job.path for job in jobs)),
                ("translator", TranslatorActor, any(map(_has_texts, jobs))),
            ):
                if is_needed:
                    data = data.map_batches(
                        actor,
                        fn_constructor_args=(self._plan, context.options, context.models[stage]),
                        batch_size=self.batch_size,
                        batch_format="pyarrow",
                        **actor_pool(getattr(self._plan, stage), calls),
                    )
            return data

        return self._run_dataset(jobs, self.batch_size, stages)

    def _wait_for(self, keys: Collection[str]) -> Errors:
        """Store results until these keys have one; return the errors of those that failed."""
        missing, more = set(keys), True
        while missing := self._without_outcome(missing):
            if self._stopped.is_set():
                raise Cancelled("The batch was stopped.")
            if not more:
                raise ClusterError(
                    "The cluster did not return all results; run the same command again."
                )
            with self._lock:
                jobs = next(self._results, None)
                more = jobs is not None
                self._store(jobs or [])
        return {key: self._errors[key] for key in keys if key in self._errors}

    def _without_outcome(self, keys: set[str]) -> set[str]:
        rest = {key for key in keys if key not in self._errors}
        return rest - self._context.cache.get(rest).keys()

    def _store(self, jobs: Iterable[Job]) -> None:
        """Store results in the cache."""
        context = self._context
        outcomes: dict[str, Outcome] = {}
        for job in jobs:
            if job.fatal is not None:
                raise job.fatal
            if job.path is not None:
                _check_readable(job.path, job.unreadable_on)
            keys = {code: context.translation_key(job.english, code) for code in job.codes}
            keys[ENGLISH.code] = context.caption_key(job.sha256)
            outcomes |= {keys[code]: outcome for code, outcome in job.outcomes.items()}
            if job.native_outcome is not None:
                outcomes[context.caption_key(job.sha256, ARABIC.code)] = job.native_outcome
            if job.back_outcome is not None:
                back = context.translation_key(job.native, ENGLISH.code, ARABIC.code)
                outcomes[back] = job.back_outcome
        self._errors |= context.cache.put(outcomes)

    def _run_dataset(
        self, items: Sequence[Any], block_size: int, stages: Callable[[Any], Any]
    ) -> Iterator[list[Any]]:
        """Yield the blocks of a dataset as they arrive.

        Raises:
            Cancelled: as soon as :meth:`stop` was called, even while the cluster computes.
            ClusterError: when the cluster cannot do the work.
        """
        if not items:
            return
        from marsam.cluster.ray_data import blocks_of, dataset

        blocks: queue.Queue[list[Any] | MarsamError | None] = queue.Queue()
        data = dataset(items, block_size, stages)

        def read() -> None:
            for block in blocks_of(data):
                blocks.put(block)
                if self._stopped.is_set():
                    return
            blocks.put(None)

        # A call of Ray cannot be interrupted, so another thread waits in it. It is not joined here:
        # marsam.background would wait for a call that may never return.
        self._readers.append(threading.Thread(target=read, name="ray-data", daemon=True))
        self._readers[-1].start()
        while not self._stopped.is_set():
            try:
                block = blocks.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(block, MarsamError):
                raise block
            if block is None:
                return
            yield block
        raise Cancelled("The batch was stopped.")


def _has_texts(job: Job) -> bool:
    """Whether a job has texts to translate, or will have them."""
    return bool(job.codes or job.native or job.wants_native)


def _check_readable(path: Path, unreadable_on: str) -> None:
    """Check whether a file that a machine cannot read is unreadable here too.

    Raises:
        ClusterError: when it can be read here.
    """
    if unreadable_on and can_open(path):  # the problem is the folder, not the file
        raise ClusterError(
            "The machine {unreadable_on} cannot read {path}, but this machine can; put the "
            "pictures where every machine of the cluster finds them under the same path.",
            unreadable_on=unreadable_on,
            path=path,
        )
