"""A page whose errors are one line in the log: strangers can cause them at will."""

import logging
import os
import traceback
from typing import Any

import gradio as gr

from marsam.errors import MarsamError
from marsam.logs import RepeatFilter
from marsam.messages import Message
from marsam.text.cleaning import clean
from marsam.ui.i18n import Bilingual


def bilingual(sentence: str) -> Bilingual:
    """A sentence of the catalogue of messages, for a page."""
    message = Message(sentence)
    return Bilingual(message.en, message.ar)


MAX_EVENTS = 128
"""Events in Gradio's queue, in progress or waiting for the models."""
MAX_THREADS = MAX_EVENTS + 32
"""Each event takes one, so that those of one client do not hold up those of another."""
MAX_KEPT_SESSIONS = 200
"""Pages whose values Gradio keeps, about 150 KB each, and those whose messages it keeps."""
MAX_LOGGED_CHARACTERS = 200
"""Of what an error says, which may be what a stranger sent."""
UNEXPECTED = bilingual(MarsamError.public_message)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
_log = logging.getLogger(__name__)
_log.addFilter(RepeatFilter())


class _Messages(dict[str, Any]):
    """The messages for each session, as Gradio's queue keeps them.

    Gradio's own bound is on all sessions, so that new ones push out those that work. Here the
    oldest are forgotten that have nothing in progress; most of them have no messages.
    """

    def __init__(self, queue: Any) -> None:
        super().__init__()
        self._queue = queue

    def __setitem__(self, session: str, messages: Any) -> None:
        super().__setitem__(session, messages)
        if len(self) > MAX_KEPT_SESSIONS:
            active = {event.session_hash for event in self._queue.event_ids_to_events.values()}
            idle = [known for known in self if known not in active and known != session]
            for known in idle[: max(0, len(idle) - MAX_KEPT_SESSIONS)]:
                del self[known]
                self._queue.pending_event_ids_session.pop(known, None)


class Blocks(gr.Blocks):  # type: ignore[misc]
    """Gradio's blocks; Gradio itself prints a traceback of every error."""

    def start_queue(self) -> None:
        """Let Gradio start every event at once: in its queue, one client could be before all."""
        self.max_threads = MAX_THREADS
        self.queue(api_open=False, default_concurrency_limit=None)
        self.state_session_capacity = MAX_KEPT_SESSIONS
        self._queue.pending_messages_per_session = _Messages(self._queue)

    async def process_api(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Answer a request, or raise a ``gr.Error`` of one sentence."""
        try:
            answer: dict[str, Any] = await super().process_api(*args, **options)
        except gr.Error as error:  # also Gradio's own, as of a choice that is not offered
            error.print_exception = False
            raise
        except Exception as error:
            log_request_error(error)
            raise gr.Error(UNEXPECTED.html, print_exception=False) from error
        return answer


def log_request_error(error: Exception) -> None:
    """Log in one line what happened and where; the traceback as well at the level DEBUG."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(clean(str(error)[:MAX_LOGGED_CHARACTERS]).split())
    where = f"{frame.filename.rpartition('/')[2]}, line {frame.lineno}"
    _log.warning("A request to the page failed: %s: %s (%s)", type(error).__name__, text, where)
    _log.debug("The traceback of it:", exc_info=error)
