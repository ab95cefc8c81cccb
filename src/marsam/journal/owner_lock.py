"""Who is alive: a lock that goes away with the process that holds it."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from marsam.errors import JournalError
from marsam.journal.errors import NO_DATABASE


class FileOwnerLock:
    """A name for this process, by which others on this machine can tell whether it still runs.

    Args:
        folder: where the locks are; on a disk that all who ask share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._naming = threading.Lock()

    @property
    def owner_id(self) -> str:
        """Ours; the lock is taken when the name is first needed."""
        with self._naming:
            return self._name

    @cached_property
    def _name(self) -> str:
        name = secrets.token_hex(8)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._of(name)
        self._lock.acquire()
        return name

    def is_alive(self, name: str | None) -> bool:
        """Whether the process of that name still runs."""
        if name is None:
            return False
        if self.__dict__.get("_name") == name:
            return True
        if not self._path(name).is_file():
            return False
        lock = self._of(name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        self._path(name).unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Give the name up, as the end of the process would."""
        if (name := self.__dict__.pop("_name", None)) is not None:
            self._lock.release()
            self._path(name).unlink(missing_ok=True)

    def _of(self, name: str) -> FileLock:
        # A lock is held by a process, whichever of its threads asks.
        return FileLock(self._path(name), thread_local=False)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.lock"


class PostgresOwnerLock:
    """A name for this process, by which all who share a PostgreSQL can tell whether it still runs.

    The lock belongs to a connection that stays open as long as the process; the server lets go of
    it when either ends.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._naming = threading.Lock()
        self._held: sa.Connection | None = None
        self._name = ""

    @property
    def owner_id(self) -> str:
        """Ours; another one when the connection was lost, as others then took us for dead.

        Raises:
            JournalError: when the database cannot be used.
        """
        with self._naming, _asked():
            if self._held is None or not self._is_held(self._held):
                self._held = None
                held = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                name = secrets.token_hex(8)
                held.execute(sa.select(sa.func.pg_advisory_lock(_number(name))))
                self._held, self._name = held, name
            return self._name

    def is_alive(self, name: str | None) -> bool:
        """Whether the process of that name still runs.

        Raises:
            JournalError: when the database cannot be used.
        """
        if name is None:
            return False
        # Looked up and not tried: for a moment, whoever tries has the lock himself.
        held = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND "
            "((classid::bigint << 32) | objid::bigint) = :number AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with _asked(), self._engine.connect() as database:
            return bool(database.execute(held, {"number": _number(name)}).scalar())

    def close(self) -> None:
        """Give the name up, as the end of the process would."""
        with self._naming, suppress(sa.exc.SQLAlchemyError):
            if self._held is not None:
                self._held.invalidate()  # closed for good: in the pool, it would keep the lock
                self._held.close()
                self._held = None

    def _is_held(self, connection: sa.Connection) -> bool:
        try:
            connection.execute(sa.text("SELECT 1"))
        except sa.exc.SQLAlchemyError:
            connection.invalidate()
            return False
        return True


@contextmanager
def _asked() -> Iterator[None]:
    """Our word for a database that does not answer."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise JournalError(NO_DATABASE) from error


def _number(name: str) -> int:
    """A name as PostgreSQL numbers its locks: 64 bits with a sign."""
    number = int(name, 16)
    return number - (1 << 64) if number >= 1 << 63 else number
