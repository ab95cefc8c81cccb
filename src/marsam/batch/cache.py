"""A cache of captions and translations by content, so that nothing is computed twice.

The key of a caption is the image's checksum, the model and the options; the key of a translation
is the text, the model and the options. So a batch that was killed resumes, a moved image keeps its
caption, and a further language needs no captioner.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from marsam.batch.rows import Row, printable_name
from marsam.errors import (
    DiskFull,
    JournalError,
    MarsamError,
    PictureError,
    is_disk_full,
    is_read_only,
)
from marsam.hub.model_files import weights_revision
from marsam.journal.sqlite import open_sqlite, require_version
from marsam.options import ArabicCaption, BatchOptions
from marsam.studio import Studio
from marsam.text.languages import ARABIC, ENGLISH

SCHEMA_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size_bytes INTEGER, modified_ns INTEGER,
    sha256 TEXT, width INTEGER, height INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_sha256 ON files (sha256);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, warnings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sidecars (
    path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256)
) WITHOUT ROWID;
"""


class TextResult(NamedTuple):
    """A caption or translation, and the names of the notices about it."""

    text: str
    warnings: tuple[str, ...] = ()


Errors = dict[str, MarsamError]
"""Why a text could not be made, by its key."""
Outcome = TextResult | MarsamError
"""A text, or why it could not be made."""


class FileInfo(NamedTuple):
    """The checksum of a file, and the width and height of its image in pixels."""

    sha256: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class ScannedFile:
    """A file that was scanned.

    Attributes:
        path: the file.
        info: its content; None when there is an error.
        error: why it is not a readable image.
        image: the decoded image, if it is to be captioned in this process.
        stat: size in bytes and modification time in ns, if the cache does not have them yet.
        unreadable_on: the other machine that scanned the file, if it could not read it.
        alt_texts: the alt texts that the image carries, by NLLB code.
        context: text that stands around the image, for a captioner that reads it.
    """

    path: Path
    info: FileInfo | None = None
    error: PictureError | None = None
    image: Image.Image | None = None
    stat: tuple[int, int] | None = None
    unreadable_on: str = ""
    alt_texts: Mapping[str, str] = field(default_factory=dict)
    context: str = ""


