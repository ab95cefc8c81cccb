"""The history tab: select, open and delete runs."""

import gradio as gr

from marsam.errors import MarsamError
from marsam.ui.updates import Update
from marsam.web.session import Sessions
from marsam.web.strings import STRINGS
from marsam.web.view import UNQUEUED, View


class HistoryHandlers:
    """The events of the history tab."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.sessions = view, sessions
        self.components, self.journal = view.components, view.journal

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        parts.history.select(self.select, None, parts.past_runs, **UNQUEUED)
        parts.open.click(self.open, None, [parts.tabs, *parts.run], **UNQUEUED)
        parts.delete.click(self.ask_to_confirm, None, [parts.confirmation], **UNQUEUED)
        parts.cancel.click(self.cancel, None, [parts.confirmation], **UNQUEUED)
        parts.confirm.click(self.delete, None, parts.past_runs, **UNQUEUED)

    def select(self, event: gr.SelectData, request: gr.Request) -> Update:
        """Select a run."""
        session = self.sessions.of(request)
        index = event.index if isinstance(event.index, int) else event.index[0]
        listed = 0 <= index < len(session.history)
        session.selected = session.history[index] if listed else None
        try:
            return self.view.show_selection(session)
        except MarsamError as error:  # deleted on another page
            self.view.warn(session, error)
            return self.view.show_history(session)

    def open(self, request: gr.Request) -> Update:
        """Show the selected run in the studio tab."""
        session = self.sessions.of(request)
        try:
            session.load_run(self.journal.run(session.client, session.selected or ""))
        except MarsamError as error:
            self.view.warn(session, error)
            return self.view.show_history(session)
        return self.view.show_session(session) | {
            self.components.status: "",
            self.components.tabs: gr.update(selected="studio"),
        }

    def ask_to_confirm(self, request: gr.Request) -> Update:
        """Ask before the selected run is deleted."""
        selected = self.sessions.of(request).selected is not None
        return {self.components.confirmation: gr.update(visible=selected)}

    def cancel(self) -> Update:
        """Do not delete."""
        return {self.components.confirmation: gr.update(visible=False)}

    def delete(self, request: gr.Request) -> Update:
        """Delete the selected run."""
        session = self.sessions.of(request)
        try:
            self.journal.delete(session.client, session.selected or "")
            gr.Info(STRINGS.text("deleted", session.language))
        except MarsamError as error:
            self.view.warn(session, error)
        if session.selected == session.run:  # its pictures stay on the page, not in the journal
            session.run = session.image = None
        return self.view.show_history(session)
