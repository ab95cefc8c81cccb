"""Coming and going: what a visitor finds, and in which language."""

import re

import gradio as gr

from marsam.errors import MarsamError
from marsam.web import render
from marsam.web.session import Desks, example
from marsam.web.strings import ARABIC, ENGLISH, both
from marsam.web.view import Update, View, album, merged


class Visit:
    """The handlers of the page itself."""

    def __init__(self, view: View, desks: Desks) -> None:
        self.view, self.desks = view, desks

    def arrive(self, visitor: str, language: str, request: gr.Request) -> Update:
        """The page was opened: its language, and the reader's last work, or an example."""
        view, parts, desk = self.view, self.view.parts, self.desks.of(request)
        if re.fullmatch("[0-9a-f]{32}", visitor or ""):
            desk.visitor = visitor
        desk.language = ARABIC if language == ARABIC else ENGLISH
        runs = view.journal.runs(desk.visitor, limit=1)
        desk.put(runs[0] if runs else example(), keep=bool(runs))
        line = "" if runs else both("example_shown")
        return merged(
            parts.labels(desk.language),
            view.desk(desk),
            view.earlier(desk),
            view.means(),
            {parts.language: desk.language, parts.status: render.easel(line)},
        )

    def speak(self, language: str, request: gr.Request) -> Update:
        """Everything in the other language; what is on the page stays."""
        view, parts, desk = self.view, self.view.parts, self.desks.of(request)
        desk.language = language
        told = merged(parts.labels(language), {parts.earlier: album(view.covers(desk))})
        try:
            return told | {parts.gallery: album(view.shown(desk))}
        except (MarsamError, OSError):  # deleted meanwhile: it stays as it is looked at
            return told
