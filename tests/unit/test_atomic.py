"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from marsam.atomic import atomic_path, partial_path


def test_the_file_appears_complete_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with atomic_path(path) as partial:
        partial.write_text("a,b\n")
        assert partial == partial_path(path)
        assert not path.exists()
    assert path.read_text() == "a,b\n"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_keeps_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("earlier")

    def fail() -> None:
        with atomic_path(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
@pytest.mark.parametrize(
    ("code", "accepted"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)]
)
def test_a_file_system_may_be_unable_to_sync_folders(
    code: int, accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir():
            raise OSError(code, os.strerror(code))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "picture.png"

    def save() -> None:
        with atomic_path(path) as partial:
            partial.write_bytes(b"pixels")

    if accepted:
        save()
        assert path.read_bytes() == b"pixels"
    else:
        with pytest.raises(OSError, match="Input/output"):
            save()
