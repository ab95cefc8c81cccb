"""What was said of which content, kept on this machine: nothing is ever worked out twice.

A caption is found again by the picture's bytes, the model and the options; a translation by the
text, the model and the options. So a batch that was killed goes on where it was, a picture that
was moved keeps its words, and another language costs no second look at the pictures.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from marsam.batch.rows import spelled
from marsam.errors import DiskFull, JournalError, is_disk_full
from marsam.journal.sqlite import open_sqlite, require_version
from marsam.options import CaptionOptions, TranslateOptions

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, changed INTEGER,
    sha256 TEXT, width INTEGER, height INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_content ON files (sha256);
CREATE TABLE IF NOT EXISTS words (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, warnings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sidecars (
    path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256)
) WITHOUT ROWID;
"""


class Words(NamedTuple):
    """A text and the names of the notices that go with it."""

    text: str
    warnings: tuple[str, ...] = ()


class Seen(NamedTuple):
    """What a file held when it was last read: its hash, and the picture's size in pixels."""

    sha256: str
    width: int
    height: int


class Memory:
    """Words by content, in a SQLite file; several threads and processes may share it.

    Args:
        file: where; made when missing.

    Raises:
        JournalError: when the file is damaged or of a newer Marsam.
        DiskFull: when there is no room.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        with self._ours():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_sqlite(file)
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            require_version(version, VERSION, file.name)
            self._database.executescript(_TABLES)
            self._database.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def seen(self, path: Path) -> Seen | None:
        """What the file held, if it has not changed since (by its size and time)."""
        state = path.stat()
        with self._lock, self._ours():
            row = self._database.execute(
                "SELECT sha256, width, height FROM files WHERE path=? AND size=? AND changed=?",
                (_name(path), state.st_size, state.st_mtime_ns),
            ).fetchone()
        return Seen(*row) if row else None

    def note(self, files: Iterable[tuple[Path, int, int, Seen]]) -> None:
        """Remember what files held, with the size and time (ns) they had when they were read."""
        rows = [(_name(path), size, changed, *seen) for path, size, changed, seen in files]
        with self._lock, self._ours(), self._database:
            self._database.executemany("REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)

    def places(self, sha256: str) -> list[Path]:
        """Where files with this content were seen."""
        with self._lock, self._ours():
            rows = self._database.execute("SELECT path FROM files WHERE sha256=?", (sha256,))
            return [Path(path) for (path,) in rows]

    def recall(self, keys: Iterable[str]) -> dict[str, Words]:
        """The words that are known, by key."""
        found = {}
        with self._lock, self._ours():
            for key in keys:
                row = self._database.execute(
                    "SELECT text, warnings FROM words WHERE key=?", (key,)
                ).fetchone()
                if row:
                    found[key] = Words(row[0], tuple(json.loads(row[1])))
        return found

    def keep(self, words: dict[str, Words]) -> None:
        """Remember words; they are on the disk when this returns."""
        rows = [(key, said.text, json.dumps(said.warnings)) for key, said in words.items()]
        with self._lock, self._ours(), self._database:
            self._database.executemany("REPLACE INTO words VALUES (?, ?, ?)", rows)

    def writes(self, sidecar: Path, sha256: str) -> None:
        """A sidecar with this content is about to be written by us."""
        with self._lock, self._ours(), self._database:
            self._database.execute("REPLACE INTO sidecars VALUES (?, ?)", (_name(sidecar), sha256))

    def wrote(self, sidecar: Path, sha256: str) -> bool:
        """Whether a sidecar with this content is ours."""
        with self._lock, self._ours():
            row = self._database.execute(
                "SELECT 1 FROM sidecars WHERE path=? AND sha256=?", (_name(sidecar), sha256)
            ).fetchone()
        return row is not None

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_disk_full(error):
                raise DiskFull("There is no room left to keep captions; make some.") from error
            raise JournalError(
                f"The captions kept in {self.file} cannot be used; move that file away."
            ) from error


def caption_key(sha256: str, model: str, options: CaptionOptions) -> str:
    """Under which a picture's caption is kept."""
    return _key("caption", sha256, model, asdict(options))


def translation_key(text: str, model: str, options: TranslateOptions) -> str:
    """Under which a text's translation is kept."""
    return _key("translation", text, model, asdict(options))


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _name(path: Path) -> str:
    """A path as text; names that are no Unicode keep their bytes apart from all others."""
    return spelled(str(path.resolve()))
