"""Lists of pictures: one for each visitor, in a folder with its table and its corrections.

Everything is on the disk before the page shows it. What is left to do after a crash are the
pictures that have no row yet.
"""

import filecmp
import hashlib
import itertools
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from marsam.atomic import atomic_path
from marsam.batch.images import RowImages
from marsam.batch.review import Review
from marsam.batch.rows import Row
from marsam.batch.tables import map_write_errors
from marsam.errors import MarsamError, OptionError
from marsam.journal.file_store import LISTS, PAGE_COPIES, remove_list
from marsam.journal.retention import prune_lists
from marsam.slots import LOCAL_CLIENT
from marsam.text.cleaning import clean
from marsam.text.languages import ARABIC, ENGLISH
from marsam.ui import i18n
from marsam.ui.i18n import Bilingual, pictures
from marsam.web.many.strings import STRINGS

MAX_PICTURES, MAX_BYTES = 300, 2_000_000_000
"""Of one list."""
MAX_LISTS, MAX_BYTES_OF_ALL = 200, 20_000_000_000
"""Of all visitors; those of one key or address may have half of it."""
KEEP_DAYS = 30.0
"""How long a list is kept after its last change."""
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
        self.bytes = sum(size for _, size, _ in files)
        self.waiting = [name for _, _, name in sorted(files) if name not in done]
        names = (*(row.path for row in self.review.rows), *self.waiting)
        self._changed = {name: next(self._versions) for name in names}

    def __len__(self) -> int:
        return len(self.review.rows) + len(self.waiting)

    @property
    def rows(self) -> list[Row]:
        """The rows; those of pictures that wait have a path only."""
        with self._lock:
            return [*self.review.rows, *(Row(path=name) for name in self.waiting)]

    def changes(self, since: int) -> "Changes":
        """What changed after an earlier version."""
        with self._lock:
            rows = [*self.review.rows, *(Row(path=name) for name in self.waiting)]
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
            size = upload.stat().st_size
            if len(self) >= MAX_PICTURES or self.bytes + size > MAX_BYTES:
                raise _error("full", pictures(MAX_PICTURES))
            for path in _free_names(self.pictures / safe_name(name)):
                if not path.exists():
                    break
                if filecmp.cmp(path, upload, shallow=False):
                    return False
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as partial:
                shutil.copyfile(upload, partial)
            self.bytes += size
            name = self._name(path)
            self.waiting.append(name)
            self._changed[name] = next(self._versions)
            return True

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


class Lists:
    """The lists of all visitors, in the data folder; old ones are deleted.

    Args:
        data: the folder.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open: dict[str, PictureList] = {}
        self._lock = threading.RLock()
        prune_lists(data, days=KEEP_DAYS)

    def find(self, client: str) -> PictureList | None:
        """A visitor's list; None without one.

        Raises:
            MarsamError: when it cannot be read, or another process uses it.
        """
        name = _folder_name(client)
        folder = self._data / LISTS / name
        with self._lock:
            found = self._open.get(name)
            if not (folder / "list.json").is_file():  # also when it was too old
                if found is not None:
                    self._open.pop(name).close()
                return None
            if found is None:
                found = PictureList(folder, self._data / PAGE_COPIES / name)
                self._open[name] = found
            return found

    def find_or_create(self, client: str, account: str) -> PictureList:
        """A visitor's list, which is created if needed.

        Raises:
            OptionError: when there are too many lists, or too many of the account.
            MarsamError: as :meth:`find`.
        """
        with self._lock:
            if (found := self.find(client)) is None:
                folder = self._data / LISTS / _folder_name(client)
                prune_lists(self._data, days=KEEP_DAYS)
                self._require_space(account)
                about = {"id": secrets.token_hex(8), "account": account}
                with map_write_errors("the list"):
                    (folder / "pictures").mkdir(parents=True, exist_ok=True)
                    with atomic_path(folder / "list.json") as partial:
                        partial.write_text(json.dumps(about), encoding="utf-8")
                found = self.find(client)
            if found is None:
                raise _error("gone")
            return found

    def delete(self, client: str) -> None:
        """Delete a visitor's list with its pictures, after the picture in progress."""
        with self._lock:
            found = self._open.pop(_folder_name(client), None)
        with _closed(found):
            remove_list(self._data, _folder_name(client))

    def _require_space(self, account: str) -> None:
        parts = 1 if account in ("", LOCAL_CLIENT) else 2
        lists, total, own = [*(self._data / LISTS).glob("*/list.json")], 0, 0
        for about in lists:
            with suppress(OSError, ValueError):  # it may be deleted at the moment
                own += json.loads(about.read_text(encoding="utf-8"))["account"] == account
            total += sum(file.stat().st_size for file in about.parent.rglob("*") if file.is_file())
        is_full = len(lists) >= MAX_LISTS or total >= MAX_BYTES_OF_ALL
        if is_full or own >= MAX_LISTS // parts:
            raise _error("no_space")


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


def _error(key: str, *values: Bilingual) -> OptionError:
    english, arabic = (
        STRINGS.text(key, language, *(value[index] for value in values))
        for index, language in enumerate((i18n.ENGLISH, i18n.ARABIC))
    )
    return OptionError(Bilingual(english, arabic))


def _free_names(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem} ({number})")


def _folder_name(client: str) -> str:
    """A name that does not reveal the client's ID: the page has it in the addresses of pictures."""
    return hashlib.sha256(f"list of {client}".encode()).hexdigest()[:32]


@contextmanager
def _closed(one: PictureList | None) -> Iterator[None]:
    if one is None:
        yield
        return
    one.working = False
    with one.busy:
        one.close()
        yield
