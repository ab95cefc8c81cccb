"""Earlier work: listed, opened, deleted."""

import gradio as gr

from marsam.errors import MarsamError
from marsam.web.session import Desks
from marsam.web.strings import say
from marsam.web.view import Update, View


class History:
    """The handlers of the history tab."""

    def __init__(self, view: View, desks: Desks) -> None:
        self.view, self.desks = view, desks
        self.parts, self.journal = view.parts, view.journal

    def select(self, event: gr.SelectData, request: gr.Request) -> Update:
        """A run of the history was chosen."""
        desk = self.desks.of(request)
        index = event.index if isinstance(event.index, int) else event.index[0]
        desk.chosen = desk.listed[index] if 0 <= index < len(desk.listed) else None
        try:
            return self.view.choice(desk)
        except MarsamError as error:  # deleted meanwhile, on another page
            self.view.tell(desk, error)
            return self.view.earlier(desk)

    def open(self, request: gr.Request) -> Update:
        """Lay the chosen run on the desk."""
        desk = self.desks.of(request)
        try:
            desk.put(self.journal.run(desk.visitor, desk.chosen or ""))
        except MarsamError as error:
            self.view.tell(desk, error)
            return self.view.earlier(desk)
        return self.view.desk(desk) | {
            self.parts.status: "",
            self.parts.tabs: gr.update(selected="studio"),
        }

    def delete(self, request: gr.Request) -> Update:
        """Ask before deleting."""
        return {self.parts.sure: gr.update(visible=self.desks.of(request).chosen is not None)}

    def keep(self) -> Update:
        """Delete nothing after all."""
        return {self.parts.sure: gr.update(visible=False)}

    def really(self, request: gr.Request) -> Update:
        """Delete the chosen run."""
        desk = self.desks.of(request)
        try:
            self.journal.delete(desk.visitor, desk.chosen or "")
            gr.Info(say("deleted", desk.language))
        except MarsamError as error:
            self.view.tell(desk, error)
        if desk.chosen == desk.run:  # its pictures are still looked at, but kept nowhere
            desk.run = desk.source = None
        desk.chosen = None
        return self.view.earlier(desk)
