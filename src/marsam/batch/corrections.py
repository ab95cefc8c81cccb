"""Reviewers' corrections of a table: one JSON line each, in a file beside the table.

A correction is on the disk before the page reports it as saved, so that no crash loses one. The
table is written afterwards; corrections that did not reach it are applied the next time.
"""

import heapq
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from marsam.batch.rows import Row
from marsam.batch.tables import map_write_errors
from marsam.errors import OptionError, reason_of

SUFFIX = ".corrections.jsonl"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One change of one image's texts; the attributes are the keys of the JSON line.

    Attributes:
        path: the image, as the row names it.
        sha256: its checksum: the correction is for all rows with this checksum.
        before: the texts before, by NLLB code; empty where there was none.
        texts: the texts after, for the same languages.
        was: the row's state before, as in the table.
        state: the row's state after: any but ``error``.
        warnings: the draft's warnings.
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

    def matches_before(self, row: Row) -> bool:
        """Whether a row has the texts and the state from before this correction."""
        return row.state == self.was and _has_texts(row, self.before)

    def matches_after(self, row: Row) -> bool:
        """Whether a row has the texts and the state from after this correction."""
        return row.state == self.state and _has_texts(row, self.texts)

    def apply(self, row: Row) -> Row:
        """Return the corrected row; the warnings were about the draft, and are removed."""
        row = row.in_state(self.state)
        texts = {**row.texts, **self.texts}
        # The next batch fills an empty text of a draft; a reviewer's empty text stays empty.
        texts = {code: text for code, text in texts.items() if text or row.reviewed}
        return replace(row, texts=texts, warnings=() if row.reviewed else self.warnings)


def _has_texts(row: Row, texts: Mapping[str, str]) -> bool:
    return all(row.texts.get(code, "") == text for code, text in texts.items())


class Corrections:
    """All corrections of a table, by image, and the file in which they are stored.

    Args:
        table: the table; the file is beside it.
        others: tables whose corrections are read too.

    Raises:
        OptionError: when a file cannot be read, or Marsam did not write it.
    """

    def __init__(self, table: Path, *others: Path) -> None:
        self.file, *other_files = dict.fromkeys(
            one.with_name(f"{one.stem}{SUFFIX}") for one in (table, *others)
        )
        self._by_image: defaultdict[str, list[Correction]] = defaultdict(list)
        # Within a file the order of the lines counts, even if the clock was set back.
        files = map(_read, (self.file, *other_files))
        for correction in heapq.merge(*files, key=lambda one: one.time):
            self._by_image[correction.sha256].append(correction)

    def of(self, sha256: str) -> list[Correction]:
        """Return the corrections of an image, the earliest first."""
        return self._by_image.get(sha256, []) if sha256 else []

    def drafts(self, sha256: str) -> Mapping[str, str]:
        """Return the texts of an image before its first correction, for corrected languages."""
        drafts: dict[str, str] = {}
        for correction in self.of(sha256):
            drafts = {**correction.before, **drafts}
        return drafts

    def apply(self, row: Row) -> Row:
        """Return the row with the corrections that its table does not have yet.

        A row that was changed later in another program stays as it is.
        """
        corrections = self.of(row.sha256)
        if corrections and not corrections[-1].matches_after(row):
            for correction in corrections:
                row = correction.apply(row) if correction.matches_before(row) else row
        return row

    def time_of(self, row: Row, default: float) -> float:
        """Return when the row was last corrected to its current state; ``default`` if never."""
        times = (one.time for one in self.of(row.sha256) if one.matches_after(row))
        return max(times, default=default)

    def without_missing_texts(self, row: Row) -> Row:
        """Return the row with the empty texts that a reviewer cleared, and no other empty texts.

        A column is also empty where the language was not requested, or its translation failed.
        Where no correction tells these apart, a reviewer cleared the text.
        """
        corrections = self.of(row.sha256)
        texts = {
            code: text
            for code, text in row.texts.items()
            if text or not corrections or any(one.before.get(code) for one in corrections)
        }
        return replace(row, texts=texts)

    def add(self, correction: Correction) -> None:
        """Store a correction; it is on the disk when this returns.

        Raises:
            DiskFull, OptionError: when the file cannot be written; it is then unchanged.
        """
        line = json.dumps(asdict(correction), ensure_ascii=False).encode("utf-8", "surrogatepass")
        line += b"\n"
        with map_write_errors(self.file.name), self.file.open("ab+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # a crash cut the last line
                    line = b"\n" + line
            try:
                while line:  # a disk that is nearly full takes only a part of it
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(end)
                raise
        self._by_image[correction.sha256].append(correction)


def _read(file: Path) -> Iterator[Correction]:
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise OptionError(
            "Cannot read {file}: {reason}.", file=file.name, reason=reason_of(error)
        ) from error
    for line in filter(None, lines):
        try:
            data = json.loads(line)
        except ValueError:
            continue  # cut by a crash, before it was reported as saved
        try:
            data["warnings"] = tuple(data["warnings"])
            yield Correction(**data)
        except (TypeError, KeyError) as error:
            raise OptionError(
                "{file} was not written by marsam review; move that file away.", file=file.name
            ) from error
