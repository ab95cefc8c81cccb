"""A data folder that cannot be written is reported as that, not as damaged."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from marsam.batch.cache import ResultCache
from marsam.errors import JournalError, is_disk_full, is_read_only
from marsam.journal.database import storage_error
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.options import RunOptions

WRITTEN = r"cannot be written.*who owns it.*read-only"
NOBODY = 65534


@pytest.fixture
def protected() -> Iterator[Callable[[Path], None]]:
    """Protect a folder from this process, which becomes another user if root runs the tests."""
    if not hasattr(os, "geteuid"):
        pytest.skip("folders have no mode here")
    user = os.geteuid()

    def protect(folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(NOBODY)

    yield protect
    os.seteuid(user)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        Journal(folder / "warm-up").close()  # imports what another user may not read
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


@pytest.mark.parametrize("known", [False, True])
def test_a_folder_of_another_user(
    folder: Path, protected: Callable[[Path], None], known: bool
) -> None:
    data = folder / "data"
    if known:
        Journal(data).close()
    else:
        data.mkdir()
    protected(data)
    with pytest.raises(JournalError, match=WRITTEN) as caught:
        Journal(data).insert(NewRun(client="amal", prompt="a cat", options=RunOptions()))
    assert str(data) in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_a_folder_that_cannot_be_created(folder: Path, protected: Callable[[Path], None]) -> None:
    protected(folder)
    with pytest.raises(JournalError, match=WRITTEN):
        Journal(folder / "data")


def test_a_cache_that_cannot_be_written(folder: Path, protected: Callable[[Path], None]) -> None:
    protected(folder)
    with pytest.raises(JournalError, match=WRITTEN):
        ResultCache(folder / "cache.db")


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    new = NewRun(client="amal", prompt="a cat", options=RunOptions())
    error = OSError(errno.EROFS, "Read-only file system")
    with (
        patch.object(journal._store, "create", side_effect=error),
        pytest.raises(JournalError, match=WRITTEN),
    ):
        journal.insert(new)


def test_a_read_only_database_is_recognised_by_its_code(tmp_path: Path) -> None:
    file = tmp_path / "read-only.db"
    sqlite3.connect(file).close()
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("CREATE TABLE lines (text)")
    database.close()
    assert is_read_only(caught.value)
    assert not is_disk_full(caught.value)
    assert "read-only" in str(storage_error(tmp_path, caught.value))
    assert not is_read_only(OSError(errno.ENOSPC, "read-only"))
    assert not is_read_only(None)
