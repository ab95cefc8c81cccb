"""Files of a remote store are downloaded whole."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from marsam.errors import JournalError
from marsam.journal.file_store import RunFileStore


@pytest.fixture
def store(tmp_path: Path) -> RunFileStore:
    elsewhere = tmp_path / "elsewhere" / "run"
    elsewhere.mkdir(parents=True)
    (elsewhere / "a.png").write_bytes(b"ab" * 1000)
    return RunFileStore(tmp_path / "here", (tmp_path / "elsewhere").as_uri())


def test_two_threads_download_the_same_file_whole(
    store: RunFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=10)
    files: Any = fsspec.get_filesystem_class("file")
    get = files.get_file

    def slow(file_system: object, name: str, path: str) -> None:
        Path(path).write_bytes(b"ab")  # the beginning
        both.wait()
        get(file_system, name, path)
        both.wait()

    monkeypatch.setattr(files, "get_file", slow)
    with ThreadPoolExecutor(2) as threads:
        contents = list(
            threads.map(lambda _: store.file("run", "a.png").path.read_bytes(), range(2))
        )
    assert contents == [b"ab" * 1000] * 2
    assert [path.name for path in store.run_folder("run").iterdir()] == ["a.png"]


def test_a_missing_file_is_one_sentence(store: RunFileStore) -> None:
    with pytest.raises(JournalError, match="no longer in the store"):
        _ = store.file("run", "b.png").path
    assert list(store.run_folder("run").iterdir()) == []
