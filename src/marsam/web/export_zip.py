"""Everything of a run in one ZIP: the pictures with their records, and a page that shows them."""

import json
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

from marsam.journal.records import StoredPicture
from marsam.results import Prompt

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{english}</title>
<style>
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  font: 1.1rem/1.6 system-ui, sans-serif; }}
figure {{ display: inline-block; margin: 0 0 1.5rem; }}
img {{ max-width: 100%; }}
</style>
<p lang="en" dir="ltr">{english}</p>
<p lang="ar" dir="rtl">{arabic}</p>
{figures}
</html>
"""
_FIGURE = """<figure><img src="{name}" alt="{english}"><figcaption>{seed}</figcaption></figure>
"""


def bundle(pictures: Sequence[StoredPicture], prompt: Prompt, path: Path) -> Path | None:
    """Write the ZIP; None when there is no picture to put in.

    ``captions.json`` has both captions and each picture's seed; every PNG carries the same and all
    that is needed to paint it again.
    """
    shown = [(p, p.path) for p in pictures if p.path is not None]
    if not shown:
        return None
    words = {"en": prompt.english, "ar": prompt.arabic}
    listed = [{"file": file.name, "seed": picture.seed} for picture, file in shown]
    page = _PAGE.format(
        english=escape(prompt.english),
        arabic=escape(prompt.arabic),
        figures="".join(
            _FIGURE.format(name=file.name, english=escape(prompt.english), seed=picture.seed)
            for picture, file in shown
        ),
    )
    with zipfile.ZipFile(path, "w") as archive:
        for _, file in shown:
            archive.write(file, file.name)  # stored: a PNG does not shrink
        document = json.dumps({"caption": words, "pictures": listed}, ensure_ascii=False, indent=2)
        archive.writestr("captions.json", document, zipfile.ZIP_DEFLATED)
        archive.writestr("index.html", page, zipfile.ZIP_DEFLATED)
    return path
