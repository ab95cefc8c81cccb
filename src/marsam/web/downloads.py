"""Downloading a set of models from the page, and using it."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread

import gradio as gr
from markupsafe import Markup

from marsam.background import Emitter, iterate_in_thread
from marsam.errors import Cancelled, MarsamError
from marsam.hub.download import pull
from marsam.hub.progress import PullProgress
from marsam.messages import Message
from marsam.studio import Studio
from marsam.ui.html import paragraph, progress
from marsam.ui.i18n import both
from marsam.ui.updates import Update, merge
from marsam.web.session import Sessions
from marsam.web.strings import STRINGS
from marsam.web.view import QUEUED, UNQUEUED, View
from marsam.web.warm_up import warm_up

MIN_REPORT_INTERVAL_S = 0.1
_log = logging.getLogger(__name__)


class DownloadHandlers:
    """The events of the buttons that download a set of models and use it."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.components, self.sessions = view, view.components, sessions

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        outputs = [parts.cancel_download, parts.download_status, *parts.models]
        # Another page may have exchanged the models meanwhile.
        parts.summary.focus(self.refresh, None, parts.models, **UNQUEUED)
        chosen = [parts.offered]
        parts.download_models.click(self.download, chosen, outputs, **QUEUED)
        parts.use_models.click(self.use, chosen, outputs, **QUEUED)
        parts.offered.input(self.view.show_models, chosen, outputs, **UNQUEUED)
        # The progress is shown in the accordion, which may be closed.
        script = "() => document.getElementById('about').scrollIntoView()"
        buttons = [parts.fetch_models, parts.style_models]
        gr.on(
            [button.click for button in buttons],
            lambda: {
                parts.about: gr.update(open=True),
                **dict.fromkeys(buttons, gr.update(visible=False)),
            },
            None,
            [parts.about, *buttons],
            **UNQUEUED,
        ).then(None, js=script).then(self.download, chosen, outputs, **QUEUED)
        parts.cancel_download.click(self.cancel, None, None, **UNQUEUED)

    def download(self, wanted: str | None, request: gr.Request) -> Iterator[Update]:
        """Download a set and show the progress."""
        parts, session = self.components, self.sessions.of(request)
        chosen = self.view.chosen_set(wanted)
        session.cancel_download = cancel = Event()
        yield {
            parts.download_models: gr.update(visible=False),
            parts.cancel_download: gr.update(visible=True),
        }

        def work(emit: Emitter[PullProgress]) -> None:
            def report(progress: PullProgress) -> None:
                if cancel.is_set():
                    raise Cancelled("The download was stopped.")
                emit(progress)

            for model in chosen.parts:
                pull(model.source, progress=report)

        reported, line = 0.0, None
        try:
            with closing(iterate_in_thread(work, name="download")) as reports:  # type: ignore[type-var]
                for report in reports:
                    if time.monotonic() - reported > MIN_REPORT_INTERVAL_S:
                        reported = time.monotonic()
                        yield {parts.download_status: _progress(report)}
        except Cancelled:
            line = STRINGS.html("download_stopped")
        except MarsamError as error:  # the reader sits at this machine
            line = both(error)
        except Exception:
            _log.exception("the download failed")
            line = both(Message(MarsamError.public_message))
        # What was pressed to get them is also pressed to use them.
        yield self.use(wanted, request) if line is None else self._shown(line, wanted)

    def use(self, wanted: str | None, request: gr.Request) -> Update:
        """Use a set from now on."""
        view, session = self.view, self.sessions.of(request)
        device = view.studio.device
        try:
            chosen = view.chosen_set(wanted)
            studio = Studio.load(chosen.name, device=device.kind if device else None)
            view.scheduler.use(studio)
        except MarsamError as error:
            return self._shown(both(error), wanted)
        Thread(target=warm_up, args=(studio, view.estimator), daemon=True).start()
        shown = self._shown(STRINGS.html("models_in_use"), wanted)
        return merge(shown, view.show_exchanged_models(session, wanted))

    def refresh(self, request: gr.Request) -> Update:
        """Show the models in use, if they are others than the page shows."""
        session = self.sessions.of(request)
        is_known = bool(session.models)  # not after a restart of the server
        if not is_known or session.models == self.view.studio.names:
            return {self.components.summary: gr.skip()}
        return self.view.show_exchanged_models(session)

    def _shown(self, line: Markup, wanted: str | None) -> Update:
        """The models as they are now, below a line about them."""
        return self.view.show_models(wanted) | {
            self.components.cancel_download: gr.update(visible=False),
            self.components.download_status: paragraph(line),
        }

    def cancel(self, request: gr.Request) -> None:
        """Stop the download; downloaded files are kept."""
        self.sessions.of(request).cancel_download.set()


def _progress(report: PullProgress) -> Markup:
    line = STRINGS.html(
        "downloading",
        source=report.source,
        done=f"{report.done / 1e9:.2f}",
        total=f"{report.total / 1e9:.2f}",
    )
    return paragraph(line) + progress(report.done / report.total if report.total else 0)
