"""A list of pictures, in a folder with its table, its corrections and its documents.

Everything is on the disk before the page shows it. What is left to do after a crash are the
pictures that have no row yet.
"""

import filecmp
import hashlib
import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from marsam.atomic import atomic_path
from marsam.batch.images import RowImages
from marsam.batch.review import Review
from marsam.batch.rows import Row
from marsam.batch.tables import map_write_errors
from marsam.errors import MarsamError, OptionError
from marsam.text.cleaning import clean
from marsam.text.languages import ARABIC, ENGLISH
from marsam.ui import i18n
from marsam.ui.i18n import Bilingual, pictures
from marsam.web.many.documents import MAX_DOCUMENTS, ListDocuments, ListedDocument
from marsam.web.many.strings import STRINGS

MAX_PICTURES, MAX_BYTES = 300, 2_000_000_000
"""Of one list."""
MAX_NAME_BYTES, MAX_NAME_PARTS = 200, 8
"""Of one part of a picture's name, and its parts, which are folders."""
IMAGE_SIDE_PX = 800
"""Longer side of a picture as the page shows it."""
CODES = (ENGLISH.code, ARABIC.code)


class Changes(NamedTuple):
    """What changed in a list, to its present version, and the keys of all its pictures."""

    version: int
    rows: list[Row]
    keys: list[str]


