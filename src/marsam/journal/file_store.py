"""Where the pictures of runs are: a folder and, for several machines, a store all of them share."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from marsam.atomic import PARTIAL, atomic_path, partial_path
from marsam.errors import JournalError

ORPHAN_AGE_SECONDS = 3600.0
"""Seconds after which a folder that no run owns was left by a process that died."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a run; it may have to be fetched from the store first."""

    local_path: Path
    store: "RunFileStore | None" = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> Path:
        """Where it can be read.

        Raises:
            JournalError: when the store cannot be reached, or does not have it.
        """
        if self.store is not None:
            self.store.download(self.local_path)
        return self.local_path


class RunFileStore:
    """Files of runs, a folder for each.

    Args:
        folder: on this machine; all there is, unless there is
        url: of a store behind it, as fsspec names it (``s3://bucket/marsam``). A file is there
            before :meth:`upload` returns, and comes here when it is asked for.

    Raises:
        JournalError: for an address of no kind that is known here.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder, self.url = folder, url.rstrip("/") if url else None
        if url is not None:
            _ = self._remote

    def local_path(self, run: str) -> Path:
        """The folder of a run on this machine."""
        return self.folder / "runs" / run

    def file(self, run: str, name: str) -> StoredFile:
        """A file of a run, wherever it is now."""
        return StoredFile(self.local_path(run) / name, self)

    def create(self, run: str) -> None:
        """Make room for a run; unless :meth:`commit` follows, it is swept away one day."""
        self._pending(run).touch()
        self.local_path(run).mkdir(parents=True)

    def commit(self, run: str) -> None:
        """The run is written down."""
        with suppress(OSError):
            self._pending(run).unlink()

    def upload(self, path: Path) -> None:
        """A file of a run was written: make sure that others find it."""
        if self._remote is not None:
            with _reached():
                self._remote.put_file(str(path), self._name(path))

    def download(self, path: Path) -> None:
        """Have a file of a run here."""
        if self._remote is None or path.is_file():
            return
        # Two threads may fetch the same file.
        unique = partial_path(path, name=f"{path.name}.{secrets.token_hex(4)}")
        try:
            with atomic_path(path, unique) as partial, _reached():
                self._remote.get_file(self._name(path), str(partial))
        except FileNotFoundError as error:
            raise JournalError("This picture is in the store no more.") from error

    def remove(self, run: str) -> None:
        """Remove what a run has; a later :meth:`collect_garbage` removes what is left."""
        with suppress(OSError):
            self._pending(run).touch()
        shutil.rmtree(self.local_path(run), ignore_errors=True)
        try:
            if self._remote is not None:
                with _reached(), suppress(FileNotFoundError):
                    self._remote.rm(f"{self._root}/{run}", recursive=True)
        except JournalError:
            return
        self.commit(run)

    def remove_partials(self, run: str) -> None:
        """Remove what was being written when the process that worked on a run died."""
        for half in self.local_path(run).glob(f".*{PARTIAL}*"):
            half.unlink(missing_ok=True)

    def collect_garbage(self, known: Callable[[str], bool]) -> None:
        """Remove what was begun and never written down, and the rest of what was deleted.

        Only what carries our mark: a folder that no journal knows of may be another's.
        """
        before = time.time() - ORPHAN_AGE_SECONDS
        for mark in (self.folder / "pending").glob("*"):
            with suppress(OSError):  # another process may sweep as well
                if mark.stat().st_mtime > before:
                    continue
                if known(mark.name):
                    mark.unlink()
                else:
                    self.remove(mark.name)

    def _pending(self, run: str) -> Path:
        mark = self.folder / "pending" / run
        mark.parent.mkdir(exist_ok=True)
        return mark

    @cached_property
    def _remote(self) -> Any:
        """Fsspec's file system of the store; None without one."""
        if self.url is None:
            return None
        import fsspec

        try:
            found, root = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise JournalError(
                f"Pictures cannot be kept in a store of the kind {self.url.partition(':')[0]!r}; "
                "S3 needs the extra 's3'. In a clone of Marsam run: pip install -e '.[s3]'"
            ) from error
        self._root = root
        return found

    def _name(self, path: Path) -> str:
        return f"{self._root}/{path.parent.name}/{path.name}"


@contextmanager
def _reached() -> Iterator[None]:
    """Our word for whatever a store's own library raises: there are too many kinds to name."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise JournalError("The store of pictures cannot be used at the moment.") from error
