"""The history tab: search, open and delete earlier work."""

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
        outputs = [parts.tabs, *parts.run]
        parts.history.click(self.act, None, outputs, trigger_mode="multiple", **UNQUEUED)
        filters = UNQUEUED | {"inputs": [parts.search, parts.kept_only]}
        filters |= {"outputs": [parts.history], "trigger_mode": "always_last"}
        parts.history_tab.select(self.show, None, [parts.history], **UNQUEUED)
        parts.search.change(self.search, **filters)
        parts.kept_only.change(self.search, **filters)

    def search(self, words: str, kept: bool, request: gr.Request) -> Update:
        """Show the work that has these words, or only that with pictures to keep."""
        session = self.sessions.of(request)
        session.search = (words, kept)
        return self.view.show_history(session)

    def show(self, request: gr.Request) -> Update:
        """Show the earlier work as it is now."""
        return self.view.show_history(self.sessions.of(request))

    def act(self, event: gr.EventData, request: gr.Request) -> Update:
        """Open or delete the work whose button was pressed."""
        session = self.sessions.of(request)
        rounds = self.journal.rounds
        try:
            shown = rounds(session.client, str(event.run))
            if event.action != "delete":
                session.load_run(shown[-1], rounds=shown[:-1])
                return self.view.show_session(session) | {
                    self.components.status: "",
                    self.components.tabs: gr.update(selected="studio"),
                }
            for run in shown:
                self.view.scheduler.delete(session.client, run.id)
                if run.id == session.run:  # the page shows it, but the journal has it no longer
                    session.run = session.image = None
            gr.Info(STRINGS.text("deleted", session.language))
        except MarsamError as error:
            self.view.warn(session, error)
        return self.view.show_history(session)
