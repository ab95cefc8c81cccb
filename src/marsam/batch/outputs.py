"""The files a batch writes: each whole or not at all, and never over somebody else's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from marsam.batch.contact_sheet import SheetWriter, is_sheet
from marsam.batch.corrections import Corrections
from marsam.batch.lock import alone, leave
from marsam.batch.rows import Row
from marsam.batch.tables import CsvWriter, JsonLinesWriter, Output, ParquetWriter, Writer, read_rows
from marsam.errors import OptionError

TABLES: dict[str, Callable[[Path, Sequence[str]], Writer]] = {
    ".csv": CsvWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
}
SHEET = ".html"


def reviewed_rows(out: Sequence[Path]) -> dict[str, Row]:
    """The rows of earlier tables that somebody has read, by their pictures' hashes.

    A save counts wherever it was made, and whether or not it has reached its table. Where tables
    still differ, the latest word counts: a save's time is known, any other change is as old as its
    table.

    Raises:
        OptionError: when a file is there that is not ours, or would be of no kind we write.
    """
    corrections = Corrections(*(path.resolve() for path in out))
    found: dict[str, tuple[float, Row]] = {}
    for path in out:
        kind = path.suffix.lower()
        if kind not in (*TABLES, SHEET):
            raise OptionError(f"{path.name} must end in {', '.join((*TABLES, SHEET))}.")
        if not path.exists():
            continue
        taken = (
            f"{path.name} is there already and was not written by marsam batch; "
            "choose another name."
        )
        if kind == SHEET:
            if not is_sheet(path):
                raise OptionError(taken)
            continue
        try:
            changed = path.stat().st_mtime
            for row in map(corrections.corrected, read_rows(path)):
                time = corrections.since(row, changed)
                if row.reviewed and time >= found.get(row.sha256, (0.0, row))[0]:
                    found[row.sha256] = time, corrections.emptied(row)
        except OptionError as error:
            raise OptionError(taken) from error
    return {sha256: row for sha256, (_, row) in found.items()}


@contextmanager
def open_outputs(
    out: Sequence[Path], codes: Sequence[str], folder: Path, album: Path
) -> Iterator[list[Output]]:
    """The files to write; they take their places when all is done, and none of them before.

    Args:
        out: their paths.
        codes: NLLB codes of the languages, in the order of their columns.
        folder: where the pictures are that rows name.
        album: where new pictures are; rows name them from its parent.

    Raises:
        OptionError: when one cannot be written, or is by another program.
        DiskFull: when there is no room.
    """
    paths = list(dict.fromkeys(path.resolve() for path in out))
    with ExitStack() as stack:
        for table in {path.with_suffix(""): path for path in paths}.values():
            stack.callback(leave, alone(table))
        outputs: list[Output] = []
        for path in paths:
            outputs.append(Output(path, _writer(path, codes, folder, album)))
            stack.callback(outputs[-1].abandon)
        yield outputs
        for output in outputs:
            output.finish()


def _writer(
    path: Path, codes: Sequence[str], folder: Path, album: Path
) -> Callable[[Path], Writer]:
    kind = path.suffix.lower()
    if kind == SHEET:
        return partial(SheetWriter, folder=folder, album=album, home=path.parent)
    return lambda file: TABLES[kind](file, codes)
