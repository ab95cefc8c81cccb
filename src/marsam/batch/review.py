"""A table under review: its rows, their corrections, and the file it is stored in."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from marsam.batch.corrections import Correction, Corrections
from marsam.batch.lock import lock_table, unlock
from marsam.batch.outputs import TABLE_WRITERS
from marsam.batch.rows import DECORATIVE, DRAFT, EDITED, REVIEWED, Row, optional_columns
from marsam.batch.tables import AtomicOutput, language_tags, read_rows
from marsam.errors import LanguageError, MarsamError, OptionError
from marsam.messages import Message
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
        codes: NLLB codes of the languages of a table that grows by :meth:`append` and may not exist
            yet; None for a table that was written before.

    Attributes:
        rows: in the table's order.
        codes: NLLB codes of its languages, in the order of their columns.
        corrections: all corrections, also those that did not reach the table.
        write_error: why the last write of the table failed; None if it did not.

    Raises:
        OptionError: when the table cannot be read, has no rows, or is in use by another process.
    """

    def __init__(self, table: Path, codes: Sequence[str] | None = None) -> None:
        self.table = table.resolve()  # so that a link stays a link
        self._new_codes = codes
        self.rows: list[Row] = []
        self.write_error: MarsamError | None = None
        self._lock, self._write_lock = threading.RLock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._write_seconds = 0.0
        if codes is None and not self.table.is_file():
            raise OptionError("File not found: {file}.", file=table.name)
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

    def append(self, row: Row) -> None:
        """Add a row at the end; it is in the table when this returns.

        Raises:
            OptionError, DiskFull: when the table cannot be written.
        """
        self._write(row)
        if self.write_error:
            raise self.write_error
        with self._lock:
            self.rows.append(self.corrections.apply(row))

    def remove(self, path: str) -> None:
        """Remove the row of a picture; it is not in the table any more when this returns.

        Raises:
            OptionError, DiskFull: when the table cannot be written.
        """
        self._write(removed=path)
        if self.write_error:
            raise self.write_error
        with self._lock:
            self.rows = [row for row in self.rows if row.path != path]

    def save(
        self, index: int, texts: Mapping[str, str], expected: str, *, reviewed: bool = True
    ) -> bool:
        """Save texts; False, with no change, when the row was changed meanwhile.

        The correction is on the disk when this returns.

        Args:
            index: of the row.
            texts: by NLLB code; an empty text clears it.
            expected: :func:`digest` of the row that the reviewer saw.
            reviewed: whether the reviewer approves all texts of the row; otherwise the row is
                ``edited``, unless the texts are the models' drafts.

        Raises:
            PromptError: when all texts are empty, or one is too long.
            OptionError: when the row's image could not be read, or the file cannot be written.
            DiskFull: when the disk is full.
        """
        cleaned = {code: clean(text) for code, text in texts.items()}
        for code, text in cleaned.items():
            if text or not any(cleaned.values()):
                checked_text(text, Message("{language} text", language=language(code)))
        return self._change(index, cleaned, REVIEWED if reviewed else EDITED, expected)

    def reopen(self, index: int, expected: str) -> bool:
        """Take the approval of a row back; its texts stay. Otherwise as :meth:`save`."""
        if self.rows[index].decorative:
            return self.mark_decorative(index, expected, decorative=False)
        if not self.rows[index].reviewed:
            return True
        return self._change(index, {}, EDITED, expected)

    def mark_decorative(self, index: int, expected: str, *, decorative: bool = True) -> bool:
        """Mark a picture as decorative, or give it back its texts; otherwise as :meth:`save`."""
        row = self.rows[index]
        if decorative:
            return self._change(index, dict.fromkeys(self.codes, ""), DECORATIVE, expected)
        if not row.decorative:
            return True
        earlier = self.corrections.of(row.sha256)
        if not earlier or not earlier[-1].matches_after(row):  # it was marked in a spreadsheet
            return self._change(index, {}, EDITED, expected)
        state = REVIEWED if earlier[-1].was == REVIEWED else EDITED
        return self._change(index, earlier[-1].before, state, expected)

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
                raise OptionError(
                    "{image} could not be read as an image, and has no texts.", image=row.path
                )
            texts = texts or {code: row.texts.get(code, "") for code in self.codes}
            earlier = self.corrections.of(row.sha256)
            if state == EDITED and self._are_drafts(row, texts):
                state = DRAFT
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

    def _are_drafts(self, row: Row, texts: Mapping[str, str]) -> bool:
        """Whether texts are those that the models wrote."""
        earlier = self.corrections.of(row.sha256)
        drafts = {**row.texts, **self.corrections.drafts(row.sha256)}
        was = earlier[0].was if earlier else row.state
        return was == DRAFT and all(text == drafts.get(code, "") for code, text in texts.items())

    def _load(self) -> None:
        """Read the table, and apply the corrections that did not reach it."""
        self._version = _file_version(self.table)
        if self._new_codes is not None and self._version is None:
            self.rows, self.codes = [], list(self._new_codes)
        else:
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

    def _write(self, *added: Row, removed: str = "") -> None:
        """Replace the table by its rows with all corrections, and ``added`` rows.

        A row whose path is ``removed`` is left out.

        The rows are read from the file again, so that changes by another program are kept.
        """
        with self._write_lock:
            with self._lock:
                self._timer = None
            started, version, output = time.monotonic(), _file_version(self.table), None
            try:
                writer = TABLE_WRITERS[self.table.suffix.lower()]
                optional = optional_columns(self.rows)
                output = AtomicOutput(self.table, lambda file: writer(file, self.codes, optional))
                for row in chain(() if version is None else read_rows(self.table), added):
                    if row.path != removed:
                        output.write(self.corrections.apply(row))
                output.commit()
                self.write_error, self._write_seconds = None, time.monotonic() - started
                with self._lock:
                    if version == self._version:  # otherwise the rows must be loaded again
                        self._version = _file_version(self.table)
            except MarsamError as error:
                self.write_error = error
            except ValueError as error:
                self.write_error = OptionError(
                    "{file} cannot hold a character or a column of the table: {reason}.",
                    file=self.table.name,
                    reason=error,
                )
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
            "{file} has no rows. Create it with: marsam batch FOLDER --out {file}", file=table.name
        )
    try:
        codes = [language(tag).code for tag in language_tags(table)]
    except LanguageError as error:
        raise OptionError("{file} was not written by marsam batch.", file=table.name) from error
    # English is missing where every row has an error.
    return rows, codes if ENGLISH.code in codes else [ENGLISH.code, *codes]


def _file_version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
