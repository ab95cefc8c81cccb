"""What may go when there is too much of it: nothing, unless somebody says so."""

import time
from contextlib import suppress
from pathlib import Path

from marsam.errors import RunMissing
from marsam.journal.journal import Journal


def prune(journal: Journal, *, days: float | None = None, megabytes: float | None = None) -> int:
    """Delete runs that are older than so many days; then the oldest, until the rest fits.

    Returns:
        How many were deleted.
    """
    oldest = list(journal.finished_runs())
    sizes = {run: _size(place) for run, _, place in oldest} if megabytes is not None else {}
    left, gone = sum(sizes.values()), 0
    for run, created, _ in oldest:
        late = days is not None and created < time.time() - 86_400 * days
        if not late and not (megabytes is not None and left > megabytes * 1e6):
            continue
        with suppress(RunMissing):  # somebody was quicker
            journal.delete(None, run, ended=True)
            gone += 1
        left -= sizes.get(run, 0)
    return gone


def _size(folder: Path) -> int:
    with suppress(OSError):  # it may be deleted meanwhile
        return sum(file.stat().st_size for file in folder.glob("*"))
    return 0
