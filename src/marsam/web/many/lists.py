"""The lists of all visitors: found, created within bounds, and deleted."""

import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.batch.tables import map_write_errors
from marsam.journal.file_store import LISTS, PAGE_COPIES, remove_list
from marsam.journal.retention import prune_lists
from marsam.slots import LOCAL_CLIENT
from marsam.web.many.picture_list import PictureList, list_error

MAX_LISTS, MAX_BYTES_OF_ALL = 200, 20_000_000_000
"""Of all visitors; those of one key or address may have half of it."""
KEEP_DAYS = 30.0
"""How long a list is kept after its last change."""


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
                raise list_error("gone")
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
            raise list_error("no_space")


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
