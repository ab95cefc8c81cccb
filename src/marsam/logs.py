"""Log messages that strangers can cause, without a log that grows with their requests."""

import logging
from dataclasses import dataclass

MAX_REPEATS, WINDOW_S = 5, 60.0
"""Messages of a kind that are logged within this time."""


@dataclass
class _Kind:
    started: float
    logged: int = 0
    dropped: int = 0


class RepeatFilter(logging.Filter):
    """Logs a few messages of a kind each minute, and counts the others in the next one.

    The kind of a message is its text before the values are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[object, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log a message."""
        kind = self._kinds.setdefault(record.msg, _Kind(record.created))
        if record.created - kind.started > WINDOW_S:
            dropped = kind.dropped
            self._kinds[record.msg] = kind = _Kind(record.created)
            if dropped:
                record.msg, record.args = f"{record.getMessage()} ({dropped} more before)", ()
        if kind.logged < MAX_REPEATS:
            kind.logged += 1
            return True
        kind.dropped += 1
        return False
