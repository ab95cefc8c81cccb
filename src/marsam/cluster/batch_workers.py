"""The work of a cluster's machines for a batch: scan files, caption images, translate captions.

Marsam's own errors are returned as values, so that the error of one image stops no other work.
"""

import pickle
import platform
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from marsam.background import parallel_map
from marsam.batch.cache import Outcome, ScannedFile, TextResult, model_id
from marsam.batch.engine import READER_THREADS, caption_all, scan_file, translate_all
from marsam.cluster.plan import Plan
from marsam.errors import ClusterError, MarsamError, PictureError
from marsam.messages import Message
from marsam.options import BatchOptions
from marsam.text.languages import ARABIC, ENGLISH

COLUMN = "pickled"
"""Column of a block. Arrow cannot hold errors, nor file names that are not Unicode."""


@dataclass(kw_only=True)
class Job:
    """The work for one image, and its results.

    Attributes:
        path: of an image to caption; None when its captions are known.
        sha256: of the file when it was scanned.
        english: the text to translate; empty until the image is captioned.
        codes: NLLB codes of the languages to translate into.
        outcomes: a text or an error for each language, also for English, by code.
        wants_native: ask the captioner in Arabic, too.
        native: the Arabic caption to translate back.
        native_outcome: the Arabic caption, or an error.
        back_outcome: its translation into English, or an error.
        unreadable_on: the machine that could not read the file.
        fatal: an error that would occur for every image.
    """

    path: Path | None = None
    sha256: str = ""
    english: str = ""
    codes: tuple[str, ...] = ()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    wants_native: bool = False
    native: str = ""
    native_outcome: Outcome | None = None
    back_outcome: Outcome | None = None
    unreadable_on: str = ""
    fatal: MarsamError | None = None


def pack(items: Sequence[Any]) -> Any:
    """Return a block of a dataset with these items: a table of Arrow."""
    import pyarrow

    return pyarrow.table({COLUMN: [pickle.dumps(item) for item in items]})


def unpack(block: Any) -> list[Any]:
    """Return the items of a block that :func:`pack` made."""
    # Only the cluster's own machines write blocks, and these can run any code anyway.
    return [pickle.loads(item) for item in block[COLUMN].to_pylist()]  # noqa: S301


def scan_files(block: Any) -> Any:
    """Scan a block of files; their images are not sent back."""
    return pack([replace(scan, image=None) for scan in _scan_all(unpack(block))])


def _scan_all(paths: Sequence[Path]) -> Iterator[ScannedFile]:
    return parallel_map(_scan, paths, workers=READER_THREADS, max_queued=READER_THREADS)


def _scan(path: Path) -> ScannedFile:
    scan = scan_file(path)
    if scan.error and not can_open(path):
        return replace(scan, unreadable_on=platform.node())
    return scan


def can_open(path: Path) -> bool:
    """Whether this machine can open a file, whatever it contains."""
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


class _StageActor(ABC):
    """One replica of a stage; several threads may call it.

    All machines must have the same ``model``, because results are cached under its ID.
    """

    stage_name: Literal["captioner", "translator"]

    def __init__(self, plan: Plan, options: BatchOptions, model: str) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._fatal: MarsamError | None = None
        name = self.stage_name
        try:
            self._stage = getattr(plan.create_studio(threads=getattr(plan, name).threads), name)
            if (other := model_id(self._stage)) != model:
                raise ClusterError(
                    "The {name} on {machine} is {other}, but this machine has {model}; give all "
                    "machines the same models.",
                    name=Message(name),
                    machine=platform.node(),
                    other=other,
                    model=model,
                )
        except MarsamError as error:
            self._fatal = error

    def __call__(self, block: Any) -> Any:
        """Do a block of jobs."""
        jobs: list[Job] = unpack(block)
        try:
            if self._fatal is not None:
                raise self._fatal
            self._process(jobs)
        except MarsamError as error:
            jobs = [replace(job, fatal=error) for job in jobs]
        return pack(jobs)

    @abstractmethod
    def _process(self, jobs: list[Job]) -> None: ...


class CaptionerActor(_StageActor):
    """Captions the images of jobs, in the languages in which they have no caption."""

    stage_name = "captioner"

    def _process(self, jobs: list[Job]) -> None:
        # Files are read while another thread's images are captioned.
        scans = {scan.path: scan for scan in _scan_all([job.path for job in jobs if job.path])}
        new = [job for job in jobs if job.path and not job.english]
        captions = self._caption(new, scans, ENGLISH.code)
        for job in new:
            caption = job.outcomes[ENGLISH.code] = captions[job.sha256]
            job.english = caption.text if isinstance(caption, TextResult) else ""
        asked = [job for job in jobs if job.wants_native and job.english]
        natives = self._caption(asked, scans, ARABIC.code)
        for job in asked:
            native = job.native_outcome = natives[job.sha256]
            job.native = native.text if isinstance(native, TextResult) else ""
        for job in jobs:
            if job.path is not None:
                job.unreadable_on = scans[job.path].unreadable_on

    def _caption(
        self, jobs: Sequence[Job], scans: Mapping[Path, ScannedFile], code: str
    ) -> dict[str, Outcome]:
        """Return the caption of each image in a language, or why there is none, by checksum."""
        files = {job.sha256: scans[job.path] for job in jobs if job.path}
        images = {
            scan.info.sha256: scan.image for scan in files.values() if scan.info and scan.image
        }
        with self._lock:
            captions = caption_all(self._stage, images, self._options.caption_in(code))
        return {
            sha256: captions.get(sha256) or scan.error or changed(scan.path)
            for sha256, scan in files.items()
        }


def changed(path: Path) -> PictureError:
    """Return the error for a file that changed after it was scanned."""
    return PictureError(
        "The file {file} changed during the batch; run the same command again.", file=path.name
    )


class TranslatorActor(_StageActor):
    """Translates the texts of jobs."""

    stage_name = "translator"

    def _process(self, jobs: list[Job]) -> None:
        for code in dict.fromkeys(code for job in jobs for code in job.codes):
            wanted = [job for job in jobs if job.english and code in job.codes]
            translations = self._translate([job.english for job in wanted], code)
            for job in wanted:
                job.outcomes[code] = translations[job.english]
        natives = [job for job in jobs if job.native]
        backs = self._translate([job.native for job in natives], ENGLISH.code, ARABIC.code)
        for job in natives:
            job.back_outcome = backs[job.native]

    def _translate(
        self, texts: Iterable[str], code: str, source: str = ENGLISH.code
    ) -> dict[str, Outcome]:
        options = self._options.translate_into(code, source)
        with self._lock:
            return translate_all(self._stage, {text: text for text in texts}, options)
