"""What people made of the rows of a table: each save one line of a file beside it.

A save is on the disk before anybody is told that it was made, so that no end of the program loses
one. The table follows; what has not reached it yet is put into it the next time.
"""

import heapq
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from marsam.batch.rows import REVIEWED, Row
from marsam.errors import DiskFull, OptionError

SUFFIX = ".corrections.jsonl"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One save of one picture's words.

    Attributes:
        path: as the row names the picture.
        sha256: by which the picture is known: all rows with this content are meant.
        before: the texts as they stood, by NLLB code; empty where there was none.
        texts: the texts as they stand since, for the same languages.
        was: the row's state before: ``draft``, ``reviewed`` or ``error``.
        state: the state since: ``draft`` or ``reviewed``.
        warnings: the remarks there were before.
        time: seconds since 1970.
    """

    path: str
    sha256: str
    before: Mapping[str, str]
    texts: Mapping[str, str]
    was: str
    state: str
    warnings: tuple[str, ...] = ()
    time: float = 0.0

    def applies(self, row: Row) -> bool:
        """Whether a row is as this save found it."""
        return row.state == self.was and _says(row, self.before)

    def is_in(self, row: Row) -> bool:
        """Whether a row is as this save left it."""
        return row.state == self.state and _says(row, self.texts)

    def applied(self, row: Row) -> Row:
        """The row with these texts; what was remarked about the draft goes with the draft."""
        reviewed = self.state == REVIEWED
        texts = {**row.texts, **self.texts}
        # A draft's empty text is for the machine to fill; a person's stays empty.
        texts = {code: text for code, text in texts.items() if text or reviewed}
        warnings = () if reviewed else self.warnings
        return replace(row, texts=texts, warnings=warnings, error="", reviewed=reviewed)


def _says(row: Row, texts: Mapping[str, str]) -> bool:
    return all(row.texts.get(code, "") == text for code, text in texts.items())


class Corrections:
    """All saves of a table, by picture, and the file that keeps them.

    Args:
        table: the table they belong to; the file is beside it.
        others: tables whose saves are looked at as well.

    Raises:
        OptionError: when a file is not ours, or cannot be read.
    """

    def __init__(self, table: Path, *others: Path) -> None:
        self.file, *rest = dict.fromkeys(
            one.with_name(f"{one.stem}{SUFFIX}") for one in (table, *others)
        )
        self._saves: defaultdict[str, list[Correction]] = defaultdict(list)
        # Within a file the order is that of the lines, whatever a clock said.
        for save in heapq.merge(*map(_read, (self.file, *rest)), key=lambda save: save.time):
            self._saves[save.sha256].append(save)

    def of(self, sha256: str) -> list[Correction]:
        """The saves of a picture, the earliest first."""
        return self._saves.get(sha256, []) if sha256 else []

    def drafts(self, sha256: str) -> Mapping[str, str]:
        """The texts of a picture before anybody changed them; nothing when nobody did."""
        drafts: dict[str, str] = {}
        for save in self.of(sha256):
            drafts = {**save.before, **drafts}
        return drafts

    def corrected(self, row: Row) -> Row:
        """The row with every save that has not reached its table.

        A row that somebody changed elsewhere since is as that person left it.
        """
        saves = self.of(row.sha256)
        if saves and not saves[-1].is_in(row):
            for save in saves:
                row = save.applied(row) if save.applies(row) else row
        return row

    def since(self, row: Row, otherwise: float) -> float:
        """When the row was saved as it is; ``otherwise`` when no save left it so."""
        times = (save.time for save in self.of(row.sha256) if save.is_in(row))
        return max(times, default=otherwise)

    def emptied(self, row: Row) -> Row:
        """The row with the empty texts that somebody took away, and no others.

        A column is empty as well where nobody asked for the language, or it could not be had. Where
        there is no save to tell them apart, a person emptied it.
        """
        saves = self.of(row.sha256)
        texts = {
            code: text
            for code, text in row.texts.items()
            if text or not saves or any(save.before.get(code) for save in saves)
        }
        return replace(row, texts=texts)

    def add(self, save: Correction) -> None:
        """One more; it is on the disk when this returns.

        Raises:
            DiskFull: when it cannot be written; then nothing has changed.
        """
        line = json.dumps(asdict(save), ensure_ascii=False).encode("utf-8", "surrogatepass")
        line += b"\n"
        try:
            with self.file.open("ab+", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                if end:
                    file.seek(end - 1)
                    if file.read(1) != b"\n":  # the last line was cut by the end of the program
                        line = b"\n" + line
                try:
                    while line:  # a disk that is nearly full takes a part of it
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
                except OSError:
                    with suppress(OSError):
                        file.truncate(end)
                    raise
        except OSError as error:
            raise DiskFull(f"{self.file.name} cannot be written: {error.strerror}.") from error
        self._saves[save.sha256].append(save)


def _read(file: Path) -> Iterator[Correction]:
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise OptionError(f"{file.name} cannot be read: {error.strerror}.") from error
    for line in filter(None, lines):
        try:
            data = json.loads(line)
        except ValueError:
            continue  # cut by the end of the program: nobody was told that it was saved
        try:
            data["warnings"] = tuple(data["warnings"])
            yield Correction(**data)
        except (TypeError, KeyError) as error:
            raise OptionError(
                f"{file.name} was not written by marsam review; move it away."
            ) from error
