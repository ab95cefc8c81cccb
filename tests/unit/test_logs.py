"""A log that does not grow with the requests of strangers."""

import logging

from marsam.logs import MAX_REPEATS, WINDOW_S, RepeatFilter


def record(message: str, value: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord("test", logging.WARNING, __file__, 1, message, (value,), None)
    made.created = at
    return made


def test_a_few_messages_of_a_kind_are_logged_and_the_others_counted() -> None:
    limit = RepeatFilter()
    logged = [limit.filter(record("A request failed: %s", i, 1000.0 + i / 100)) for i in range(50)]
    assert logged == [True] * MAX_REPEATS + [False] * (50 - MAX_REPEATS)
    assert limit.filter(record("Another kind: %s", 0, 1001.0))
    later = record("A request failed: %s", "later", 1001.0 + WINDOW_S)
    assert limit.filter(later)
    assert later.getMessage() == f"A request failed: later ({50 - MAX_REPEATS} more before)"
