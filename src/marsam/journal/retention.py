"""Deletion of old runs and lists of pictures: no run is deleted unless the user asks for it."""

import time
from contextlib import suppress
from pathlib import Path

from marsam.errors import MarsamError, RunMissing
from marsam.journal.file_store import LISTS, remove_list
from marsam.journal.journal import Journal


def prune(journal: Journal, *, days: float | None = None, megabytes: float | None = None) -> int:
    """Delete runs older than ``days``, then the oldest down to ``megabytes``; return how many."""
    oldest_first = list(journal.ended_runs())
    sizes = {run: _size(folder) for run, _, folder in oldest_first} if megabytes is not None else {}
    remaining, deleted = sum(sizes.values()), 0
    for run_id, created, _ in oldest_first:
        expired = days is not None and created < time.time() - 86_400 * days
        if not expired and not (megabytes is not None and remaining > megabytes * 1e6):
            continue
        with suppress(RunMissing):  # another process deleted or resumed it meanwhile
            journal.delete(None, run_id, only_ended=True)
            deleted += 1
        remaining -= sizes.get(run_id, 0)
    return deleted


def prune_lists(data: Path, *, days: float) -> None:
    """Delete the lists of pictures that were not changed for so many days."""
    oldest = time.time() - 86_400 * days
    for folder in (data / LISTS).glob("*"):
        with suppress(OSError, ValueError):  # it may be deleted meanwhile; one may be empty
            if max(file.stat().st_mtime for file in folder.glob("*")) < oldest:
                remove_list(data, folder.name)


def prune_hourly(journal: Journal, days: float | None, megabytes: float | None) -> None:
    """Call :func:`prune` and :func:`prune_lists` now and every hour. Never returns."""
    while True:
        with suppress(MarsamError, OSError):  # tried again in an hour
            prune(journal, days=days, megabytes=megabytes)
            if days is not None:
                prune_lists(journal.folder, days=days)
        time.sleep(3600)


def _size(folder: Path) -> int:
    with suppress(OSError):  # it may be deleted meanwhile
        return sum(file.stat().st_size for file in folder.glob("*"))
    return 0