def key_of(name: str) -> str:
    """What the page calls a picture: its name, without characters that an ID cannot have."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


class PictureList:
    """The pictures of one visitor: first those with a row, then those that wait for one.

    A picture keeps its key, whatever is removed before it. Several threads may use a list.

    Args:
        folder: of the list.
        copies: folder of what the page may load.

    Attributes:
        review: the table of the rows.
        documents: those whose images are among the pictures.
        waiting: names of the pictures without a row, in their order.
        working: whether they are being described.
        error: why that ended early.
        busy: held while a picture is described, and while the list is deleted.

    Raises:
        MarsamError: when the list cannot be read, or another process uses it.
    """

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder, self.copies = folder, copies
        self.pictures = folder / "pictures"
        about = json.loads((folder / "list.json").read_text(encoding="utf-8"))
        self.id, self.account = str(about["id"]), str(about["account"])
        self.review = Review(folder / "captions.csv", CODES)
        self.images = RowImages([self.pictures], None)
        self.documents = ListDocuments(folder, self.pictures)
        self.working = False
        self.error: MarsamError | None = None
        self.busy = threading.Lock()
        self._lock = threading.Lock()
        # Versions go on after a restart, so that an open page asks for what is new.
        self._versions = itertools.count(time.time_ns() // 1_000_000)
        done = {row.path for row in self.review.rows}
        files = [
            (file.stat().st_mtime_ns, file.stat().st_size, self._name(file))
            for file in self.pictures.rglob("[!.]*")  # not those cut by a crash
            if file.is_file()
        ]
        self.bytes = sum(size for _, size, _ in files) + self.documents.size_bytes
        self.waiting = [name for _, _, name in sorted(files) if name not in done]
        names = (*(row.path for row in self.review.rows), *self.waiting)
        self._changed = {name: next(self._versions) for name in names}

    def __len__(self) -> int:
        return len(self.review.rows) + len(self.waiting)

    @property
    def rows(self) -> list[Row]:
        """The rows; those of pictures that wait have a path only."""
        with self._lock:
            return self._rows()

    @property
    def rows_by_checksum(self) -> dict[str, Row]:
        """The rows by the checksum of their pictures; a person's words come before others."""
        rows = sorted(self.review.rows, key=lambda row: row.is_kept)
        return {row.sha256: row for row in rows if row.sha256}

    def _rows(self) -> list[Row]:
        rows = [*self.review.rows, *(Row(path=name) for name in self.waiting)]
        return [self._in_document(row) for row in rows] if len(self.documents) else rows

    def _in_document(self, row: Row) -> Row:
        image = self.documents.image(row.sha256)
        return replace(row, context=image.place) if image else row

    def changes(self, since: int) -> "Changes":
        """What changed after an earlier version."""
        with self._lock:
            rows = self._rows()
            changed = [row for row in rows if self._changed[row.path] > since]
            return Changes(next(self._versions), changed, [key_of(row.path) for row in rows])

    def touch(self, name: str) -> None:
        """Note that the row of a picture changed."""
        with self._lock:
            self._changed[name] = next(self._versions)

    def index_of(self, key: str) -> int | None:
        """The index of a picture's row in the table; None without a row."""
        rows = enumerate(self.review.rows)
        return next((index for index, row in rows if key_of(row.path) == key), None)

    def add(self, upload: Path, name: str) -> bool:
        """Add an uploaded picture; False when the list has it already.

        Args:
            upload: the file, which is Gradio's and stays.
            name: as the visitor's machine has it, with ``/`` between folders.

        Raises:
            OptionError: when the list is full.
            OptionError, DiskFull: when the picture cannot be stored.
        """
        with self._lock, map_write_errors(name):
            self._require_room(1, upload.stat().st_size)
            for path in _free_names(self.pictures / safe_name(name)):
                if not path.exists():
                    break
                if path.is_file() and filecmp.cmp(path, upload, shallow=False):
                    return False
            with self._adding(path) as partial:
                shutil.copyfile(upload, partial)
            return True

    def add_document(self, upload: Path, name: str) -> ListedDocument | None:
        """Add an uploaded document, and the images in it that lack an alt text.

        A document without such images is not kept.

        Args:
            upload: the file, which is Gradio's and stays.
            name: as the visitor's machine has it, with ``/`` between folders; a document takes the
                place of an earlier one with the same name.

        Returns:
            What was found in it; None when the list has it already.

        Raises:
            DocumentError: when it is damaged, encrypted, signed or too large.
            OptionError: when the list is full.
            OptionError, DiskFull: when it cannot be stored.
        """
        name, data = safe_name(name).as_posix(), upload.read_bytes()
        found = self.documents.read(data, name)
        if not found.listed.images:
            return found.listed
        with self._lock, map_write_errors(name):
            if self.documents.has(name, data):
                return None
            known = {row.sha256 for row in self.review.rows}
            known |= {image.sha256 for one in self.documents for image in one.images}
            self._require_room(len(found.embedded.keys() - known), len(data))
            if len(self.documents) >= MAX_DOCUMENTS:
                raise list_error("full", pictures(MAX_PICTURES))
            for picture, content in found.pictures(known):
                self._require_room(1, len(content))
                names = _free_names(self.pictures / picture)
                with self._adding(next(path for path in names if not path.exists())) as partial:
                    partial.write_bytes(content)
            with self._counting_documents():
                self.documents.add(found.listed, data)
            checksums = {image.sha256 for image in found.listed.images}
            for row in self.review.rows:
                if row.sha256 in checksums:
                    self._changed[row.path] = next(self._versions)
            return found.listed

    def _require_room(self, count: int, size: int) -> None:
        if len(self) + count > MAX_PICTURES or self.bytes + size > MAX_BYTES:
            raise list_error("full", pictures(MAX_PICTURES))

    @contextmanager
    def _adding(self, path: Path) -> Iterator[Path]:
        """Write a picture in the block, to the file that it is given; then it waits for a row."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            yield partial
        self.bytes += path.stat().st_size
        name = self._name(path)
        self.waiting.append(name)
        self._changed[name] = next(self._versions)

    def remove_document(self, key: str) -> str | None:
        """Remove a document; its pictures stay. Return its name; None if it is not in the list.

        Raises:
            OptionError, DiskFull: when that cannot be written.
        """
        with self._lock:
            name = next((one.name for one in self.documents if key_of(one.name) == key), None)
            if name is not None:
                with map_write_errors(name), self._counting_documents():
                    self.documents.remove(name)
            return name

    @contextmanager
    def _counting_documents(self) -> Iterator[None]:
        before = self.documents.size_bytes
        yield
        self.bytes += self.documents.size_bytes - before

    def remove(self, key: str) -> str | None:
        """Remove a picture with its texts; return its name, or None if it is not in the list.

        Raises:
            OptionError, DiskFull: when the list cannot be written.
        """
        with self._lock:
            name: str | None = next((one for one in self._changed if key_of(one) == key), None)
            if name is None:
                return None
            path = self.pictures / name
            if name in self.waiting:
                self.waiting.remove(name)
            else:
                self._remove_row(name)
            del self._changed[name]
            with map_write_errors(path.name), suppress(FileNotFoundError):
                size = path.stat().st_size
                path.unlink()
                self.bytes -= size
            return name

    def _remove_row(self, name: str) -> None:
        removed = next(row for row in self.review.rows if row.path == name)
        self.review.remove(name)
        if all(row.sha256 != removed.sha256 for row in self.review.rows):
            (self.copies / f"{removed.sha256}.jpg").unlink(missing_ok=True)

    def finish(self, row: Row) -> None:
        """Store the row of the first picture that waits, unless it was removed meanwhile.

        Raises:
            OptionError: when it cannot be written.
        """
        with self._lock:
            if row.path not in self.waiting:
                return
            self.review.append(row)
            self._changed[row.path] = next(self._versions)
            self.waiting.remove(row.path)

    def image(self, row: Row) -> Path | None:
        """A copy of a row's picture that the page can load; None without one."""
        copy = self.copies / f"{row.sha256}.jpg"
        if not row.sha256 or (not copy.is_file() and not self._copy_image(row, copy)):
            return None
        return copy

    def close(self) -> None:
        """Let other processes use the list."""
        self.review.close()

    def _copy_image(self, row: Row, copy: Path) -> bool:
        data = self.images.jpeg(row, IMAGE_SIDE_PX)
        if data is None:
            return False
        with map_write_errors(copy.name), atomic_path(copy) as partial:
            partial.write_bytes(data)
        return True

    def _name(self, path: Path) -> str:
        return path.relative_to(self.pictures).as_posix()


def safe_name(name: str) -> PurePosixPath:
    """The path of a picture in its list, from the name that a browser sent: folders and a file."""
    parts = [_safe_part(part) for part in re.split(r"[/\\]", name[-2000:])]
    parts = [part for part in parts if part][-MAX_NAME_PARTS:]
    return PurePosixPath(*parts) if parts else PurePosixPath("picture")


def _safe_part(part: str) -> str:
    part = " ".join(clean(part).split()).strip(" .")
    suffix = PurePosixPath(part).suffix
    stem = part.removesuffix(suffix).encode()[: max(0, MAX_NAME_BYTES - len(suffix.encode()))]
    return f"{stem.decode(errors='ignore')}{suffix}".encode()[:MAX_NAME_BYTES].decode(
        errors="ignore"
    )


def list_error(key: str, *values: Bilingual) -> OptionError:
    """Return an error with a sentence of the page's, in both languages."""
    english, arabic = (
        STRINGS.text(key, language, *(value[index] for value in values))
        for index, language in enumerate((i18n.ENGLISH, i18n.ARABIC))
    )
    return OptionError(Bilingual(english, arabic))


def _free_names(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem} ({number})")
