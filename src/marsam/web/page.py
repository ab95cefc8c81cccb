"""The page of the studio: built, served, and mounted on an ASGI app."""

import json
import os
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.documents.formats import WRITABLE
from marsam.errors import MarsamError
from marsam.runs.scheduler import Scheduler
from marsam.ui import theme
from marsam.ui.blocks import Blocks
from marsam.ui.i18n import ARABIC, ENGLISH, both
from marsam.ui.updates import Update, merge
from marsam.web import endpoints, render
from marsam.web.describe import DescribeHandlers
from marsam.web.downloads import DownloadHandlers
from marsam.web.history import HistoryHandlers
from marsam.web.layout import Components
from marsam.web.links import read_link
from marsam.web.live import LiveHandlers
from marsam.web.many.handlers import ManyHandlers
from marsam.web.paint import PaintHandlers
from marsam.web.session import EXAMPLES_DIR, Sessions, create_cache, example_run
from marsam.web.strings import STRINGS
from marsam.web.texts import TextHandlers
from marsam.web.view import QUEUED, UNQUEUED, View


def _read(*names: str) -> str:
    files = [Path(__file__).parent / name for name in names]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def launch_options(page: Blocks) -> dict[str, Any]:
    """Arguments with which the page must be launched or mounted."""
    documents = f"window.marsam.documents = {json.dumps(list(WRITABLE))};"
    return theme.launch_options(
        page,
        [EXAMPLES_DIR],
        documents=tuple(WRITABLE),
        css=_read("gallery.css", "live.css", "many/many.css"),
        script=documents + _read("viewer.js", "notify.js", "live.js", "many/many.js"),
    )


def build(
    scheduler: Scheduler, *, offer_download: bool = True, phone_url: str | None = None
) -> Blocks:
    """The page.

    Args:
        scheduler: runs the models; tests pass one with fake models.
        offer_download: whether visitors may download the full size models to this machine.
        phone_url: where phones reach the page, if they can.
    """
    # Gradio has no other setting for it.
    os.environ["GRADIO_TEMP_DIR"] = str(create_cache(scheduler.journal.folder))
    page = Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400))
    with page:
        endpoints.add_endpoints(scheduler)  # first, so that they get the names without a suffix
        components = Components(offer_download=offer_download, phone_url=phone_url)
        view, sessions = View(components, scheduler), Sessions(scheduler)
        texts = TextHandlers(view, sessions)
        paint = PaintHandlers(view, sessions, texts)
        paint.connect()
        describe = DescribeHandlers(view, sessions)
        describe.connect()
        PageHandlers(view, sessions, paint, describe).connect(page)
        texts.connect()
        LiveHandlers(view, sessions, texts, paint).connect()
        HistoryHandlers(view, sessions).connect()
        ManyHandlers(view, sessions).connect()
        if offer_download:  # a client could send the event of a button that is only hidden
            DownloadHandlers(view, sessions).connect()
    page.start_queue()
    return page


class PageHandlers:
    """Events of the page itself: it was opened, closed, or switched to the other language."""

    def __init__(
        self, view: View, sessions: Sessions, paint: PaintHandlers, describe: DescribeHandlers
    ) -> None:
        self.view, self.sessions, self.paint, self.describe = view, sessions, paint, describe
        self.components = view.components

    def connect(self, page: gr.Blocks) -> None:
        """Attach the handlers to their events."""
        parts, options = self.components, UNQUEUED | {"outputs": self.components.all}
        client = [parts.client, parts.language, parts.link]
        page.load(self.load, client, js="() => window.marsam.load()", **options).then(
            self.paint.show_eta, parts.time_settings, [parts.expected], **UNQUEUED
        ).then(None, None, [parts.live], js="() => window.marsam.wantsLive()").then(
            None, js="() => window.marsam.ready()"
        ).then(self.paint.follow, None, self.paint.outputs, **QUEUED).then(
            self.describe.resume, None, parts.run, **QUEUED
        )
        page.unload(self.sessions.close)
        script = "(language) => window.marsam.setLanguage(language)"
        parts.language.input(self.set_language, [parts.language], js=script, **options)

    def load(self, client: Any, language: str, fragment: Any, request: gr.Request) -> Update:
        """Show what a link contains, or the visitor's last run, or the example to new ones.

        See :meth:`.recognise` for ``client``; ``fragment`` is that of the page's address.
        """
        view, parts, session = self.view, self.components, self.sessions.of(request)
        session.recognise(client)
        session.models = view.studio.names
        session.language = ARABIC if language == ARABIC else ENGLISH
        runs = view.journal.runs(session.client, limit=1)
        link, status = None, ""
        try:
            link = read_link(fragment)
        except MarsamError as error:
            status = render.status_panel(both(error))
        if link is not None:
            session.load_texts(link.texts, link.options)
            status = render.status_panel(STRINGS.html("from_link"))
        elif runs:
            *rounds, latest = view.journal.rounds(session.client, runs[0].id)
            session.load_run(latest, rounds=tuple(rounds))
        else:
            session.load_run(example_run(), example=True)
            status = status or render.status_panel(STRINGS.html("example_shown"))
        return merge(
            parts.labels(session.language, view.studio),
            view.show_session(session),
            view.show_history(session),
            view.show_models(),
            view.show_live(session),
            {parts.language: session.language, parts.status: status},
        )

    def set_language(self, language: str, request: gr.Request) -> Update:
        """Translate the page; its content stays."""
        session = self.sessions.of(request)
        session.language = language
        # What is printed and downloaded is in the reader's language, too.
        labels = self.components.labels(language, self.view.studio)
        return merge(labels, self.view.show_zip(session), self.view.show_live(session))


def mount(
    app: Any, scheduler: Scheduler, *, offer_download: bool = True, phone_url: str | None = None
) -> None:
    """Add the page to an app, at its root; routes that the app already has come first.

    The arguments are those of :func:`build`.
    """
    page = build(scheduler, offer_download=offer_download, phone_url=phone_url)
    gr.mount_gradio_app(app, page, path="/", **launch_options(page))
    # Before this is set, Gradio does not check the paths that a request names.
    page.has_launched = True
