"""What the machines of a cluster do for a batch: look at files, describe pictures, translate.

Errors of our own travel as values: what is wrong with one picture ends nobody's work.
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
"""Of the tables that travel. Arrow has no names that are no Unicode, and no errors."""


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
    """A picture on its way, and what became of it.

    Attributes:
        path: of the picture, when it has to be described; None when ``english`` is known.
        sha256: what is known of the file.
        english: what is translated.
        codes: NLLB codes of the languages it is wanted in.
        results: the texts by code, also the English one.
        errors: why a text could not be made, by code.
        unreadable_on: the machine that could not read the file.
        broken: an error that every other would meet as well.
    """

    path: Path | None = None
    sha256: str = ""
    english: str = ""
    codes: tuple[str, ...] = ()
    results: Mapping[str, TextResult] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    unreadable_on: str = ""
    broken: MarsamError | None = None


def packed(items: Sequence[Any]) -> pyarrow.Table:
    """A block of a dataset."""
    return pyarrow.table({COLUMN: [pickle.dumps(item) for item in items]})


def unpacked(block: Any) -> list[Any]:
    """What :func:`packed` took."""
    # Nobody but the machines of the cluster writes there, and these run what they like anyway.
    return [pickle.loads(item) for item in block[COLUMN].to_pylist()]  # noqa: S301


def scan_files(block: Any) -> Any:
    """Scan a block of files; their images are not sent back."""
    scans = _scan_all(unpacked(block))
    return packed([replace(scan, file=replace(scan.file, image=None)) for scan in scans])


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


class _Hand(ABC):
    """One copy of a stage; several threads may call it.

    Args:
        kind: which stage.
        plan: of which models.
        options: what is wanted.
        model: which it must be, or machines would keep each other's words for their own.
    """

    kind: Literal["captioner", "translator"]

    def __init__(self, plan: Plan, options: BatchOptions, model: str) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._broken: MarsamError | None = None
        try:
            self._stage: Any = getattr(plan.prepared(getattr(plan, self.kind)), self.kind)
            if (found := model_id(self._stage)) != model:
                raise ClusterError(
                    f"The {self.kind} on {platform.node()} is {found}, and here it is {model}; "
                    "give all machines the same models."
                )
        except MarsamError as error:
            self._broken = error

    def __call__(self, block: Any) -> Any:
        """Do a block of jobs."""
        jobs: list[Job] = unpacked(block)
        try:
            if self._broken is not None:
                raise self._broken
            return packed(self._done(jobs))
        except MarsamError as error:
            return packed([replace(job, broken=error) for job in jobs])

    @abstractmethod
    def _done(self, jobs: list[Job]) -> list[Job]: ...


class CaptionerHand(_Hand):
    """Describes the pictures of jobs that have no English words."""

    kind = "captioner"

    def _done(self, jobs: list[Job]) -> list[Job]:
        # The files are read while another thread's pictures are described.
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
    """A file is not what it was when it was looked at."""
    return PictureError(f"The file {path.name} changed meanwhile; run the same command again.")


class TranslatorHand(_Hand):
    """Translates the English words of jobs."""

    kind = "translator"

    def _done(self, jobs: list[Job]) -> list[Job]:
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
    return job  # there was nothing to translate
