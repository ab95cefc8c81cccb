"""Downloading the full size models from the page: progress, cancellation, errors."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from marsam.errors import HubUnreachable, MarsamError
from marsam.hub.catalog import SETS
from marsam.hub.progress import PullProgress
from marsam.messages import Message
from marsam.ui.i18n import isolates_as_html
from marsam.web import downloads
from marsam.web.downloads import DownloadHandlers
from marsam.web.session import Session, Sessions
from marsam.web.strings import STRINGS
from marsam.web.view import View

COMPONENTS = SimpleNamespace(
    download_models="button", cancel_download="cancel", download_status="status"
)
REQUEST = cast(gr.Request, None)
Pull = Callable[..., None]


class Downloads:
    """The handlers on a page without a server, with another ``pull``."""

    def __init__(self, pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(downloads, "pull", pull)
        monkeypatch.setattr(downloads, "MIN_REPORT_INTERVAL_S", 0.0)
        self.session = Session()
        view = SimpleNamespace(
            components=COMPONENTS,
            show_models=lambda _: {"summary": "new"},
            chosen_set=lambda name: SETS[name],
        )
        sessions = SimpleNamespace(of=lambda _: self.session)
        self.handlers = DownloadHandlers(cast(View, view), cast(Sessions, sessions))
        self.updates = self.handlers.download("free", REQUEST)


def report(done: int) -> PullProgress:
    return PullProgress(source="a/model", done=done, total=4_000_000_000)


def test_progress_is_shown_and_then_the_models_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DownloadHandlers, "use", lambda *_: {"summary": "new"})

    pulled: list[str] = []

    def pull(source: str, *, progress: Callable[[PullProgress], None]) -> None:
        pulled.append(source)
        progress(report(1_000_000_000))

    updates = list(Downloads(pull, monkeypatch).updates)
    assert pulled == [model.source for model in SETS["free"].parts]
    assert any('value="0.250"' in update.get("status", "") for update in updates)
    assert updates[-1] == {"summary": "new"}


def test_a_cancelled_download_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(source: str, *, progress: Callable[[PullProgress], None]) -> None:
        while True:
            progress(report(0))

    page = Downloads(pull, monkeypatch)
    next(page.updates)
    next(page.updates)
    page.handlers.cancel(REQUEST)
    last: Any = list(page.updates)[-1]
    assert STRINGS["download_stopped"].ar in last["status"]


@pytest.mark.parametrize(
    "error",
    [
        HubUnreachable("{hub} cannot be reached; check the connection and try again.", hub="hf.co"),
        RuntimeError("a bug"),
    ],
)
def test_a_failed_download_is_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(source: str, *, progress: Callable[[PullProgress], None]) -> None:
        raise error

    last = list(Downloads(pull, monkeypatch).updates)[-1]
    known = error if isinstance(error, HubUnreachable) else Message(MarsamError.public_message)
    assert isolates_as_html(known.ar) in last["status"]
