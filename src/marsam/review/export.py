"""Export what reviewers corrected: training pairs as JSON Lines, terms as a glossary."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from marsam.batch.corrections import Corrections
from marsam.batch.review import read_table
from marsam.batch.rows import Row
from marsam.batch.tables import AtomicOutput
from marsam.errors import OptionError
from marsam.text.cleaning import clean
from marsam.text.glossary import MAX_TERMS
from marsam.text.languages import ARABIC

PAIRS, GLOSSARY = ".jsonl", ".toml"
_GLOSSARY_HEADER = "# Terms that people corrected, written by marsam review.\n"


def export(table: Path, out: Iterable[Path]) -> list[Path]:
    """Export the reviewed rows of a table; a review page may have it open at the same time.

    Args:
        table: a table of ``marsam batch``.
        out: files to write: training pairs as ``.jsonl``, a glossary as ``.toml``.

    Raises:
        OptionError: when there is nothing to export, or a file cannot be written.
        DiskFull: when the disk is full.
    """
    table = table.resolve()
    rows, _ = read_table(table)
    corrections = Corrections(table)
    applied = map(corrections.apply, rows)
    reviewed = [row for row in applied if row.reviewed and not row.decorative]
    if not reviewed:
        raise OptionError("Nothing in {file} has been reviewed yet.", file=table.name)
    # Copies of an image count once.
    images = list({row.sha256: row for row in reviewed}.values())
    paths = list(dict.fromkeys(out))
    for path in paths:
        _check_overwrite(path, table, corrections.file)
    glossaries = [path for path in paths if path.suffix.lower() == GLOSSARY]
    entries = terms(images, corrections)[:MAX_TERMS] if glossaries else []
    if glossaries and not entries:
        raise OptionError(
            "No Arabic text in {file} was corrected, so there are no terms.", file=table.name
        )
    for path in paths:
        if path in glossaries:
            _write(path, [_GLOSSARY_HEADER, *map(_toml_table, entries)])
        else:
            _write(path, (f"{_json(pairs(row, corrections))}\n" for row in images))
    return paths


def pairs(row: Row, corrections: Corrections) -> dict[str, Any]:
    """Return a reviewed image as training data: its texts, and pairs of them as translations.

    ``drafts`` are the corrected texts before the correction. A pair is included when its
    translation was corrected. ``native`` is the Arabic caption of the captioner itself, if it was
    asked for one: with the reviewed text it shows which of the two a person chose.
    """
    drafts = _changed(row, corrections)
    texts = {code: text for code, text in row.texts.items() if text}
    return {
        "path": row.path,
        "sha256": row.sha256,
        "texts": texts,
        "drafts": drafts,
        **({} if row.native is None else {"native": row.native}),
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
    """Return English and Arabic texts where the Arabic was corrected, the latest first."""
    latest: dict[str, tuple[float, dict[str, str]]] = {}
    for row in rows:
        english, arabic = (
            " ".join(clean(text).split()) for text in (row.english, row.texts.get(ARABIC.code, ""))
        )
        if english and arabic and ARABIC.code in _changed(row, corrections):
            time = corrections.of(row.sha256)[-1].time
            # Of two with the same English text, the later correction counts.
            if time >= latest.get(english.casefold(), (0.0, {}))[0]:
                latest[english.casefold()] = time, {"term": english, "arabic": arabic}
    return [term for _, term in sorted(latest.values(), key=lambda pair: -pair[0])]


def _changed(row: Row, corrections: Corrections) -> Mapping[str, str]:
    drafts = corrections.drafts(row.sha256)
    return {code: text for code, text in drafts.items() if text != row.texts.get(code, "")}


def _check_overwrite(path: Path, table: Path, corrections: Path) -> None:
    """Reject unknown suffixes, and existing files that are no earlier export."""
    suffix = path.suffix.lower()
    if suffix not in (PAIRS, GLOSSARY):
        raise OptionError(
            "Cannot write {file}: supported export formats are {pairs} (training pairs) "
            "and {glossary} (a glossary).",
            file=path.name,
            pairs=PAIRS,
            glossary=GLOSSARY,
        )
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        first = ""
    ours = first == _GLOSSARY_HEADER if suffix == GLOSSARY else '"translations": [' in first
    if not ours or path.resolve() in (table, corrections):
        raise OptionError(
            "{file} already exists and was not exported by marsam review; choose another name.",
            file=path.name,
        )


def _write(path: Path, texts: Iterable[Any]) -> None:
    open_text: Callable[[Path], Any] = partial(Path.open, mode="w", encoding="utf-8")
    output = AtomicOutput(path, open_text)
    try:
        for text in texts:
            output.write(text)
        output.commit()
    finally:
        output.discard()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _toml_table(term: Mapping[str, str]) -> str:
    # A TOML string is escaped as in JSON, and one more character is.
    lines = (f"{name} = {_json(text)}\n".replace("\x7f", "\\u007F") for name, text in term.items())
    return f"\n[[term]]\n{''.join(lines)}"
