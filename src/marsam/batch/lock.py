"""One program at a time writes a table: a batch that makes it, or a page that corrects it."""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from marsam.errors import OptionError


def alone(table: Path) -> FileLock:
    """A lock on a table, and on the corrections that tables of one name share.

    Raises:
        OptionError: when another program has it, or nothing can be written there.
    """
    lock = FileLock(table.with_name(f".{table.stem}.marsam.lock"), thread_local=False)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OptionError(
            f"{table.name} is being written or reviewed by another Marsam; wait for it, or end it."
        ) from error
    except OSError as error:
        raise OptionError(f"{table.parent} cannot be written: {error.strerror}.") from error
    return lock


def leave(lock: FileLock) -> None:
    """Let others in."""
    if lock.is_locked:
        with suppress(OSError):  # Windows takes it away by itself
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
