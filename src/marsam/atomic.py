"""Files that are written whole or not at all: no reader meets half a file, no crash loses one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
"""Suffix of a file that is still being written."""


def partial_path(path: Path, *, name: str | None = None) -> Path:
    """Return the hidden file beside ``path`` that is written first.

    ``name`` replaces the final file's name, which may be as long as a name can be.
    """
    return path.with_name(f".{name or path.name}{PARTIAL}")


@contextmanager
def atomic_path(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Yield a file to write; without an error it becomes ``path``, otherwise it is removed.

    Args:
        path: the final file; its folder is created if needed.
        partial: the file to write first; :func:`partial_path` of ``path`` by default.

    Raises:
        OSError: when the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial or partial_path(path)
    try:
        yield partial
        commit(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def commit(partial: Path, path: Path) -> None:
    """Sync a complete file to the disk, give it its final name, and sync that name; or OSError."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    if os.name == "nt":  # Windows cannot open a folder, and needs no such call
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network and FUSE file systems sync files but not folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
