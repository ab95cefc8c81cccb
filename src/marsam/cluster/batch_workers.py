"""The work of a cluster's machines for a batch: scan files, caption images, translate captions.

Marsam's own errors are returned as values, so that the error of one image stops no other work.
"""

import pickle
import platform
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow

from marsam.background import parallel_map
from marsam.batch.cache import TextResult, model_id, translate_options
from marsam.batch.engine import (
    READER_THREADS,
    Errors,
    ScannedFile,
    caption_all,
    scan_file,
    translate_all,
)
from marsam.cluster.plan import Plan
from marsam.errors import ClusterError, MarsamError, PictureError
from marsam.options import BatchOptions
from marsam.text.languages import ENGLISH

COLUMN = "pickled"
"""Column of a block. Arrow cannot hold errors, nor file names that are not Unicode."""


@dataclass(frozen=True, kw_only=True)
class RemoteScan:
    """A file that was scanned on another machine.

    Attributes:
        file: the result, without the image.
        unreadable_on: the machine, if it could not read the file.
    """

    file: ScannedFile
    unreadable_on: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The work for one image, and its results.

    Attributes:
        path: of an image to caption; None when ``english`` is known.
        sha256: of the file when it was scanned.
        english: the text to translate.
        codes: NLLB codes of the languages to translate into.
        results: the texts by code, also the English one.
        errors: why a text could not be made, by code.
        unreadable_on: the machine that could not read the file.
        fatal: an error that would occur for every image.
    """

    path: Path | None = None
    sha256: str = ""
    english: str = ""
    codes: tuple[str, ...] = ()
    results: Mapping[str, TextResult] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    unreadable_on: str = ""
    fatal: MarsamError | None = None


def pack(items: Sequence[Any]) -> pyarrow.Table:
    """Return a block of a dataset with these items."""
    return pyarrow.table({COLUMN: [pickle.dumps(item) for item in items]})


def unpack(block: Any) -> list[Any]:
    """Return the items of a block that :func:`pack` made."""
    # Only the cluster's own machines write blocks, and these can run any code anyway.
    return [pickle.loads(item) for item in block[COLUMN].to_pylist()]  # noqa: S301


def scan_files(block: Any) -> Any:
    """Scan a block of files; their images are not sent back."""
    scans = _scan_all(unpack(block))
    return pack([replace(scan, file=replace(scan.file, image=None)) for scan in scans])


def _scan_all(paths: Sequence[Path]) -> Iterator[RemoteScan]:
    return parallel_map(_scan, paths, workers=READER_THREADS, max_queued=READER_THREADS)


def _scan(path: Path) -> RemoteScan:
    file = scan_file(path)
    if file.error is None:
        return RemoteScan(file=file)
    try:
        with path.open("rb"):
            return RemoteScan(file=file)
    except OSError:
        return RemoteScan(file=file, unreadable_on=platform.node())


class _StageActor(ABC):
    """One replica of a stage; several threads may call it.

    Args:
        plan: of the stages.
        options: of the batch.
        model: ID of the model, which must be the same on all machines, because results are cached
            under its name.
    """

    stage_name: Literal["captioner", "translator"]

    def __init__(self, plan: Plan, options: BatchOptions, model: str) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._fatal: MarsamError | None = None
        name = self.stage_name
        try:
            self._stage: Any = getattr(plan.studio_in_worker(getattr(plan, name)), name)
            if (other := model_id(self._stage)) != model:
                raise ClusterError(
                    f"The {name} on {platform.node()} is {other}, but this machine has {model}; "
                    "give all machines the same models."
                )
        except MarsamError as error:
            self._fatal = error

    def __call__(self, block: Any) -> Any:
        """Do a block of jobs."""
        jobs: list[Job] = unpack(block)
        try:
            if self._fatal is not None:
                raise self._fatal
            return pack(self._process(jobs))
        except MarsamError as error:
            return pack([replace(job, fatal=error) for job in jobs])

    @abstractmethod
    def _process(self, jobs: list[Job]) -> list[Job]: ...


class CaptionerActor(_StageActor):
    """Captions the images of jobs that have no English text."""

    stage_name = "captioner"

    def _process(self, jobs: list[Job]) -> list[Job]:
        # Files are read while another thread's images are captioned.
        paths = [job.path for job in jobs if job.path is not None]
        scans = dict(zip(paths, _scan_all(paths), strict=True))
        images = {
            job.sha256: scan.file.image
            for job in jobs
            if job.path and (scan := scans[job.path]).file.image and _is_unchanged(job, scan)
        }
        with self._lock:
            results, errors = caption_all(self._stage, images, self._options.caption)
        return [
            job if job.path is None else _captioned(job, scans[job.path], results, errors)
            for job in jobs
        ]


def _is_unchanged(job: Job, scan: RemoteScan) -> bool:
    return scan.file.info is not None and scan.file.info.sha256 == job.sha256


def _captioned(
    job: Job, scan: RemoteScan, results: Mapping[str, TextResult], errors: Errors
) -> Job:
    if job.sha256 in results:
        caption = results[job.sha256]
        return replace(job, english=caption.text, results={ENGLISH.code: caption})
    error = errors.get(job.sha256) or scan.file.error or changed(scan.file.path)
    return replace(job, errors={ENGLISH.code: error}, unreadable_on=scan.unreadable_on)


def changed(path: Path) -> PictureError:
    """Return the error for a file that changed after it was scanned."""
    return PictureError(
        f"The file {path.name} changed during the batch; run the same command again."
    )


class TranslatorActor(_StageActor):
    """Translates the English text of jobs."""

    stage_name = "translator"

    def _process(self, jobs: list[Job]) -> list[Job]:
        for code in dict.fromkeys(code for job in jobs for code in job.codes):
            options = translate_options(self._options, code)
            texts = {job.english: job.english for job in jobs if job.english and code in job.codes}
            with self._lock:
                results, errors = translate_all(self._stage, texts, options)
            jobs = [
                _translated(job, code, results, errors) if code in job.codes else job
                for job in jobs
            ]
        return jobs


def _translated(job: Job, code: str, results: Mapping[str, TextResult], errors: Errors) -> Job:
    if job.english in results:
        return replace(job, results={**job.results, code: results[job.english]})
    if job.english in errors:
        return replace(job, errors={**job.errors, code: errors[job.english]})
    return job  # no text to translate
