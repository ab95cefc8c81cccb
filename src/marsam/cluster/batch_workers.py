"""What the machines of a cluster do for a batch: look at files, describe pictures, translate.

Errors of our own travel as values: what is wrong with one picture ends nobody's work.
"""

import pickle
import platform
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow

from marsam.background import parallel_map
from marsam.batch.cache import Words
from marsam.batch.engine import READERS, Failed, Look, captioned, look_at, translated
from marsam.batch.known import named, translation
from marsam.cluster.plan import Plan
from marsam.errors import ClusterError, MarsamError, PictureError
from marsam.options import BatchOptions
from marsam.text.languages import ENGLISH

COLUMN = "pickled"
"""Of the tables that travel. Arrow has no names that are no Unicode, and no errors."""


@dataclass(frozen=True, kw_only=True)
class FarLook:
    """A file that was looked at on another machine.

    Attributes:
        look: what was seen, without the picture.
        unseen: the machine, when it could not even read the file.
    """

    look: Look
    unseen: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A picture on its way, and what became of it.

    Attributes:
        path: of the picture, when it has to be described; None when ``english`` is known.
        sha256: what is known of the file.
        english: what is translated.
        codes: NLLB codes of the languages it is wanted in.
        words: what was made, by code, English among them.
        failed: why something was not made, by code.
        unseen: the machine that could not read the file.
        broken: an error that every other would meet as well.
    """

    path: Path | None = None
    sha256: str = ""
    english: str = ""
    codes: tuple[str, ...] = ()
    words: Mapping[str, Words] = field(default_factory=dict)
    failed: Failed = field(default_factory=dict)
    unseen: str = ""
    broken: MarsamError | None = None


def packed(items: Sequence[Any]) -> pyarrow.Table:
    """A block of a dataset."""
    return pyarrow.table({COLUMN: [pickle.dumps(item) for item in items]})


def unpacked(block: Any) -> list[Any]:
    """What :func:`packed` took."""
    # Nobody but the machines of the cluster writes there, and these run what they like anyway.
    return [pickle.loads(item) for item in block[COLUMN].to_pylist()]  # noqa: S301


def look_from_afar(block: Any) -> Any:
    """Look at files, whose pictures stay here."""
    looks = parallel_map(_look, unpacked(block), workers=READERS, max_queued=READERS)
    return packed([replace(far, look=replace(far.look, image=None)) for far in looks])


def _look(path: Path) -> FarLook:
    look = look_at(path)
    if look.error is None:
        return FarLook(look=look)
    try:
        with path.open("rb"):
            return FarLook(look=look)
    except OSError:
        return FarLook(look=look, unseen=platform.node())


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
            if (found := named(self._stage)) != model:
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
        seen = dict(
            zip(paths, parallel_map(_look, paths, workers=READERS, max_queued=READERS), strict=True)
        )
        images = {
            job.sha256: far.look.image
            for job in jobs
            if job.path and (far := seen[job.path]).look.image and _same(job, far)
        }
        with self._lock:
            words, failed = captioned(self._stage, images, self._options.caption)
        return [
            job if job.path is None else _described(job, seen[job.path], words, failed)
            for job in jobs
        ]


def _same(job: Job, far: FarLook) -> bool:
    return far.look.seen is not None and far.look.seen.sha256 == job.sha256


def _described(job: Job, far: FarLook, words: Mapping[str, Words], failed: Failed) -> Job:
    if job.sha256 in words:
        said = words[job.sha256]
        return replace(job, english=said.text, words={ENGLISH.code: said})
    error = failed.get(job.sha256) or far.look.error or changed(far.look.path)
    return replace(job, failed={ENGLISH.code: error}, unseen=far.unseen)


def changed(path: Path) -> PictureError:
    """A file is not what it was when it was looked at."""
    return PictureError(f"The file {path.name} changed meanwhile; run the same command again.")


class TranslatorHand(_Hand):
    """Translates the English words of jobs."""

    kind = "translator"

    def _done(self, jobs: list[Job]) -> list[Job]:
        for code in dict.fromkeys(code for job in jobs for code in job.codes):
            options = translation(self._options, code)
            texts = {job.english: job.english for job in jobs if job.english and code in job.codes}
            with self._lock:
                words, failed = translated(self._stage, texts, options)
            jobs = [
                _translated(job, code, words, failed) if code in job.codes else job for job in jobs
            ]
        return jobs


def _translated(job: Job, code: str, words: Mapping[str, Words], failed: Failed) -> Job:
    if job.english in words:
        return replace(job, words={**job.words, code: words[job.english]})
    if job.english in failed:
        return replace(job, failed={**job.failed, code: failed[job.english]})
    return job  # there was nothing to translate
