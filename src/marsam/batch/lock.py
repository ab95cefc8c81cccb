"""A lock, so that one process at a time writes a table: a batch or a review page."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from marsam.batch.discovery import require_folder
from marsam.errors import OptionError, reason_of


def lock_table(table: Path) -> FileLock:
    """Lock a table, and the corrections that tables of the same name share.

    Raises:
        OptionError: when another process holds the lock, or the folder cannot be written to.
    """
    lock = FileLock(table.with_name(f".{table.stem}.marsam.lock"), thread_local=False)
    try:
        require_folder(table.parent)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OptionError(
            "{file} is being written or reviewed by another Marsam process; wait for it to "
            "finish, or stop it.",
            file=table.name,
        ) from error
    except OSError as error:
        raise OptionError(
            "Cannot write to {folder}: {reason}.", folder=table.parent, reason=reason_of(error)
        ) from error
    return lock


def unlock(lock: FileLock) -> None:
    """Release the lock and delete its file."""
    if lock.is_locked:
        with suppress(OSError):  # Windows deletes it on release
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
