"""What lies on one visitor's desk: a picture, its words, what was painted from them."""

import hashlib
import json
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from marsam.errors import (
    ClusterError,
    DiskFull,
    HubUnreachable,
    JournalError,
    LanguageError,
    MarsamError,
    ModelError,
    OptionError,
    OutOfMemory,
    PictureError,
    PromptError,
    RetryLater,
    RunMissing,
    StepTimeout,
)
from marsam.journal.file_store import StoredFile
from marsam.journal.records import Run, StoredPicture
from marsam.options import PaintOptions
from marsam.results import Caption, Prompt
from marsam.runs.scheduler import Scheduler
from marsam.web.strings import ENGLISH

SHOWN = Path(__file__).with_name("examples")
EXAMPLE = SHOWN / "finished"
_SENTENCES: tuple[tuple[type[MarsamError], str], ...] = (
    (PictureError, "no_picture"),
    (PromptError, "bad_prompt"),
    (OptionError, "bad_option"),
    (LanguageError, "no_language"),
    (RunMissing, "no_run"),
    (HubUnreachable, "no_hub"),
    (ModelError, "no_model"),
    (ClusterError, "no_cluster"),
    (OutOfMemory, "no_memory"),
    (RetryLater, "too_busy"),
    (StepTimeout, "too_slow"),
    (DiskFull, "disk_full"),
    (JournalError, "no_journal"),
)


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Desk:
    """One open page. Nothing here is shared with another.

    Attributes:
        source: the picture as it was given, and ``digest`` of its bytes.
        prompt: the words that are settled; a pane that differs from them was edited.
        edited: the language of the text that was changed last.
        read: unset while a picture is described, and its words arrive one after another.
        run: where the journal keeps this work; None before there is any.
        working: the run that is being painted for this page; None while there is none.
        fetch_stop: set when the full models should not be fetched any further.
        busy: held while something is painted.
    """

    visitor: str = field(default_factory=lambda: secrets.token_hex(16))
    language: str = ENGLISH
    source: Path | None = None
    digest: str = ""
    captions: tuple[Caption, ...] = ()
    prompt: Prompt | None = None
    edited: str = ""
    read: threading.Event = field(default_factory=_set)
    run: str | None = None
    working: str | None = None
    pictures: list[StoredPicture] = field(default_factory=list)
    options: PaintOptions | None = None
    listed: tuple[str, ...] = ()
    chosen: str | None = None
    fetch_stop: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)

    def put(self, run: Run, *, keep: bool = True) -> None:
        """Lay a kept run on the desk; an example (not ``keep``) is looked at, not worked on."""
        self.source = run.image_path
        self.digest = digest(self.source) if self.source and keep else ""
        self.captions, self.prompt, self.edited = run.captions, run.prompt, ""
        self.run = run.id if keep else None
        self.pictures = list(run.pictures)
        self.options = run.options.paint if run.options else None

    def shows(self, picture: str) -> bool:
        """Whether the words on the desk, or those that come, are those of a picture's digest."""
        if picture != self.digest:
            return False
        words = {caption.text for caption in self.captions}
        own = self.prompt is None or self.prompt.english in words
        return not self.read.is_set() or (own and not self.edited)


class Desks:
    """The desks of the open pages, by Gradio's session."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._desks: dict[str, Desk] = {}

    def of(self, request: gr.Request) -> Desk:
        """The desk of this page."""
        return self._desks.setdefault(str(request.session_hash), Desk())

    def leave(self, request: gr.Request) -> None:
        """The page was closed: what it asked for is not wanted any more."""
        desk = self._desks.pop(str(request.session_hash), None)
        if desk is not None:
            desk.fetch_stop.set()
            if desk.working is not None:
                self._scheduler.cancel(desk.working)


def digest(path: Path | str) -> str:
    """Tells whether a file is the one that is already on the desk."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def received(given: dict[str, Any] | None, component: Any) -> Path | None:
    """The file in Gradio's note of what was given to a component; None when it was taken away.

    Raises:
        PictureError: for any other file of this machine, which a request could name as well.
    """
    if not given:
        return None
    path = Path(given.get("path") or "").resolve()
    if not any(path.is_relative_to(Path(f).resolve()) for f in (component.GRADIO_CACHE, SHOWN)):
        raise PictureError("This picture was not given to the page.")
    return path


def served(path: Path, component: Any) -> str:
    """A copy in Gradio's cache, where the page can fetch it; the journal itself stays closed."""
    return str(save_file_to_cache(path, cache_dir=component.GRADIO_CACHE))


def sentence(error: MarsamError) -> str:
    """The key of what to tell the reader."""
    return next((key for kind, key in _SENTENCES if isinstance(error, kind)), "went_wrong")


def example() -> Run:
    """A finished run of the bundled mini set, shown before the client has one."""
    data: dict[str, Any] = json.loads((EXAMPLE / "run.json").read_text(encoding="utf-8"))
    return Run.from_dict(data, data["pictures"], lambda name: StoredFile(EXAMPLE / name))
