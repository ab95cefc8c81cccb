"""The files that a batch writes: each complete or not at all, and never over a foreign file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from marsam.batch.contact_sheet import ContactSheetWriter, is_contact_sheet
from marsam.batch.corrections import Corrections
from marsam.batch.lock import lock_table, unlock
from marsam.batch.rows import Row
from marsam.batch.tables import (
    AtomicOutput,
    CsvWriter,
    JsonLinesWriter,
    ParquetWriter,
    Writer,
    XlsxWriter,
    read_rows,
)
from marsam.errors import LettersLost, OptionError

TABLE_WRITERS: dict[str, Callable[[Path, Sequence[str], Sequence[str]], Writer]] = {
    ".csv": CsvWriter,
    ".xlsx": XlsxWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
}
CONTACT_SHEET = ".html"


def kept_rows(out: Sequence[Path]) -> dict[str, Row]:
    """Return the rows of existing tables whose texts are a person's, by the checksum of the images.

    A correction counts in whichever table it was made, also if it was not written to that table
    yet. Where tables still differ, the latest version counts: a correction has a time, any other
    change the modification time of its table.

    Raises:
        OptionError: when Marsam did not write an existing file, or a suffix is unknown.
    """
    corrections = Corrections(*(path.resolve() for path in out))
    latest: dict[str, tuple[float, Row]] = {}
    for path in out:
        suffix = path.suffix.lower()
        if suffix not in (*TABLE_WRITERS, CONTACT_SHEET):
            raise OptionError(
                "Cannot write {file}: supported output formats are {formats} and {sheet}.",
                file=path.name,
                formats=list(TABLE_WRITERS),
                sheet=CONTACT_SHEET,
            )
        if not path.exists():
            continue
        try:
            modified = path.stat().st_mtime
            # Any other .html file is no table, and read_rows says so.
            rows = () if suffix == CONTACT_SHEET and is_contact_sheet(path) else read_rows(path)
            for row in map(corrections.apply, rows):
                time = corrections.time_of(row, default=modified)
                if row.is_kept and time >= latest.get(row.sha256, (0.0, row))[0]:
                    latest[row.sha256] = time, corrections.without_missing_texts(row)
        except LettersLost:
            raise
        except OptionError as error:
            raise OptionError(
                "{file} already exists and was not written by marsam batch; choose another name.",
                file=path.name,
            ) from error
    return {sha256: row for sha256, (_, row) in latest.items()}


@contextmanager
def open_outputs(
    out: Sequence[Path],
    codes: Sequence[str],
    folder: Path,
    pictures_folder: Path,
    *,
    optional: Sequence[str] = (),
) -> Iterator[list[AtomicOutput]]:
    """Open the files to write; all get their final names at the end, none of them after an error.

    The columns of the languages have the order of ``codes`` (NLLB codes); after them come the
    ``optional`` ones. The folders are those of :class:`ContactSheetWriter`.

    Raises:
        OptionError: when a file cannot be written, or another process is writing it.
        DiskFull: when the disk is full.
    """
    paths = list(dict.fromkeys(path.resolve() for path in out))
    with ExitStack() as stack:
        for table in {path.with_suffix(""): path for path in paths}.values():
            stack.callback(unlock, lock_table(table))

        def make(suffix: str, file: Path) -> Writer:
            if suffix == CONTACT_SHEET:
                return ContactSheetWriter(file, folder=folder, pictures_folder=pictures_folder)
            return TABLE_WRITERS[suffix](file, codes, optional)

        outputs: list[AtomicOutput] = []
        for path in paths:
            outputs.append(AtomicOutput(path, partial(make, path.suffix.lower())))
            stack.callback(outputs[-1].discard)
        yield outputs
        for output in outputs:
            output.commit()
