"""What goes wrong between the journal and its disk or database, as one sentence of ours."""

import errno
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from marsam.errors import DiskFull, JournalError

URL_VARIABLE = "MARSAM_JOURNAL"
NO_DATABASE = (
    f"The journal's database cannot be used; see that it runs, and that {URL_VARIABLE} has the "
    "right address, name and password."
)


def kept_nowhere(folder: Path, error: Exception) -> JournalError:
    """Our word for a disk or a database that does not take what the journal of a folder keeps."""
    if isinstance(error, JournalError):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "disk is full" in str(error) or "No space left" in str(error):
        return DiskFull(f"There is no room left in {folder}; free some, and go on.")
    if isinstance(error, OSError):
        return JournalError(f"Runs cannot be kept in {folder}.")
    if isinstance(error, sa.exc.DBAPIError) and not isinstance(error.orig, sqlite3.Error):
        return JournalError(NO_DATABASE)
    return JournalError(
        f"The journal in {folder} cannot be used; if it is damaged, move journal.db away."
    )
