"""Events of the page itself: it was opened, closed, or switched to the other language."""

import re
from typing import Any

import gradio as gr

from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.paint import PaintHandlers
from marsam.web.session import Sessions, example_run
from marsam.web.strings import STRINGS
from marsam.web.view import UNQUEUED, View, gallery_update


class PageHandlers:
    """Loads a client's last run, and translates the page."""

    def __init__(self, view: View, sessions: Sessions, paint: PaintHandlers) -> None:
        self.view, self.sessions, self.paint = view, sessions, paint
        self.components = view.components

    def connect(self, page: gr.Blocks) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        loaded = page.load(
            self.load,
            [parts.client, parts.language],
            parts.all,
            js="() => window.marsam.load()",
            **UNQUEUED,
        )
        loaded.then(self.paint.show_eta, parts.time_settings, [parts.expected], **UNQUEUED).then(
            None, js="() => window.marsam.ready()"
        )
        page.unload(self.sessions.close)
        parts.language.input(
            self.set_language,
            [parts.language],
            parts.all,
            js="(language) => window.marsam.setLanguage(language)",
            **UNQUEUED,
        )

    def load(self, client: Any, language: str, request: gr.Request) -> Update:
        """Show the client's last run, or the example to new clients.

        ``client`` is the ID that the browser keeps; another value is ignored.
        """
        view, parts, session = self.view, self.components, self.sessions.of(request)
        if re.fullmatch("[0-9a-f]{32}", client or ""):
            session.client = client
        session.language = ARABIC if language == ARABIC else ENGLISH
        runs = view.journal.runs(session.client, limit=1)
        session.load_run(runs[0] if runs else example_run(), example=not runs)
        status = "" if runs else render.status_panel(STRINGS.html("example_shown"))
        return merge(
            parts.labels(session.language),
            view.show_session(session),
            view.show_history(session),
            view.show_models(),
            {parts.language: session.language, parts.status: status},
        )

    def set_language(self, language: str, request: gr.Request) -> Update:
        """Translate the page; its content stays."""
        view, parts, session = self.view, self.components, self.sessions.of(request)
        session.language = language
        thumbnails = view.history_thumbnails(session)
        update = merge(parts.labels(language), {parts.history: gallery_update(thumbnails)})
        if any(not picture.blocked and picture.find() is None for picture in session.pictures):
            return update  # deleted on another page: the gallery stays as it is
        return merge(update, {parts.gallery: gallery_update(view.gallery_items(session))})
