"""Writes runs to a journal as fast as it can, and prints the ID of each stored one.

``python -m tests.service.journal_writer FOLDER COUNT [URL]``
"""

import sys
from pathlib import Path

from marsam import PaintOptions, RunOptions
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun


def main(folder: str, count: str, url: str | None = None) -> None:
    journal = Journal(Path(folder), url=url)
    options = RunOptions(paint=PaintOptions(pictures=1, seed=1))
    for number in range(int(count)):
        run = journal.insert(NewRun(client="writer", prompt=f"words {number}", options=options)).id
        if number % 3 == 0:
            journal.finish(run, "finished")
        sys.stdout.write(f"{run}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
