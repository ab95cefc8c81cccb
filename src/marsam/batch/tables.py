"""Tables of rows: CSV, workbooks, JSON Lines, Parquet; written completely or not at all."""

import codecs
import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from marsam.atomic import commit, partial_path
from marsam.batch.discovery import require_folder
from marsam.batch.rows import FIRST_COLUMNS, LAST_COLUMNS, OPTIONAL_COLUMNS, Row, column_names
from marsam.errors import DiskFull, LettersLost, OptionError, is_disk_full, reason_of
from marsam.text.languages import language

PARQUET_ROW_GROUP_SIZE = 1000
"""Rows of a Parquet row group, which is built in memory."""
FORMULA_PREFIXES = tuple("=+-@\t\r")
"""First characters of cells that spreadsheets evaluate instead of showing them."""


class Writer(ABC):
    """Writes a file row by row."""

    _file: Any

    @abstractmethod
    def write(self, row: Row) -> None:
        """Add a row."""

    def close(self) -> None:
        """Finish and close the file."""
        self._file.close()


class AtomicOutput:
    """A file that is written under a temporary name and gets its own name when it is complete.

    Args:
        path: the final file.
        make: opens a writer on the path it is given.

    Raises:
        OptionError: when the file cannot be written.
        DiskFull: when the disk is full.
    """

    def __init__(self, path: Path, make: Callable[[Path], Writer]) -> None:
        self.path = path
        self._partial = partial_path(path)
        require_folder(path.parent)
        with map_write_errors(str(path)):
            self._writer = make(self._partial)

    def write(self, row: Row) -> None:
        """Add a row; errors as of the constructor. An existing file is not changed."""
        with map_write_errors(self.path.name):
            self._writer.write(row)

    def commit(self) -> None:
        """Write the file to the disk and replace an existing file; errors as of the constructor."""
        with map_write_errors(self.path.name):
            self._writer.close()
            commit(self._partial, self.path)

    def discard(self) -> None:
        """Delete the unfinished file; do nothing after :meth:`commit`."""
        with suppress(Exception):
            self._writer.close()
        self._partial.unlink(missing_ok=True)


@contextmanager
def map_write_errors(name: str) -> Iterator[None]:
    """Map an ``OSError`` while a file is written to DiskFull or OptionError."""
    try:
        yield
    except OSError as error:
        kind = DiskFull if is_disk_full(error) else OptionError
        raise kind("Cannot write {path}: {reason}.", path=name, reason=reason_of(error)) from error


