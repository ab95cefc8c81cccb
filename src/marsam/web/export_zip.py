"""A ZIP file of a run: its pictures with their metadata, and a web page that shows them."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marsam.journal.records import StoredPicture
from marsam.results import Prompt
from marsam.web.sheet import record_of_file, sheet

TEXTS = ("english", "arabic", "warnings")
"""Fields of a record that all pictures of a run share."""


def export_zip(
    pictures: Sequence[StoredPicture], prompt: Prompt, path: Path, *, language: str
) -> Path | None:
    """Write the ZIP file; None when there is no picture to put in.

    ``captions.json`` has both captions, and of each picture the settings, whether it is one to keep
    and how well it matches. Every PNG carries what is needed to paint it again. The labels on the
    page are in ``language``.
    """
    found = [(picture, file) for picture in pictures if (file := picture.find()) is not None]
    if not found:
        return None
    names = _names([file for _, file in found])
    page = sheet(found, prompt, language=language, source=lambda file: quote(names[file]))
    captions = {
        "caption": prompt.texts,
        "warnings": [str(notice) for notice in prompt.warnings],
        "pictures": [_about(picture, file, names[file]) for picture, file in found],
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, name in names.items():
            archive.write(file, name)  # stored: a PNG does not shrink
        document = json.dumps(captions, ensure_ascii=False, indent=2)
        archive.writestr("captions.json", document, zipfile.ZIP_DEFLATED)
        archive.writestr("index.html", page, zipfile.ZIP_DEFLATED)
    return path


def _about(picture: StoredPicture, file: Path, name: str) -> dict[str, Any]:
    record = record_of_file(file)
    settings = asdict(record) if record else {"seed": picture.seed}
    return {
        "file": name,
        **{key: value for key, value in settings.items() if key not in TEXTS},
        "kept": picture.starred,
        "fidelity": picture.fidelity.to_dict() if picture.fidelity else None,
    }


def _names(files: Sequence[Path]) -> dict[Path, str]:
    """A name for each file: rounds with the same seed have files of the same name."""
    names: dict[Path, str] = {}
    for file in files:
        name, number = file.name, 2
        while name in names.values():
            name, number = f"{file.stem}-{number}{file.suffix}", number + 1
        names[file] = name
    return names
