"""A table under review: its rows, what people make of them, and the file they come from."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from marsam.batch.corrections import Correction, Corrections
from marsam.batch.lock import alone, leave
from marsam.batch.outputs import TABLES
from marsam.batch.rows import DRAFT, REVIEWED, Row
from marsam.batch.tables import Output, languages_of, read_rows
from marsam.errors import LanguageError, MarsamError, OptionError
from marsam.options import checked_text
from marsam.text.cleaning import clean
from marsam.text.languages import ENGLISH, language

AT_ONCE = 1000
"""Rows of a table that is written anew with every save; a larger one follows a little later."""
PAUSE = 2.0
"""Seconds a larger table waits for more saves; three times what writing takes, if that is more."""


class Review:
    """The rows of a table as they stand, for as many readers as there are.

    Several threads may use it; other processes are kept out until :meth:`close`.

    Args:
        table: as ``marsam batch`` wrote it.

    Attributes:
        rows: in the table's order.
        codes: NLLB codes of its languages, in the order of their columns.
        trouble: why the last saves are not in the table yet; empty when they are, or will be.

    Raises:
        OptionError: when it cannot be read, holds nothing, or is under review already.
    """

    def __init__(self, table: Path) -> None:
        self.table = table.resolve()  # what a link points to is replaced, not the link
        self.trouble = ""
        self._lock, self._writing = threading.RLock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._took = 0.0
        if not self.table.is_file():
            raise OptionError(f"There is no file {table.name}.")
        self._turn = alone(self.table)
        try:
            self._load()
        except BaseException:
            leave(self._turn)
            raise

    def number(self, path: str, near: int) -> int | None:
        """Where the row of a path is: ``near``, unless the table was changed."""
        if 0 <= near < len(self.rows) and self.rows[near].path == path:
            return near
        return next((i for i, row in enumerate(self.rows) if row.path == path), None)

    @property
    def kept_in(self) -> Path:
        """The file that has every save, whatever becomes of the table."""
        return self._corrections.file

    def look(self) -> None:
        """See what other programs did to the table meanwhile."""
        with self._lock:
            if _stamp(self.table) != self._stamp:
                with suppress(MarsamError):  # gone or damaged: writing it will tell
                    self._load()

    def save(self, number: int, texts: Mapping[str, str], seen: str) -> bool:
        """Keep texts as reviewed; False when the row is not as it was ``seen`` any more.

        It is on the disk when this returns.

        Args:
            number: of the row.
            texts: by NLLB code; empty for none.
            seen: the row's :func:`digest` when the reader began.

        Raises:
            PromptError: when all texts are empty, or one is too long.
            OptionError: for a file that could not be read.
            DiskFull: when it cannot be kept.
        """
        kept = {code: clean(text) for code, text in texts.items()}
        for code, text in kept.items():
            if text or not any(kept.values()):
                checked_text(text, f"{language(code).en} text")
        return self._change(number, kept, REVIEWED, seen)

    def reopen(self, number: int, seen: str) -> bool:
        """Make a reviewed row a draft again, with the texts it has; like :meth:`save`."""
        if not self.rows[number].reviewed:
            return True
        return self._change(number, {}, DRAFT, seen)

    def close(self) -> None:
        """Bring the table up to date, and let others in."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
        if timer is not None or self.trouble:
            self._write()
        with self._writing:
            leave(self._turn)

    def _change(self, number: int, texts: Mapping[str, str], state: str, seen: str) -> bool:
        with self._lock:
            self.look()
            if not 0 <= number < len(self.rows):
                return False
            row = self.rows[number]
            if not row.sha256:
                raise OptionError(f"{row.path} was never read as a picture; it has no words.")
            texts = texts or {code: row.texts.get(code, "") for code in self.codes}
            earlier = self._corrections.of(row.sha256)
            remarks = earlier[-1].warnings if row.reviewed and earlier else row.warnings
            save = Correction(
                path=row.path,
                sha256=row.sha256,
                before={code: row.texts.get(code, "") for code in texts},
                texts=texts,
                was=row.state,
                state=state,
                warnings=remarks,
                time=round(time.time(), 3),
            )
            if save.is_in(row):
                return True  # a key that was pressed twice
            if digest(row) != seen:
                return False
            self._corrections.add(save)
            self._correct()
            if len(self.rows) > AT_ONCE:
                self._write_later()
                return True
        self._write()
        return True

    def _load(self) -> None:
        """Read the table, and put in what has not reached it."""
        self._stamp = _stamp(self.table)
        self.rows, self.codes = read_table(self.table)
        self._corrections = Corrections(self.table)
        if self._correct():
            self._write_later()

    def _correct(self) -> bool:
        before = self.rows
        self.rows = [self._corrections.corrected(row) for row in before]
        # A correction may bring a language that the table has no column for.
        used = dict.fromkeys(code for row in self.rows for code in row.texts)
        self.codes = list(dict.fromkeys([*self.codes, *used]))
        return self.rows != before

    def _write_later(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(max(PAUSE, 3 * self._took), self._write)
                self._timer.daemon = True
                self._timer.start()

    def _write(self) -> None:
        """The table as it is now, with every save, in its place at once.

        It is read again for this: what another program put there stays.
        """
        with self._writing:
            with self._lock:
                self._timer = None
            began, found, output = time.monotonic(), _stamp(self.table), None
            try:
                write = TABLES[self.table.suffix.lower()]
                output = Output(self.table, lambda file: write(file, self.codes))
                for row in read_rows(self.table):
                    output.write(self._corrections.corrected(row))
                output.finish()
                self.trouble, self._took = "", time.monotonic() - began
                with self._lock:
                    if found == self._stamp:  # else there is something we have not looked at
                        self._stamp = _stamp(self.table)
            except (
                MarsamError,
                ValueError,
            ) as error:  # a letter, or a column, that cannot be written
                self.trouble = str(error)
            finally:
                if output is not None:
                    output.abandon()


def digest(row: Row) -> str:
    """Changes whenever the row does."""
    # A column more that is empty changes nothing for its reader.
    texts = sorted((code, text) for code, text in row.texts.items() if text)
    told = json.dumps([row.path, row.sha256, row.state, texts])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def read_table(table: Path) -> tuple[list[Row], list[str]]:
    """The rows of a table, and the NLLB codes of its languages.

    Raises:
        OptionError: when it cannot be read, or holds nothing.
    """
    rows = list(read_rows(table))
    if not rows:
        raise OptionError(f"{table.name} holds no pictures; marsam batch describes a folder.")
    try:
        codes = [language(tag).code for tag in languages_of(table)]
    except LanguageError as error:
        raise OptionError(f"{table.name} was not written by marsam batch.") from error
    # English may be missing where every row failed.
    return rows, codes if ENGLISH.code in codes else [ENGLISH.code, *codes]


def _stamp(table: Path) -> tuple[int, int, int] | None:
    try:
        state = os.stat(table)  # noqa: PTH116
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
