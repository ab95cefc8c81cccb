"""The full models, fetched from the page."""

import logging
import queue
import threading
import time
from collections.abc import Iterator

import gradio as gr

from marsam.errors import Cancelled, MarsamError
from marsam.hub.catalog import STANDARD
from marsam.hub.download import pull
from marsam.hub.progress import PullProgress
from marsam.web.session import Desks, sentence
from marsam.web.strings import both
from marsam.web.view import Update, View

PATIENCE = 0.1
"""Seconds between two reports; more often, nobody could read."""
_log = logging.getLogger(__name__)


class Fetching:
    """The handlers of the fetch button."""

    def __init__(self, view: View, desks: Desks) -> None:
        self.parts, self.desks = view.parts, desks

    def fetch(self, request: gr.Request) -> Iterator[Update]:
        """Fetch the full models, saying how far it is."""
        parts, desk = self.parts, self.desks.of(request)
        desk.fetch_stop = stop = threading.Event()
        told: queue.SimpleQueue[PullProgress | MarsamError | None] = queue.SimpleQueue()

        def report(progress: PullProgress) -> None:
            if stop.is_set():
                raise Cancelled("The download was stopped.")
            told.put(progress)

        def work() -> None:
            try:
                for model in STANDARD.parts:
                    pull(model.source, progress=report)
                told.put(None)
            except MarsamError as error:
                told.put(error)
            except Exception as error:  # or the page would wait for ever
                _log.exception("fetching failed")
                told.put(MarsamError(str(error)))

        threading.Thread(target=work, name="fetch", daemon=True).start()
        working = {parts.fetch: gr.update(visible=False), parts.fetch_stop: gr.update(visible=True)}
        yield working
        line, reported = both("fetched"), 0.0
        while (news := told.get()) is not None:
            if isinstance(news, MarsamError):
                stopped = isinstance(news, Cancelled)
                line = both("fetch_stopped" if stopped else sentence(news))
                break
            if time.monotonic() - reported > PATIENCE:
                reported = time.monotonic()
                yield {parts.fetch_status: _progress(news)}
        yield {
            parts.fetch: gr.update(visible=True),
            parts.fetch_stop: gr.update(visible=False),
            parts.fetch_status: f"<p>{line}</p>",
        }

    def stop(self, request: gr.Request) -> None:
        """End the download; what arrived is kept."""
        self.desks.of(request).fetch_stop.set()


def _progress(news: PullProgress) -> str:
    line = both(
        "fetching",
        source=news.source,
        done=f"{news.done / 1e9:.2f}",
        total=f"{news.total / 1e9:.2f}",
    )
    share = news.done / news.total if news.total else 0
    return f'<p>{line}</p><progress max="1" value="{share:.3f}"></progress>'
