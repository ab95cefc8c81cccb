"""Documents that other programs make, once for all tests."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from marsam import Studio
from marsam.documents.check import has_bad_text
from marsam.documents.document import AltText, Document, Kind
from marsam.documents.formats import open_document
from marsam.errors import OptionError
from marsam.testing import fake_studio
from tests.conftest import missing
from tests.documents import makers
from tests.helpers.commands import marsam

LIBREOFFICE = ("LibreOffice", "LibreOffice's templates")


class Corpus:
    """Documents by the program that made them, in a folder for each.

    Attributes:
        folder: of all.
        made: the documents by program.
        skipped: programs that are not installed.
        profile: the settings of LibreOffice.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.profile = folder / "made", folder / "profile"
        self.made: dict[str, list[Path]] = {}
        self.skipped: list[str] = []
        for name, make in makers.MAKERS.items():
            self.made[name] = make(self._folder(name))
        self.skipped += () if makers.has_libreoffice() else LIBREOFFICE
        self.skipped += () if shutil.which("pandoc") else ("Pandoc",)
        if "Pandoc" not in self.skipped:
            self.made["Pandoc"] = makers.pandoc(self._folder("Pandoc"))
        if LIBREOFFICE[0] not in self.skipped:
            made, templates = map(self._folder, LIBREOFFICE)
            self.made[LIBREOFFICE[0]] = makers.libreoffice(made, self.profile)
            self.made[LIBREOFFICE[1]] = makers.libreoffice_templates(templates)

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True)
        return folder

    def __iter__(self) -> Iterator[Path]:
        return (path for paths in self.made.values() for path in paths)

    def opened(self, path: Path) -> Document:
        """A document, whose images may be anywhere below the folder of its program."""
        return open_document(path, root=self.folder)

    def require(self) -> None:
        """Skip, or fail in CI, where LibreOffice is missing."""
        if self.skipped and self.skipped[0] in LIBREOFFICE:
            missing("soffice", "LibreOffice with Writer and Impress is not installed")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))


def lacking(document: Document) -> list[str]:
    """Keys of the images that have no alt text, or one that says nothing."""
    return [
        one.key
        for one in document.images
        if one.kind is not Kind.BACKGROUND
        and not one.decorative
        and (not one.alt or not one.alt.strip() or has_bad_text(one))
    ]


def written(document: Document, text: str, *, every: bool = False) -> tuple[bytes, int]:
    """A document with a text for each image that lacks one, or for every one; and their number."""
    texts: dict[str, AltText] = {}
    for key in [one.key for one in document.images] if every else lacking(document):
        try:
            document.with_alt_texts({key: AltText(text=text)})
        except OptionError:
            continue
        texts[key] = AltText(text=text)
    return document.with_alt_texts(texts), len(texts)


def fill(folder: Path, out: Path) -> int:
    """``marsam alt fill`` on the test doubles: every image gets a text in both languages."""
    arguments = ("--out", str(out), "--overwrite", "bad", "--language", "both")
    with patch.object(Studio, "load", lambda *_, **__: fake_studio()):
        return marsam("alt", "fill", str(folder), *arguments)


def files(folder: Path) -> Mapping[str, Path]:
    """The files below a folder, by their path in it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}
