"""Locks that live as long as a process: they tell whether the owner of a run is still alive."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from marsam.errors import JournalError
from marsam.journal.database import DATABASE_UNUSABLE


class FileOwnerLock:
    """A file lock of this process in a folder, which others on the same machine can test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._creating = threading.Lock()
        self._own: FileLock | None = None

    @property
    def owner_id(self) -> str:
        """The ID of this process; its lock is taken when the ID is first needed."""
        with self._creating:
            if self._own is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = self._lock(secrets.token_hex(8))
                lock.acquire()
                self._own = lock
            return Path(self._own.lock_file).stem

    def is_alive(self, owner_id: str | None) -> bool:
        """Whether the process with that ID is still running."""
        if owner_id is None:
            return False
        lock = self._lock(owner_id)
        if self._own is not None and self._own.lock_file == lock.lock_file:
            return True
        if not Path(lock.lock_file).is_file():
            return False
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        _release(lock)
        return False

    def close(self) -> None:
        """Release the lock, as the end of the process would."""
        if self._own is not None:
            _release(self._own)
            self._own = None

    def _lock(self, owner_id: str) -> FileLock:
        # The lock belongs to the process, not to the thread that takes it.
        return FileLock(self.folder / f"{owner_id}.lock", thread_local=False)


def _release(lock: FileLock) -> None:
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


class PostgresOwnerLock:
    """An advisory lock of this process, which all processes on the same database can test.

    It belongs to a connection that stays open as long as the process; the server releases it when
    either ends. Failures of the database become JournalError.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._creating = threading.Lock()
        self._connection: sa.Connection | None = None
        self._owner_id = ""

    @property
    def owner_id(self) -> str:
        """The ID of this process; a new one after the connection, and so the lock, was lost."""
        with self._creating, _database_errors():
            if self._connection is None or not self._is_connected(self._connection):
                self._connection = None
                autocommit = {"isolation_level": "AUTOCOMMIT"}
                connection = self._engine.connect().execution_options(**autocommit)
                owner_id = secrets.token_hex(8)
                connection.execute(sa.select(sa.func.pg_advisory_lock(_lock_number(owner_id))))
                self._connection, self._owner_id = connection, owner_id
            return self._owner_id

    def is_alive(self, owner_id: str | None) -> bool:
        """Whether the process with that ID is still running."""
        if owner_id is None:
            return False
        # Looked up in pg_locks: trying to take the lock would hold it for a moment.
        held = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND "
            "((classid::bigint << 32) | objid::bigint) = :number AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with _database_errors(), self._engine.connect() as database:
            return bool(database.execute(held, {"number": _lock_number(owner_id)}).scalar())

    def close(self) -> None:
        """Release the lock, as the end of the process would."""
        with self._creating, suppress(sa.exc.SQLAlchemyError):
            if self._connection is not None:
                # Really closed: back in the pool, the connection would keep the lock.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None

    def _is_connected(self, connection: sa.Connection) -> bool:
        try:
            connection.execute(sa.text("SELECT 1"))
        except sa.exc.SQLAlchemyError:
            connection.invalidate()
            return False
        return True


@contextmanager
def _database_errors() -> Iterator[None]:
    """Turn errors of the database into :class:`JournalError`."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise JournalError(DATABASE_UNUSABLE) from error


def _lock_number(owner_id: str) -> int:
    """An owner ID as PostgreSQL numbers advisory locks: a signed 64-bit integer."""
    number = int(owner_id, 16)
    return number - (1 << 64) if number >= 1 << 63 else number
