"""What people corrected, apart: training pairs as JSON lines, terms as a glossary."""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

from marsam.batch.corrections import Corrections
from marsam.batch.rows import Row
from marsam.batch.tables import Output
from marsam.errors import OptionError
from marsam.review.table import read_table
from marsam.text.cleaning import clean
from marsam.text.glossary import MAX_TERMS
from marsam.text.languages import ARABIC

PAIRS, GLOSSARY = ".jsonl", ".toml"
_MARK = "# Terms that people corrected, written by marsam review.\n"


def export(table: Path, out: Iterable[Path]) -> list[Path]:
    """Write what was reviewed in a table; a page may be open on it meanwhile.

    Args:
        table: as ``marsam batch`` wrote it.
        out: a .jsonl takes training pairs, a .toml a glossary.

    Raises:
        OptionError: when nothing is there to be written, or something is in the way.
        DiskFull: when there is no room.
    """
    table = table.resolve()
    rows, _ = read_table(table)
    corrections = Corrections(table)
    reviewed = [row for row in map(corrections.corrected, rows) if row.reviewed]
    if not reviewed:
        raise OptionError(f"Nothing in {table.name} has been reviewed yet.")
    # A picture that is there several times is one.
    pictures = list({row.sha256: row for row in reviewed}.values())
    paths = list(dict.fromkeys(out))
    for path in paths:
        _free(path, table, corrections.file)
    glossary = [path for path in paths if path.suffix.lower() == GLOSSARY]
    found = terms(pictures, corrections)[:MAX_TERMS] if glossary else []
    if glossary and not found:
        raise OptionError(f"No Arabic text in {table.name} was corrected, so there are no terms.")
    for path in paths:
        if path in glossary:
            _write(path, found, _TermsWriter)
        else:
            _write(path, (pairs(row, corrections) for row in pictures), _PairsWriter)
    return paths


def pairs(row: Row, corrections: Corrections) -> dict[str, Any]:
    """A reviewed picture for training: its texts, and what each says in the other languages.

    ``drafts`` are the texts that people changed, as they were. A pair of texts is there when
    somebody changed what one of them is to be translated to.
    """
    drafts = _changed(row, corrections)
    texts = {code: text for code, text in row.texts.items() if text}
    return {
        "path": row.path,
        "sha256": row.sha256,
        "texts": texts,
        "drafts": drafts,
        "translations": [
            {
                "source": source,
                "target": target,
                "text": texts[source],
                "translation": texts[target],
            }
            for source, target in permutations(texts, 2)
            if target in drafts
        ],
    }


def terms(rows: Iterable[Row], corrections: Corrections) -> list[dict[str, str]]:
    """English and Arabic texts of which somebody corrected the Arabic, the latest first."""
    found: dict[str, tuple[float, dict[str, str]]] = {}
    for row in rows:
        english, arabic = (" ".join(clean(text).split()) for text in _both(row))
        if english and arabic and ARABIC.code in _changed(row, corrections):
            time = corrections.of(row.sha256)[-1].time
            # Of two that say the same in English, what was said last.
            if time >= found.get(english.casefold(), (0.0, {}))[0]:
                found[english.casefold()] = time, {"term": english, "arabic": arabic}
    return [term for _, term in sorted(found.values(), key=lambda pair: -pair[0])]


def _both(row: Row) -> tuple[str, str]:
    return row.english, row.texts.get(ARABIC.code, "")


def _changed(row: Row, corrections: Corrections) -> Mapping[str, str]:
    drafts = corrections.drafts(row.sha256)
    return {code: text for code, text in drafts.items() if text != row.texts.get(code, "")}


def _free(path: Path, table: Path, corrections: Path) -> None:
    """Refuse a name of another kind, or one that a file of somebody else's has."""
    kind = path.suffix.lower()
    if kind not in (PAIRS, GLOSSARY):
        raise OptionError(f"{path.name} must end in {PAIRS} (pairs) or {GLOSSARY} (a glossary).")
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        first = ""
    ours = first == _MARK if kind == GLOSSARY else '"translations": [' in first
    if not ours or path.resolve() in (table, corrections):
        raise OptionError(
            f"{path.name} is there already and was not exported by marsam review; "
            "choose another name."
        )


def _write(path: Path, items: Iterable[Any], make: Callable[[Path], Any]) -> None:
    output = Output(path, make)
    try:
        for item in items:
            output.write(item)
        output.finish()
    finally:
        output.abandon()


class _PairsWriter:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, row: Any) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _TermsWriter(_PairsWriter):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file.write(_MARK)

    def write(self, row: Any) -> None:
        lines = (f"{name} = {_quoted(text)}\n" for name, text in row.items())
        self._file.write(f"\n[[term]]\n{''.join(lines)}")


def _quoted(text: str) -> str:
    """As TOML writes it: what JSON escapes, it escapes alike, and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
