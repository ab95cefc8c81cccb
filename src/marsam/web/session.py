"""The state of an open page: its picture, captions, prompt, and the pictures painted from them."""

import hashlib
import json
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.atomic import atomic_path
from marsam.errors import PictureError
from marsam.journal.file_store import PAGE_COPIES, StoredFile
from marsam.journal.records import Run, StoredPicture
from marsam.options import PaintOptions
from marsam.results import Caption, Prompt
from marsam.runs.scheduler import Scheduler
from marsam.ui.i18n import ENGLISH

EXAMPLES_DIR = Path(__file__).with_name("examples")
MAX_SESSIONS, MAX_SESSIONS_PER_ACCOUNT = 500, 100
"""Open pages whose state is kept, in all and of one key or address."""
EXAMPLE_RUN_DIR = EXAMPLES_DIR / "finished"


@dataclass
class Session:
    """The state of one open page; sessions share nothing.

    Attributes:
        client: owner of the runs; the browser keeps it from one visit to the next.
        account: whose turns in the queue its runs take: the key or address of its requests.
        image: file of the input picture; ``image_sha256`` is empty when that is an example.
        prompt: the translated prompt; a text box that differs from it was edited.
        edited: language of the text box that was edited last; empty when none was.
        described: cleared while the picture is being described.
        run: ID of the run on the page; None before there is one.
        painting_run: ID of the run that is being painted for this page; None while none is.
        options: settings of the pictures on the page.
        history: IDs of the runs in the history, as it is shown.
        selected: ID of the selected one.
        cancel_download: set to stop the download of the full size models.
        painting: held while this page paints.
    """

    client: str = field(default_factory=lambda: secrets.token_hex(16))
    account: str = ""
    language: str = ENGLISH
    image: Path | None = None
    image_sha256: str = ""
    captions: tuple[Caption, ...] = ()
    prompt: Prompt | None = None
    edited: str = ""
    described: threading.Event = field(default_factory=threading.Event)
    run: str | None = None
    painting_run: str | None = None
    pictures: list[StoredPicture] = field(default_factory=list)
    options: PaintOptions | None = None
    history: tuple[str, ...] = ()
    selected: str | None = None
    cancel_download: threading.Event = field(default_factory=threading.Event)
    painting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.described.set()

    def load_run(self, run: Run, *, example: bool = False) -> None:
        """Show a stored run; nothing is added to an ``example``, which is in no journal."""
        self.image = run.find_image()
        self.image_sha256 = sha256_of(self.image) if self.image and not example else ""
        self.captions, self.prompt, self.edited = run.captions, run.prompt, ""
        self.run = None if example else run.id
        self.pictures = list(run.pictures)
        self.options = run.options.paint if run.options else None

    def matches(self, sha256: str) -> bool:
        """Whether the page shows the captions of a picture, or waits for them."""
        if sha256 != self.image_sha256:
            return False
        captions = {caption.text for caption in self.captions}
        unchanged = not self.edited and (self.prompt is None or self.prompt.english in captions)
        return unchanged or not self.described.is_set()


class Sessions:
    """The sessions of the open pages, by Gradio's session hash.

    A client chooses the hash, so their number is bounded: those of the account, then of all, that
    were not used for longest are forgotten.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._sessions: dict[str, Session] = {}  # the least recently used first
        self._lock = threading.Lock()

    def of(self, request: gr.Request) -> Session:
        """The session of the page that sent a request."""
        name, account = str(request.session_hash), account_of(request)
        with self._lock:
            session = self._sessions.pop(name, None) or Session(account=account)
            self._sessions[name] = session
            own = [key for key, one in self._sessions.items() if account and one.account == account]
            for key in (*own[:-MAX_SESSIONS_PER_ACCOUNT], *list(self._sessions)[:-MAX_SESSIONS]):
                self._sessions.pop(key, None)
        return session

    def close(self, request: gr.Request) -> None:
        """Cancel the work of a page that was closed."""
        session = self._sessions.pop(str(request.session_hash), None)
        if session is not None:
            session.cancel_download.set()
            if session.painting_run is not None:
                self._scheduler.cancel(session.painting_run)


def account_of(request: gr.Request) -> str:
    """The key or address of a request; nothing without the security middleware, as in a Space."""
    state = getattr(request.request, "state", None)
    return str(getattr(state, "client", ""))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def uploaded_path(file: dict[str, Any] | None, component: Any) -> Path | None:
    """The file that a component received; None when it was emptied.

    Args:
        file: Gradio's ``FileData``, as the browser sent it.
        component: decides in which cache Gradio puts uploads.

    Raises:
        PictureError: for any other file of this machine, as a request can name any path.
    """
    if not file:
        return None
    path = Path(file.get("path") or "").resolve()
    allowed = (Path(component.GRADIO_CACHE), EXAMPLES_DIR)
    if not any(path.is_relative_to(folder.resolve()) for folder in allowed):
        raise PictureError("This picture was not uploaded to the page.")
    return path


def create_cache(data: Path) -> Path:
    """Create the folder for copies of pictures and for uploads, which only this user can read."""
    folder = data / PAGE_COPIES
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def cached_path(path: Path, component: Any, *, folder: str | None = None) -> str:
    """A copy in Gradio's cache, which the page can load; it cannot read the journal's files.

    ``folder`` is its folder there, by default that of the file: the copies of a run are in a folder
    of its name, which is deleted with the run.
    """
    copy = Path(component.GRADIO_CACHE, folder or path.parent.name, path.name)
    if not copy.is_file() or copy.stat().st_mtime_ns < path.stat().st_mtime_ns:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(copy) as partial:
            shutil.copyfile(path, partial)
    return str(copy)


def example_run() -> Run:
    """A finished run of the mini models, shown to new clients."""
    data: dict[str, Any] = json.loads((EXAMPLE_RUN_DIR / "run.json").read_text(encoding="utf-8"))
    return Run.from_dict(data, data["pictures"], lambda name: StoredFile(EXAMPLE_RUN_DIR / name))
