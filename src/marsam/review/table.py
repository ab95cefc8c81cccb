"""A table under review: its rows, their corrections, and the file it is stored in."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from marsam.batch.corrections import Correction, Corrections
from marsam.batch.lock import lock_table, unlock
from marsam.batch.outputs import TABLE_WRITERS
from marsam.batch.rows import DRAFT, REVIEWED, Row
from marsam.batch.tables import AtomicOutput, language_tags, read_rows
from marsam.errors import LanguageError, MarsamError, OptionError
from marsam.options import checked_text
from marsam.text.cleaning import clean
from marsam.text.languages import ENGLISH, language

SYNC_WRITE_MAX_ROWS = 1000
"""Rows of a table that is rewritten at each save; a larger table is rewritten after a delay."""
MIN_WRITE_DELAY_S = 2.0
"""The delay; three times the duration of the last write if that is longer."""


class Review:
    """A table that is open for review, with the current state of its rows.

    Several threads may use it; other processes cannot open the table until :meth:`close`.

    Args:
        table: a table of ``marsam batch``.

    Attributes:
        rows: in the table's order.
        codes: NLLB codes of its languages, in the order of their columns.
        corrections: all corrections, also those that did not reach the table.
        write_error: why the last write of the table failed; empty if it did not.

    Raises:
        OptionError: when the table cannot be read, has no rows, or is in use by another process.
    """

    def __init__(self, table: Path) -> None:
        self.table = table.resolve()  # so that a link stays a link
        self.write_error = ""
        self._lock, self._write_lock = threading.RLock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._write_seconds = 0.0
        if not self.table.is_file():
            raise OptionError(f"File not found: {table.name}.")
        self._file_lock = lock_table(self.table)
        try:
            self._load()
        except BaseException:
            unlock(self._file_lock)
            raise

    def index_of(self, path: str, last_index: int) -> int | None:
        """Return the index of the row with a path, which is ``last_index`` in the usual case."""
        if 0 <= last_index < len(self.rows) and self.rows[last_index].path == path:
            return last_index
        return next((i for i, row in enumerate(self.rows) if row.path == path), None)

    def reload_if_changed(self) -> None:
        """Read the table again if another program has changed it."""
        with self._lock:
            if _file_version(self.table) != self._version:
                with suppress(MarsamError):  # missing or damaged: the next write reports it
                    self._load()

    def save(self, index: int, texts: Mapping[str, str], expected: str) -> bool:
        """Save texts as reviewed; False, with no change, when the row was changed meanwhile.

        The correction is on the disk when this returns.

        Args:
            index: of the row.
            texts: by NLLB code; an empty text clears it.
            expected: :func:`digest` of the row that the reviewer saw.

        Raises:
            PromptError: when all texts are empty, or one is too long.
            OptionError: when the row's image could not be read, or the file cannot be written.
            DiskFull: when the disk is full.
        """
        cleaned = {code: clean(text) for code, text in texts.items()}
        for code, text in cleaned.items():
            if text or not any(cleaned.values()):
                checked_text(text, f"{language(code).en} text")
        return self._change(index, cleaned, REVIEWED, expected)

    def reopen(self, index: int, expected: str) -> bool:
        """Make a reviewed row a draft again, with its current texts; otherwise as :meth:`save`."""
        if not self.rows[index].reviewed:
            return True
        return self._change(index, {}, DRAFT, expected)

    def close(self) -> None:
        """Write what is not in the table yet, and unlock it."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        if timer is not None or self.write_error:
            self._write()
        with self._write_lock:
            unlock(self._file_lock)

    def _change(self, index: int, texts: Mapping[str, str], state: str, expected: str) -> bool:
        with self._lock:
            self.reload_if_changed()
            if not 0 <= index < len(self.rows):
                return False
            row = self.rows[index]
            if not row.sha256:
                raise OptionError(f"{row.path} could not be read as an image, and has no texts.")
            texts = texts or {code: row.texts.get(code, "") for code in self.codes}
            earlier = self.corrections.of(row.sha256)
            warnings = earlier[-1].warnings if row.reviewed and earlier else row.warnings
            correction = Correction(
                path=row.path,
                sha256=row.sha256,
                before={code: row.texts.get(code, "") for code in texts},
                texts=texts,
                was=row.state,
                state=state,
                warnings=warnings,
                time=round(time.time(), 3),
            )
            if correction.matches_after(row):
                return True  # the same request twice
            if digest(row) != expected:
                return False
            self.corrections.add(correction)
            self._apply_corrections()
            if len(self.rows) > SYNC_WRITE_MAX_ROWS:
                self._schedule_write()
                return True
        self._write()
        return True

    def _load(self) -> None:
        """Read the table, and apply the corrections that did not reach it."""
        self._version = _file_version(self.table)
        self.rows, self.codes = read_table(self.table)
        self.corrections = Corrections(self.table)
        if self._apply_corrections():
            self._schedule_write()

    def _apply_corrections(self) -> bool:
        before = self.rows
        self.rows = [self.corrections.apply(row) for row in before]
        # A correction may add a language that the table has no column for.
        used = dict.fromkeys(code for row in self.rows for code in row.texts)
        self.codes = list(dict.fromkeys([*self.codes, *used]))
        return self.rows != before

    def _schedule_write(self) -> None:
        with self._lock:
            if self._timer is None:
                delay = max(MIN_WRITE_DELAY_S, 3 * self._write_seconds)
                self._timer = threading.Timer(delay, self._write)
                self._timer.daemon = True
                self._timer.start()

    def _write(self) -> None:
        """Replace the table by its rows with all corrections.

        The rows are read from the file again, so that changes by another program are kept.
        """
        with self._write_lock:
            with self._lock:
                self._timer = None
            started, version, output = time.monotonic(), _file_version(self.table), None
            try:
                writer = TABLE_WRITERS[self.table.suffix.lower()]
                output = AtomicOutput(self.table, lambda file: writer(file, self.codes))
                for row in read_rows(self.table):
                    output.write(self.corrections.apply(row))
                output.commit()
                self.write_error, self._write_seconds = "", time.monotonic() - started
                with self._lock:
                    if version == self._version:  # otherwise the rows must be loaded again
                        self._version = _file_version(self.table)
            # ValueError: a character or a column that the format cannot store.
            except (MarsamError, ValueError) as error:
                self.write_error = str(error)
            finally:
                if output is not None:
                    output.discard()


def digest(row: Row) -> str:
    """Return a short hash of a row's state and texts, to detect changes by others."""
    # Without empty texts: a new empty column is no change for the reviewer.
    texts = sorted((code, text) for code, text in row.texts.items() if text)
    content = json.dumps([row.path, row.sha256, row.state, texts])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def read_table(table: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of a table, and the NLLB codes of its languages.

    Raises:
        OptionError: when the table cannot be read, or has no rows.
    """
    rows = list(read_rows(table))
    if not rows:
        raise OptionError(
            f"{table.name} has no rows. Create it with: marsam batch FOLDER --out {table.name}"
        )
    try:
        codes = [language(tag).code for tag in language_tags(table)]
    except LanguageError as error:
        raise OptionError(f"{table.name} was not written by marsam batch.") from error
    # English is missing where every row has an error.
    return rows, codes if ENGLISH.code in codes else [ENGLISH.code, *codes]


def _file_version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
