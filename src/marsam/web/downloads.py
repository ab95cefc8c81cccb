"""Downloading the full size models from the page."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import gradio as gr
from markupsafe import Markup

from marsam.background import Emitter, iterate_in_thread
from marsam.errors import Cancelled, MarsamError
from marsam.hub.catalog import STANDARD
from marsam.hub.download import pull
from marsam.hub.progress import PullProgress
from marsam.ui.error_messages import error_message
from marsam.ui.html import paragraph, progress
from marsam.ui.updates import Update
from marsam.web.session import Sessions
from marsam.web.strings import STRINGS
from marsam.web.view import QUEUED, UNQUEUED, View

MIN_REPORT_INTERVAL_S = 0.1
_log = logging.getLogger(__name__)


class DownloadHandlers:
    """The events of the download button."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.components, self.sessions = view, view.components, sessions

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        outputs = [parts.download_models, parts.cancel_download, parts.download_status]
        outputs += [parts.summary, parts.about_text]
        parts.download_models.click(self.download, None, outputs, **QUEUED)
        # The progress is shown in the accordion, which may be closed.
        script = "() => document.getElementById('about').scrollIntoView()"
        parts.fetch_models.click(
            lambda: {
                parts.about: gr.update(open=True),
                parts.fetch_models: gr.update(visible=False),
            },
            None,
            [parts.about, parts.fetch_models],
            **UNQUEUED,
        ).then(None, js=script).then(self.download, None, outputs, **QUEUED)
        parts.cancel_download.click(self.cancel, None, None, **UNQUEUED)

    def download(self, request: gr.Request) -> Iterator[Update]:
        """Download the full size models and show the progress."""
        parts, session = self.components, self.sessions.of(request)
        session.cancel_download = cancel = threading.Event()
        yield {
            parts.download_models: gr.update(visible=False),
            parts.cancel_download: gr.update(visible=True),
        }

        def work(emit: Emitter[PullProgress]) -> None:
            def report(progress: PullProgress) -> None:
                if cancel.is_set():
                    raise Cancelled("The download was stopped.")
                emit(progress)

            for model in STANDARD.parts:
                pull(model.source, progress=report)

        reported, line = 0.0, STRINGS.html("downloaded")
        try:
            with closing(iterate_in_thread(work, name="download")) as reports:  # type: ignore[type-var]
                for report in reports:
                    if time.monotonic() - reported > MIN_REPORT_INTERVAL_S:
                        reported = time.monotonic()
                        yield {parts.download_status: _progress(report)}
        except Cancelled:
            line = STRINGS.html("download_stopped")
        except Exception as error:
            if not isinstance(error, MarsamError):
                _log.exception("the download failed")
                error = MarsamError(str(error))
            line = error_message(error).html
        yield self.view.show_models() | {
            parts.download_models: gr.update(visible=True),
            parts.cancel_download: gr.update(visible=False),
            parts.download_status: paragraph(line),
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
