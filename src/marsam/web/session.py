"""The state of an open page: its picture, captions, prompt, and the pictures painted from them."""

import hashlib
import json
import re
import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.atomic import atomic_path, partial_path
from marsam.errors import PictureError
from marsam.journal.file_store import PAGE_COPIES, StoredFile
from marsam.journal.records import Run, StoredPicture
from marsam.options import (
    MAX_RAW_CHARACTERS,
    CaptionLength,
    CaptionOptions,
    PaintOptions,
    checked_text,
    new_seed,
)
from marsam.results import Caption, Prompt
from marsam.runs.scheduler import Scheduler
from marsam.slots import KEY_CLIENT
from marsam.styles import NO_STYLE
from marsam.text import languages
from marsam.ui.i18n import ARABIC, ENGLISH

EXAMPLES_DIR = Path(__file__).with_name("examples")
MAX_SESSIONS, MAX_SESSIONS_PER_ACCOUNT = 500, 100
"""Open pages whose state is kept, in all and of one key or address."""
EXAMPLE_RUN_DIR = EXAMPLES_DIR / "finished"


@dataclass
class Live:
    """The pictures that follow what a person types; they are in no journal.

    Attributes:
        seed: of all of them, where the settings have none: only the words change the picture.
        shown: prompt and seed of the one on the page; None before there is one.
    """

    seed: int = field(default_factory=new_seed)
    shown: tuple[Prompt, int] | None = None


@dataclass
class Session:
    """The state of one open page; sessions share nothing.

    Attributes:
        client: owner of the runs; see :meth:`recognise`.
        account: whose turns its runs take in the queue: the key or address of its requests.
        image: file of the input picture.
        length: of descriptions.
        file_name: of the input picture on the person's machine, if it was just uploaded.
        is_example: whether the page shows the finished example, which is in no journal.
        painted_prompt: the prompt of the pictures on the page.
        prompt: the translated prompt; a text box that differs from it was edited.
        texts: what is in the text boxes, by language.
        edited: language of the text box that was edited last; empty when none was.
        previous: prompt, texts and ``edited`` before the last update, to go back to.
        described: cleared while the picture is being described.
        run: ID of the run on the page; None before there is one.
        painting_run: ID of the run that is being painted for this page; None while none is.
        options: settings of the pictures on the page; without a seed when that was random.
        style: key of the style that is chosen.
        as_written: whether Arabic prompts are painted as they are written.
        rounds: earlier runs of the same prompt, whose pictures the page shows as well.
        missing: pictures of the run that are still to be painted.
        models: names of the models, by stage, that the page shows as those in use.
        search: words that the history shows only, and whether it shows only kept work.
        live: what is painted while a person types; None while that is not wanted.
        cancel_download: set to stop the download of the full size models.
        painting: held while this page paints.
    """

    client: str = field(default_factory=lambda: secrets.token_hex(16))
    account: str = ""
    language: str = ENGLISH
    image: Path | None = None
    image_sha256: str = ""
    captions: tuple[Caption, ...] = ()
    candidates_in_arabic: tuple[str, ...] = ()
    length: CaptionLength = CaptionOptions.length
    file_name: str = ""
    is_example: bool = False
    painted_prompt: Prompt | None = None
    prompt: Prompt | None = None
    texts: dict[str, str] = field(default_factory=lambda: {ENGLISH: "", ARABIC: ""})
    edited: str = ""
    previous: tuple[Prompt | None, dict[str, str], str] | None = None
    described: threading.Event = field(default_factory=threading.Event)
    run: str | None = None
    painting_run: str | None = None
    pictures: list[StoredPicture] = field(default_factory=list)
    options: PaintOptions | None = None
    style: str = NO_STYLE
    as_written: bool = False
    rounds: tuple[Run, ...] = ()
    missing: int = 0
    models: dict[str, str] = field(default_factory=dict)
    search: tuple[str, bool] = ("", False)
    live: Live | None = None
    cancel_download: threading.Event = field(default_factory=threading.Event)
    painting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.described.set()

    @property
    def whose_turn(self) -> str:
        """Who waits for the models when this page does."""
        return self.account or self.client

    def recognise(self, visitor: Any) -> None:
        """Show the runs of a visitor, whose ID the browser keeps; another value is ignored.

        With keys the runs are those of both: what was done with one key is not shown to another.
        """
        if isinstance(visitor, str) and re.fullmatch("[0-9a-f]{32}", visitor):
            has_key = self.account.startswith(KEY_CLIENT)
            self.client = f"{self.account}:{visitor}" if has_key else visitor

    def load_run(self, run: Run, *, rounds: tuple[Run, ...] = (), example: bool = False) -> None:
        """Show a stored run; nothing is added to an ``example``, which is in no journal."""
        self.image, self.is_example, self.file_name = run.find_image(), example, ""
        # The example is described anew when it is chosen: by the models in use.
        self.image_sha256 = sha256_of(self.image) if self.image and not example else ""
        self.captions, self.pictures = run.captions, list(run.pictures)
        self.candidates_in_arabic = ()
        self.run, self.rounds = None if example else run.id, rounds
        self.options = run.options.paint if run.options else None
        if self.options:  # otherwise what is chosen on the page stays
            self.style, self.as_written = self.options.style, self.options.as_written
        wanted = self.options.pictures if self.options else 0
        self.missing = max(0, wanted - run.painted) if run.state != "finished" else 0
        if self.options and run.random_seed:
            self.options = replace(self.options, seed=None)
        draft, self.painted_prompt = run.draft, run.prompt
        self.set_prompt((draft and draft.prompt) or run.prompt)
        self.previous = None
        if draft:
            self.texts = {ENGLISH: draft.english, ARABIC: draft.arabic}
            self.edited = draft.edited

    def load_texts(self, texts: Mapping[str, str], options: PaintOptions) -> None:
        """Show texts that a person wrote, and settings, without pictures."""
        self.options, self.style, self.as_written = options, options.style, options.as_written
        self.texts, self.edited = dict(texts), ENGLISH

    def read_texts(self, english: str, arabic: str) -> None:
        """Take what is in the text boxes.

        Raises:
            PromptError: a text is much too long, which the page does not send.
        """
        for text in (english, arabic):
            if len(text) > MAX_RAW_CHARACTERS:
                checked_text(text, "text")
        self.texts = {ENGLISH: english, ARABIC: arabic}

    def set_prompt(self, prompt: Prompt | None) -> None:
        """Make a prompt the session's, and its texts those of the boxes; keep what was before."""
        self.previous = (self.prompt, self.texts, self.edited)
        self.prompt, self.texts, self.edited = prompt, prompt_texts(prompt), ""

    def adopt(self, prompt: Prompt) -> None:
        """Make a prompt the session's that was made from one of the text boxes a moment ago.

        What a person wrote in the other box, or has written since, stays there.
        """
        source = ARABIC if prompt.language == languages.ARABIC.code else ENGLISH
        edited = {language: self.texts[language] for language in self.edited_languages}
        if edited.get(source) == prompt.given:
            del edited[source]
        self.set_prompt(prompt)
        self.texts |= edited

    def has_painted(self, prompt: Prompt) -> bool:
        """Whether the pictures on the page are of a prompt, in whatever style."""
        painted = self.painted_prompt
        return (
            bool(self.pictures and self.run)
            and painted is not None
            and (painted.texts, painted.words, painted.negative)
            == (prompt.texts, prompt.words, prompt.negative)
        )

    def undo(self) -> None:
        """Go back to the prompt and the texts before the last update."""
        if self.previous is not None:
            (self.prompt, self.texts, self.edited), self.previous = self.previous, None

    @property
    def edited_languages(self) -> list[str]:
        """Languages whose text box has other words than the prompt, the last edited first."""
        return self.edited_in(self.texts)

    def edited_in(self, texts: Mapping[str, str]) -> list[str]:
        """The same of texts that may not be the session's yet."""
        own = prompt_texts(self.prompt)
        edited = [one for one, text in texts.items() if text.strip() not in ("", own[one])]
        return sorted(edited, key=lambda language: language != self.edited)

    @property
    def own_image(self) -> Path | None:
        """The input picture, if the prompt may be about it: not the example beside other words."""
        captions = {caption.text for caption in self.captions}
        is_other = self.is_example and (self.prompt is None or self.prompt.english not in captions)
        return None if is_other else self.image

    def matches(self, sha256: str) -> bool:
        """Whether the page shows the captions of a picture, or waits for them."""
        if sha256 != self.image_sha256:
            return False
        captions = {caption.text for caption in self.captions}
        unchanged = not self.edited and (self.prompt is None or self.prompt.english in captions)
        return unchanged or not self.described.is_set()


