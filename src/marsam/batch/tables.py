"""Rows as files: CSV for spreadsheets, JSON lines, Parquet; written whole or not at all."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from marsam.atomic import commit, partial_path
from marsam.batch.rows import AFTER, BEFORE, Row, heading
from marsam.errors import DiskFull, OptionError

GROUP = 1000
"""Rows of a Parquet row group: what is held in memory."""
FORMULAS = tuple("=+-@\t\r")
"""How a cell begins that spreadsheets would compute instead of show."""


class Writer(Protocol):
    """Takes rows one by one."""

    def write(self, row: Row) -> None:
        """One more row."""
        ...

    def close(self) -> None:
        """That was the last."""
        ...


class Output:
    """A file that is written under another name and takes its own when it is complete.

    Args:
        path: where.
        make: opens a writer on the file it is given.
    """

    def __init__(self, path: Path, make: Callable[[Path], Writer]) -> None:
        self.path = path
        self._partial = partial_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = make(self._partial)
        except OSError as error:
            raise OptionError(f"{path} cannot be written: {error.strerror}.") from error

    def write(self, row: Row) -> None:
        """One more row.

        Raises:
            DiskFull: when there is no room; the earlier file, if there was one, is still there.
        """
        with _room(self.path):
            self._writer.write(row)

    def finish(self) -> None:
        """Put the file in its place: from now on it is there, whatever happens."""
        with _room(self.path):
            self._writer.close()
            commit(self._partial, self.path)

    def abandon(self) -> None:
        """Leave what is there as it is; nothing to do for a file that is finished."""
        with suppress(Exception):
            self._writer.close()
        self._partial.unlink(missing_ok=True)


@contextmanager
def _room(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskFull(f"{path.name} cannot be written: {error.strerror}.") from error


class CsvWriter:
    """As Excel opens it: UTF-8 with its mark, and nothing that would be computed."""

    def __init__(self, path: Path, codes: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.DictWriter(self._file, heading(list(codes)), restval="")
        self._rows.writeheader()

    def write(self, row: Row) -> None:
        """One more row."""
        self._rows.writerow({name: _defused(value) for name, value in row.columns().items()})

    def close(self) -> None:
        """That was the last."""
        self._file.close()


class JsonLinesWriter:
    """One JSON object a line."""

    def __init__(self, path: Path, codes: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._names = heading(list(codes))

    def write(self, row: Row) -> None:
        """One more row."""
        data = dict.fromkeys(self._names, "") | row.columns()
        self._file.write(json.dumps(data, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """That was the last."""
        self._file.close()


class ParquetWriter:
    """Columns of text and numbers, as data tools read them."""

    def __init__(self, path: Path, codes: Sequence[str]) -> None:
        pyarrow, parquet = _parquet()
        self._names = heading(list(codes))
        kinds = {"width": pyarrow.int32(), "height": pyarrow.int32()}
        schema = pyarrow.schema([(n, kinds.get(n, pyarrow.string())) for n in self._names])
        self._table: Any = partial(pyarrow.Table.from_pylist, schema=schema)
        self._file = parquet.ParquetWriter(path, schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, row: Row) -> None:
        """One more row."""
        self._rows.append(dict.fromkeys(self._names, "") | row.columns())
        if len(self._rows) >= GROUP:
            self._flush()

    def close(self) -> None:
        """That was the last."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(self._table(self._rows))
            self._rows = []


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a table that :command:`marsam batch` wrote, one by one.

    Raises:
        OptionError: when it is missing, damaged, or no table of ours.
    """
    read = {".csv": _read_csv, ".jsonl": _read_json_lines, ".parquet": _read_parquet}
    try:
        for data in read[path.suffix.lower()](path):
            yield Row.from_columns(data)
    except OptionError:
        raise
    except KeyError as error:
        raise OptionError(f"{path.name} is no table; give a .csv, .jsonl or .parquet.") from error
    except FileNotFoundError as error:
        raise OptionError(f"There is no file {path.name}.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise OptionError(f"{path.name} cannot be read as a table of marsam batch.") from error


def languages_of(path: Path) -> list[str]:
    """The tags of the languages a table has columns for."""
    names: Sequence[str] = ()
    if path.suffix.lower() == ".parquet":
        names = _parquet()[1].read_schema(path).names
    elif path.suffix.lower() == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    else:
        with path.open(encoding="utf-8") as file:
            names = list(json.loads(file.readline() or "{}"))
    return [name for name in names if name not in (*BEFORE, *AFTER)]


def _read_csv(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for data in csv.DictReader(file, strict=True):
            yield {name: _restored(value) for name, value in data.items() if name is not None}


def _read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    with _parquet()[1].ParquetFile(path) as file:
        for rows in file.iter_batches(batch_size=GROUP):
            yield from rows.to_pylist()


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


def _defused(value: object) -> object:
    """A text that a spreadsheet shows and does not compute; :func:`_restored` is the way back."""
    if isinstance(value, str) and value.lstrip("'").startswith(FORMULAS):
        return f"'{value}"
    return value


def _restored(value: str | None) -> str | None:
    if value and value.startswith("'") and value.lstrip("'").startswith(FORMULAS):
        return value[1:]
    return value
