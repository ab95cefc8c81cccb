"""Open SQLite files safely: pragmas, timeout, and the check of a file's schema version."""

import sqlite3
from pathlib import Path

from marsam.errors import JournalError

SQLITE_TIMEOUT_S = 30.0  # to wait for a lock that another process holds


def open_sqlite(file: Path) -> sqlite3.Connection:
    """Connect to a file for several threads in turn; a commit is on the disk when it returns."""
    connection = sqlite3.connect(file, timeout=SQLITE_TIMEOUT_S, check_same_thread=False)
    # Not WAL: with two connections, SQLite before 3.51.3 can lose pages in that mode.
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def require_version(found: int, supported: int, name: str) -> None:
    """Raise JournalError when a newer version of Marsam wrote the database."""
    if found > supported:
        raise JournalError(
            "{name} was written by a newer Marsam; update Marsam to read it.", name=name
        )