class ResultCache:
    """The cache as a SQLite file, created if missing; several threads and processes may share it.

    All methods raise these errors, too.

    Raises:
        JournalError: when the file is damaged or was written by a newer Marsam.
        DiskFull: when the disk is full.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        with self._map_errors():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = open_sqlite(file)
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            require_version(version, SCHEMA_VERSION, file.name)
            self._database.executescript(_TABLES)
            self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def file_info(self, path: Path) -> FileInfo | None:
        """Return what is known of a file; None if it is new, changed, deleted or unreadable."""
        try:
            stat, name = path.stat(), _path_text(path)
        except OSError:
            return None
        rows = self._select(
            "SELECT sha256, width, height FROM files"
            " WHERE path=? AND size_bytes=? AND modified_ns=?",
            *(name, stat.st_size, stat.st_mtime_ns),
        )
        return FileInfo(*rows[0]) if rows else None

    def record_files(self, files: Sequence[ScannedFile]) -> None:
        """Store what is known of readable files that were not stored before."""
        rows = [
            (_path_text(file.path), *file.stat, *file.info)
            for file in files
            if file.stat and file.info
        ]
        self._store("REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.put(
            {
                _key("alt texts", file.info.sha256): TextResult(json.dumps(dict(file.alt_texts)))
                for file in files
                if file.info and file.alt_texts
            }
        )

    def alt_texts(self, sha256: str) -> dict[str, str]:
        """Return the alt texts that an image carries, by NLLB code."""
        key = _key("alt texts", sha256)
        found = self.get([key]).get(key)
        texts: dict[str, str] = json.loads(found.text) if found else {}
        return texts

    def paths_of(self, sha256: str) -> list[Path]:
        """Return the paths at which files with this checksum were read."""
        rows = self._select("SELECT path FROM files WHERE sha256=?", sha256)
        return [Path(path) for (path,) in rows]

    def get(self, keys: Iterable[str]) -> dict[str, TextResult]:
        """Return the cached results by key, without the keys that are not cached."""
        query = "SELECT key, text, warnings FROM results WHERE key=?"
        rows = [row for key in keys for row in self._select(query, key)]
        return {key: TextResult(text, tuple(json.loads(warnings))) for key, text, warnings in rows}

    def put(self, outcomes: Mapping[str, Outcome]) -> Errors:
        """Store the texts by key, on the disk when this returns; return the errors."""
        texts = {key: one for key, one in outcomes.items() if isinstance(one, TextResult)}
        rows = [(key, text, json.dumps(warnings)) for key, (text, warnings) in texts.items()]
        self._store("REPLACE INTO results VALUES (?, ?, ?)", rows)
        return {key: one for key, one in outcomes.items() if isinstance(one, MarsamError)}

    def record_sidecar(self, path: Path, sha256: str) -> None:
        """Store that Marsam is about to write a sidecar with this checksum."""
        self._store("REPLACE INTO sidecars VALUES (?, ?)", [(_path_text(path), sha256)])

    def owns_sidecar(self, path: Path, sha256: str) -> bool:
        """Whether Marsam wrote a sidecar with this checksum to this path."""
        query = "SELECT 1 FROM sidecars WHERE path=? AND sha256=?"
        return bool(self._select(query, _path_text(path), sha256))

    def _select(self, query: str, *values: object) -> list[Any]:
        with self._lock, self._map_errors():
            return self._database.execute(query, values).fetchall()

    def _store(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with self._lock, self._map_errors(), self._database:
            self._database.executemany(statement, rows)

    @contextmanager
    def _map_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if is_disk_full(error):
                raise DiskFull(
                    "The disk with {folder} is full; free some space and try again.",
                    folder=self.file.parent,
                ) from error
            if is_read_only(error):
                raise JournalError(
                    "The caption cache {file} cannot be written: check who owns it and that its "
                    "disk is not mounted read-only.",
                    file=self.file,
                ) from error
            raise JournalError(
                "The caption cache {file} cannot be used; move that file away.", file=self.file
            ) from error


@dataclass(frozen=True, kw_only=True)
class BatchContext:
    """The cache, the models and the options of one batch.

    Attributes:
        cache: captions and translations by content.
        options: what is made of every image.
        models: ``{"captioner": "name@revision", "translator": …}``.
        kept: rows whose texts are a person's, by checksum: no model changes them.
        has_contexts: whether the captioner gets the text around each image. Such captions are
            cached apart from others, once for an image, whatever is around it elsewhere.
    """

    cache: ResultCache
    options: BatchOptions
    models: Mapping[str, str]
    kept: Mapping[str, Row] = field(default_factory=dict)
    has_contexts: bool = False

    @property
    def wants_native(self) -> bool:
        """Whether the captioner is asked in Arabic, too."""
        is_translated = self.options.caption.arabic == ArabicCaption.TRANSLATED
        return not is_translated and ARABIC.code in self.options.languages

    def caption_key(self, sha256: str, code: str = ENGLISH.code) -> str:
        """Return the cache key of an image's caption in a language."""
        options = asdict(self.options.caption_in(code))
        if not options["context"]:
            del options["context"]  # as the keys of captions were before there was one
        parts = ("caption", sha256, self.models["captioner"], options)
        return _key(*parts, "in context") if self.has_contexts else _key(*parts)

    def needs_native(self, sha256: str) -> bool:
        """Whether the captioner is still to be asked in Arabic about an image."""
        if not self.wants_native or sha256 in self.kept:
            return False
        if ARABIC.code in self.cache.alt_texts(sha256):
            return False
        return not self.cache.get([self.caption_key(sha256, ARABIC.code)])

    def translation_key(self, text: str, code: str, source: str = ENGLISH.code) -> str:
        """Return the cache key of a text's translation."""
        options = self.options.translate_into(code, source)
        return _key("translation", text, self.models["translator"], asdict(options))

    def english(self, sha256: str) -> str | None:
        """Return the English text of an image: a person's, carried by it or cached; or None."""
        if row := self.kept.get(sha256):
            return row.english
        if kept := self.cache.alt_texts(sha256).get(ENGLISH.code):
            return kept
        key = self.caption_key(sha256)
        caption = self.cache.get([key]).get(key)
        return caption.text if caption else None


def models_of(studio: Studio) -> dict[str, str]:
    """Return the models that write a batch's texts, as :attr:`Row.models` has them."""
    return {"captioner": model_id(studio.captioner), "translator": model_id(studio.translator)}


def model_id(stage: object) -> str:
    """Return ``name@revision`` of a stage's model; the name alone if it has no folder."""
    name, folder = getattr(stage, "name", ""), getattr(stage, "folder", None)
    folders = getattr(stage, "folders", (folder,) if folder else ())
    revisions = "+".join(map(weights_revision, folders))
    return f"{name}@{revisions}" if revisions else name


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _path_text(path: Path) -> str:
    """The absolute path as text; bytes that are not valid Unicode are written as escapes."""
    return printable_name(str(path.resolve()))