class Sessions:
    """The sessions of the open pages, by account and Gradio's session hash.

    A client chooses the hash, so their number is bounded: those of the account, then of all, that
    were not used for longest are forgotten.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._sessions: dict[tuple[str, str], Session] = {}  # the least recently used first
        self._lock = threading.Lock()

    def of(self, request: gr.Request) -> Session:
        """The session of the page that sent a request."""
        account = account_of(request)
        name = account, str(request.session_hash)
        with self._lock:
            session = self._sessions.pop(name, None) or Session(account=account)
            self._sessions[name] = session
            own = [key for key, one in self._sessions.items() if account and one.account == account]
            for key in (*own[:-MAX_SESSIONS_PER_ACCOUNT], *list(self._sessions)[:-MAX_SESSIONS]):
                self._sessions.pop(key, None)
        return session

    def close(self, request: gr.Request) -> None:
        """Forget a page that was closed; its run goes on, and is found again."""
        name = account_of(request), str(request.session_hash)
        session = self._sessions.pop(name, None)
        if session is not None:
            session.cancel_download.set()


def account_of(request: gr.Request) -> str:
    """The key or address of a request; nothing without the security middleware, as in a Space."""
    state = getattr(request.request, "state", None)
    return str(getattr(state, "client", ""))


def prompt_texts(prompt: Prompt | None) -> dict[str, str]:
    """The texts of a prompt as they are in the text boxes, by language; empty without one."""
    if prompt is None:
        return {ENGLISH: "", ARABIC: ""}
    is_arabic = prompt.language == languages.ARABIC.code
    return {ENGLISH: prompt.in_english, ARABIC: prompt.given if is_arabic else prompt.arabic}


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
        # Two pages may show the same picture for the first time.
        unique = partial_path(copy, name=f"{copy.name}.{secrets.token_hex(4)}")
        with atomic_path(copy, unique) as partial:
            shutil.copyfile(path, partial)
    return str(copy)


def example_run() -> Run:
    """A finished run of the mini models, shown to new clients."""
    data: dict[str, Any] = json.loads((EXAMPLE_RUN_DIR / "run.json").read_text(encoding="utf-8"))
    return Run.from_dict(data, data["pictures"], lambda name: StoredFile(EXAMPLE_RUN_DIR / name))
