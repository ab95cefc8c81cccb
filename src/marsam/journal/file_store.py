"""The files of runs: a folder on this machine and, for several machines, a remote store."""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marsam.atomic import PARTIAL, atomic_path, partial_path
from marsam.errors import JournalError

PAGE_COPIES = "page"
"""The folder of what the studio page shows and of uploads to it; a folder for each run."""
LISTS = "lists"
"""The folder of the lists of pictures on the studio page; a folder for each list."""
ORPHAN_AGE_SECONDS = 3600.0  # from which a folder without a row is left over from a dead process


@dataclass(frozen=True)
class StoredFile:
    """A file of a run; it may have to be downloaded from the remote store first."""

    local_path: Path
    store: "RunFileStore | None" = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> Path:
        """The file on this machine; JournalError if the remote store fails or does not have it."""
        if self.store is not None:
            self.store.download(self.local_path)
        return self.local_path

    def find(self) -> Path | None:
        """The file on this machine; None when it was deleted, or the store fails."""
        with suppress(JournalError):
            return path if (path := self.path).is_file() else None
        return None


class RunFileStore:
    """The files of runs, one folder for each run.

    Args:
        folder: on this machine.
        url: of a remote store, as fsspec names it (``s3://bucket/marsam``). :meth:`upload` returns
            when the store has the file; :meth:`download` copies it to the folder when it is read.

    Raises:
        JournalError: for a URL of an unknown kind.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self._remote: Any = None
        if url:
            self._remote, self._root = _open_remote(url)

    def run_folder(self, run_id: str) -> Path:
        """The folder of a run on this machine."""
        return self.folder / "runs" / run_id

    def file(self, run_id: str, name: str) -> StoredFile:
        """A file of a run, whether it is on this machine or only in the remote store."""
        return StoredFile(self.run_folder(run_id) / name, self)

    def create(self, run_id: str) -> None:
        """Create a run's folder; without a :meth:`commit` it is garbage."""
        self._pending(run_id).touch()
        self.run_folder(run_id).mkdir(parents=True)

    def commit(self, run_id: str) -> None:
        """The run has its database row: its folder is no garbage."""
        with suppress(OSError):
            self._pending(run_id).unlink()

    def upload(self, path: Path) -> None:
        """Copy a finished file of a run to the remote store, if there is one."""
        if self._remote is not None:
            with _store_errors():
                self._remote.put_file(str(path), self._remote_name(path))

    def download(self, path: Path) -> None:
        """Copy a file of a run from the remote store, unless it is on this machine already."""
        if self._remote is None or path.is_file():
            return
        # Two threads may download the same file.
        unique = partial_path(path, name=f"{path.name}.{secrets.token_hex(4)}")
        try:
            with atomic_path(path, unique) as partial, _store_errors():
                self._remote.get_file(self._remote_name(path), str(partial))
        except FileNotFoundError as error:
            raise JournalError("This picture is no longer in the store.") from error

    def remove(self, run_id: str) -> None:
        """Remove the files of a run; a later :meth:`collect_garbage` removes what is left."""
        with suppress(OSError):
            self._pending(run_id).touch()
        for folder in (self.run_folder(run_id), self.folder / PAGE_COPIES / run_id):
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(JournalError):
            if self._remote is not None:
                with _store_errors(), suppress(FileNotFoundError):
                    self._remote.rm(f"{self._root}/{run_id}", recursive=True)
            self.commit(run_id)

    def remove_file(self, run_id: str, name: str) -> None:
        """Remove a file of a run everywhere; the page makes its copies of the others again."""
        path = self.file(run_id, name).local_path
        path.unlink(missing_ok=True)
        shutil.rmtree(self.folder / PAGE_COPIES / run_id, ignore_errors=True)
        if self._remote is not None:
            with _store_errors(), suppress(FileNotFoundError):
                self._remote.rm_file(self._remote_name(path))

    def remove_partials(self, run_id: str) -> None:
        """Remove the files that a process was writing when it died."""
        for partial in self.run_folder(run_id).glob(f".*{PARTIAL}*"):
            partial.unlink(missing_ok=True)

    def collect_garbage(self, exists: Callable[[str], bool]) -> None:
        """Remove old folders of runs without a database row (``exists``), and what deletion left.

        Only those marked as pending: a folder that this journal does not know may be another's.
        """
        oldest = time.time() - ORPHAN_AGE_SECONDS
        for pending in (self.folder / "pending").glob("*"):
            with suppress(OSError):  # another process may do the same at the moment
                if pending.stat().st_mtime <= oldest:
                    finish = self.commit if exists(pending.name) else self.remove
                    finish(pending.name)

    def _pending(self, run_id: str) -> Path:
        """The empty file that marks a run's folder as garbage until the run has a row."""
        pending = self.folder / "pending" / run_id
        pending.parent.mkdir(exist_ok=True)
        return pending

    def _remote_name(self, path: Path) -> str:
        return f"{self._root}/{path.parent.name}/{path.name}"


def remove_list(data: Path, name: str) -> None:
    """Remove a list of pictures, and what the page showed of it, from the data folder."""
    for folder in (data / LISTS / name, data / PAGE_COPIES / name):
        shutil.rmtree(folder, ignore_errors=True)


def _open_remote(url: str) -> tuple[Any, str]:
    """Fsspec's file system of the remote store, and the path of the store's folder in it."""
    import fsspec

    try:
        file_system, root = fsspec.url_to_fs(url.rstrip("/"))
    except (ImportError, ValueError) as error:
        raise JournalError(
            "Pictures cannot be stored at {scheme!r} addresses; S3 needs the extra 's3'. "
            "In a clone of Marsam run: pip install -e '.[s3]'",
            scheme=url.partition(":")[0],
        ) from error
    return file_system, root


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turn the errors of the store's library, which are of many kinds, into one."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise JournalError("The store of pictures cannot be used at the moment.") from error
