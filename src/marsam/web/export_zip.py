"""A ZIP file of a run: its pictures with their metadata, and a web page that shows them."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from marsam.journal.records import StoredPicture
from marsam.notices import notice_sentences
from marsam.results import Prompt
from marsam.ui.html import template


def export_zip(pictures: Sequence[StoredPicture], prompt: Prompt, path: Path) -> Path | None:
    """Write the ZIP file; None when there is no picture to put in.

    ``captions.json`` has both captions and each picture's seed. Every PNG carries the same, and all
    that is needed to paint it again.
    """
    files = [(file, picture.seed) for picture in pictures if (file := picture.find()) is not None]
    if not files:
        return None
    page = template(Path(__file__).with_name("export_zip.html"))
    html = page.render(
        english=prompt.english,
        arabic=prompt.arabic,
        notices=notice_sentences(prompt.warnings, prompt.unknown_words),
        pictures=[(file.name, seed) for file, seed in files],
    )
    captions = {
        "caption": {"en": prompt.english, "ar": prompt.arabic},
        "warnings": [str(notice) for notice in prompt.warnings],
        "pictures": [{"file": file.name, "seed": seed} for file, seed in files],
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, _ in files:
            archive.write(file, file.name)  # stored: a PNG does not shrink
        document = json.dumps(captions, ensure_ascii=False, indent=2)
        archive.writestr("captions.json", document, zipfile.ZIP_DEFLATED)
        archive.writestr("index.html", html, zipfile.ZIP_DEFLATED)
    return path