class CsvWriter(Writer):
    """CSV as Excel opens it: UTF-8 with a byte order mark, and formulas escaped."""

    def __init__(self, path: Path, codes: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.DictWriter(self._file, column_names(codes, optional), restval="")
        self._rows.writeheader()

    def write(self, row: Row) -> None:
        """Add a row."""
        self._rows.writerow(
            {name: _escape_formula(value) for name, value in row.to_columns().items()}
        )


class XlsxWriter(Writer):
    """A workbook: the header stays in sight, and texts are texts, from right to left where due."""

    def __init__(self, path: Path, codes: Sequence[str], optional: Sequence[str] = ()) -> None:
        from openpyxl import Workbook
        from openpyxl.styles import Alignment
        from openpyxl.utils import get_column_letter

        self._path, self._names = path, column_names(codes, optional)
        self._file = Workbook(write_only=True)
        self._sheet = self._file.create_sheet("Marsam")
        self._sheet.freeze_panes = "A2"
        texts = {language(code).tag: language(code).direction for code in codes}
        texts["native"] = "rtl"
        self._alignments = {
            name: Alignment(
                wrap_text=name in texts,
                vertical="top",
                readingOrder=2 if texts.get(name) == "rtl" else 0,
            )
            for name in self._names
        }
        for index, name in enumerate(self._names, 1):
            width = 50 if name in texts else 24 if name in ("path", "error") else 12
            self._sheet.column_dimensions[get_column_letter(index)].width = width
        self._append(dict(zip(self._names, self._names, strict=True)))

    def write(self, row: Row) -> None:
        """Add a row."""
        self._append(dict.fromkeys(self._names, "") | row.to_columns())

    def _append(self, values: Mapping[str, Any]) -> None:
        from openpyxl.cell import WriteOnlyCell

        cells = []
        for name in self._names:
            cell = WriteOnlyCell(self._sheet, values[name])
            if isinstance(values[name], str):
                cell.data_type = "s"  # never a formula
            cell.alignment = self._alignments[name]
            cells.append(cell)
        self._sheet.append(cells)

    def close(self) -> None:
        """Finish and close the file."""
        self._file.save(self._path)


class JsonLinesWriter(Writer):
    """JSON Lines: one object for each row."""

    def __init__(self, path: Path, codes: Sequence[str], optional: Sequence[str] = ()) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._names = column_names(codes, optional)

    def write(self, row: Row) -> None:
        """Add a row."""
        data = dict.fromkeys(self._names, "") | row.to_columns()
        self._file.write(json.dumps(data, ensure_ascii=False) + "\n")


class ParquetWriter(Writer):
    """Parquet: text columns, and 32-bit integers for the width and height."""

    def __init__(self, path: Path, codes: Sequence[str], optional: Sequence[str] = ()) -> None:
        pyarrow, parquet = _parquet()
        self._names = column_names(codes, optional)
        types = {"width": pyarrow.int32(), "height": pyarrow.int32()}
        schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in self._names])
        self._table = partial(pyarrow.Table.from_pylist, schema=schema)
        self._file = parquet.ParquetWriter(path, schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(dict.fromkeys(self._names, "") | row.to_columns())
        if len(self._rows) >= PARQUET_ROW_GROUP_SIZE:
            self._flush()

    def close(self) -> None:
        """Finish and close the file."""
        self._flush()
        super().close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(self._table(self._rows))
            self._rows = []


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table that :command:`marsam batch` wrote.

    Raises:
        OptionError: when the table is missing, damaged, or not written by Marsam.
    """
    try:
        for data in _read_columns(path):
            yield Row.from_columns(data)
    except FileNotFoundError as error:
        raise OptionError("File not found: {file}.", file=path.name) from error
    except (OSError, ValueError, csv.Error) as error:
        raise OptionError(
            "{file} is damaged, or not a table of marsam batch.", file=path.name
        ) from error


def language_tags(path: Path) -> list[str]:
    """Return the tags of the languages that a table has columns for; none if it has no rows."""
    with closing(_read_columns(path)) as rows:
        names = next(rows, {})
    others = (*FIRST_COLUMNS, *OPTIONAL_COLUMNS, *LAST_COLUMNS)
    return [name for name in names if name not in others]


def _read_columns(path: Path) -> Generator[dict[str, Any]]:
    """Yield the values of each row, by column."""
    match path.suffix.lower():
        case ".csv":
            encoding, separator, skipped = _csv_dialect(path)
            with path.open(encoding=encoding, newline="") as file:
                file.read(skipped)
                for data in csv.DictReader(file, delimiter=separator, strict=True):
                    data.pop(None, None)  # values without a column
                    values = {name: _unescape_formula(value) for name, value in data.items()}
                    _refuse_lost_letters(path, values)
                    yield values
        case ".xlsx":
            yield from _read_xlsx(path)
        case ".jsonl":
            with path.open(encoding="utf-8") as file:
                yield from map(json.loads, file)
        case ".parquet":
            with _parquet()[1].ParquetFile(path) as table:
                for rows in table.iter_batches(batch_size=PARQUET_ROW_GROUP_SIZE):
                    yield from rows.to_pylist()
        case _:
            raise OptionError(
                "Cannot read {file}: supported table formats are .csv, .xlsx, .jsonl and .parquet.",
                file=path.name,
            )


def _csv_dialect(path: Path) -> tuple[str, str, int]:
    """The encoding, the separator and the characters before the header of a table.

    Spreadsheets save a table in UTF-8, in UTF-16 with tabs, or in the code page of Windows, and
    separated by what their country uses.
    """
    data = path.read_bytes()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            # Arabic words are runs of letters that are no ASCII; in European ones they are single.
            encoding = "cp1256" if re.search(rb"[\xc0-\xff]{3}", data) else "cp1252"
    start = data[:10_000].decode(encoding, errors="ignore")
    first, _, _ = start.partition("\n")
    if match := re.fullmatch(r"sep=(.)\r?", first):
        return encoding, match[1], len(first) + 1
    return encoding, max(",;\t", key=first.count), 0


def _refuse_lost_letters(path: Path, values: Mapping[str, str | None]) -> None:
    """Refuse a table in which the program that saved it put "?" in the place of letters."""
    for tag, text in values.items():
        if text and "???" in text and tag not in (*FIRST_COLUMNS, *LAST_COLUMNS):
            raise LettersLost(
                "{file} was saved without its Arabic letters; open the original again, and "
                "save it as CSV UTF-8 or as .xlsx.",
                file=path.name,
            )


def _read_xlsx(path: Path) -> Iterator[dict[str, Any]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with closing(load_workbook(path, read_only=True, data_only=True)) as book:
            rows = book.worksheets[0].iter_rows(values_only=True)
            names = [str(name) for name in next(rows, ()) if name is not None]
            for row in rows:
                if any(value not in (None, "") for value in row):
                    yield dict(zip(names, row, strict=False))
    except (BadZipFile, InvalidFileException, KeyError) as error:
        raise ValueError(f"{path.name} is no workbook") from error


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise OptionError(
            "Parquet needs the extra 'parquet'. In a clone of Marsam run: "
            "pip install -e '.[parquet]'"
        ) from error
    return pyarrow, parquet


def _escape_formula(value: object) -> object:
    """Prefix a quote, so that spreadsheets show a text instead of evaluating it."""
    if isinstance(value, str) and value.lstrip("'").startswith(FORMULA_PREFIXES):
        return f"'{value}"
    return value


def _unescape_formula(value: str | None) -> str | None:
    if value and value.startswith("'") and value.lstrip("'").startswith(FORMULA_PREFIXES):
        return value[1:]
    return value
