"""The pictures of a prompt with their texts and settings, as a page to print and to keep.

The page is in the ZIP file, and the studio opens it for printing; it loads nothing but pictures.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from marsam.errors import PictureError
from marsam.imaging.metadata import Record, read_record
from marsam.journal.records import StoredPicture
from marsam.notices import notice_sentences
from marsam.results import Prompt
from marsam.styles import STYLES
from marsam.text.fidelity import Fidelity
from marsam.ui.html import bdi, template
from marsam.ui.i18n import ARABIC, ENGLISH, Bilingual, both
from marsam.web.strings import STRINGS


@dataclass(frozen=True)
class SheetPicture:
    """A picture on the sheet: its address, whether it is one to keep, and what is said below it."""

    source: str
    kept: bool
    seed: int
    check: Fidelity | None
    facts: list[Markup]


def sheet(
    pictures: Sequence[tuple[StoredPicture, Path]],
    prompt: Prompt,
    *,
    language: str,
    source: Callable[[Path], str],
    only_kept: bool = False,
) -> str:
    """Return the page.

    Args:
        pictures: with their files.
        prompt: of all of them.
        language: of the labels, which the reader can change; the texts are there in both.
        source: gives the address of a file.
        only_kept: show only the pictures to keep at first, if there are such.
    """
    shown = [
        SheetPicture(
            source=source(file),
            kept=picture.starred,
            seed=picture.seed,
            check=picture.fidelity,
            facts=_facts(record) if (record := record_of_file(file)) else [],
        )
        for picture, file in pictures
    ]
    return template(Path(__file__).with_name("sheet.html")).render(
        language=language,
        order=sorted((ENGLISH, ARABIC), key=lambda one: one != language),
        texts=prompt.texts,
        notices=notice_sentences(prompt.warnings, prompt.unknown_words),
        pictures=shown,
        only_kept=only_kept,
        kept=0 < sum(picture.kept for picture in shown) < len(shown),
        strings=STRINGS,
        both=both,
    )


def record_of_file(file: Path) -> Record | None:
    """What a picture's metadata say; None where they cannot be read."""
    with suppress(PictureError):
        return read_record(file)
    return None


def _facts(record: Record) -> list[Markup]:
    """The settings of a picture that people look for."""
    facts = []
    if style := STYLES.get(record.style):
        facts.append(Bilingual(style.en, style.ar).html)
    if record.recipe in STRINGS:
        facts.append(STRINGS.html(record.recipe))
    facts.append(STRINGS.html("steps_of", record.steps))
    if record.strength:
        facts.append(STRINGS.html("strength_of", f"{record.strength:g}"))
    return [*facts, bdi(f"{record.width}×{record.height}"), bdi(record.painter)]
