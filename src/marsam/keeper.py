"""Who is alive: a lock of the system's, which goes away with the process that holds it."""

import secrets
import threading
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout


class Keeper:
    """A name for this process, by which others can tell whether it still runs.

    Args:
        folder: where the locks are; on a disk that all who ask share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._naming = threading.Lock()

    @property
    def name(self) -> str:
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

    def alive(self, name: str | None) -> bool:
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
