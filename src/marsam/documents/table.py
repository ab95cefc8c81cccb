"""A table of the images of documents, in which people review the texts before they are written."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from marsam.batch.corrections import Corrections
from marsam.batch.outputs import TABLE_WRITERS, kept_rows, open_outputs
from marsam.batch.rows import CONTEXT_COLUMN, NATIVE_COLUMNS
from marsam.batch.tables import read_rows
from marsam.documents.document import DocumentImage
from marsam.documents.fill import FilledDocument, own_language
from marsam.errors import OptionError
from marsam.messages import in_language
from marsam.text.languages import ARABIC, ENGLISH


class ImageTable:
    """The images of documents, each once, with where it is and what is around it there.

    Rows of earlier runs stay, and their order. A person's texts win over those of the models.

    Args:
        path: the table; it may exist.

    Attributes:
        kept: rows whose texts are a person's, by checksum.
        drafts: texts that a model wrote and a person corrected.

    Raises:
        OptionError: the file is no such table, or has an unknown suffix.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.suffix.lower() not in TABLE_WRITERS:
            raise OptionError(
                "Cannot write {file}: supported table formats are {formats}.",
                file=path.name,
                formats=list(TABLE_WRITERS),
            )
        self.kept = kept_rows([path])
        corrections = Corrections(path.resolve())
        rows = map(corrections.apply, read_rows(path) if path.exists() else ())
        self._rows = {row.sha256: row for row in rows if row.sha256}
        before = (one.before for sha256 in self._rows for one in corrections.of(sha256))
        self.drafts = frozenset(text for texts in before for text in texts.values() if text)
        self._places: dict[str, list[str]] = {}

    @property
    def folder(self) -> Path:
        """The folder that paths in the table are relative to."""
        return self.path.parent

    @property
    def images_folder(self) -> Path:
        """The folder of the images, for the review page."""
        return self.path.with_name(f"{self.path.stem}-images")

    def add(self, document: FilledDocument) -> None:
        """Add the images of a document."""
        for one in document.images:
            if sha256 := one.row.sha256:
                places = self._places.setdefault(sha256, [])
                places.append(place_of(document.path, one.image))
                more = f" (+{len(places) - 1})" if len(places) > 1 else ""
                self._rows[sha256] = replace(one.row, context=f"{places[0]}{more}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock the table during the block, and write it at the end, if there was no error."""
        codes = [ENGLISH.code, ARABIC.code]
        optional = (*NATIVE_COLUMNS, CONTEXT_COLUMN)
        with open_outputs(
            [self.path], codes, self.folder, self.images_folder, optional=optional
        ) as (output,):
            yield
            for row in self._rows.values():
                output.write(row)


def place_of(path: Path, image: DocumentImage) -> str:
    """Where an image is and what is around it, as one line in the language of the document."""
    file = path
    with suppress(ValueError):
        file = path.resolve().relative_to(Path.cwd())
    line = f":{image.line}" if image.line is not None else ""
    reader = "ar" if own_language(image) == ARABIC.code else "en"
    part = in_language(image.part_name, reader) if image.part_name else ""
    parts = (f"{file.as_posix()}{line}", part, str(image.context))
    return " | ".join(filter(None, parts))
