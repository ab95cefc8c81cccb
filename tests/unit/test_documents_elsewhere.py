"""LibreOffice opens documents whose alt texts were written, and finds the texts."""

import io
import subprocess
from pathlib import Path

import docx
import pytest
from docx.shared import Inches

from marsam.documents.document import AltText
from marsam.documents.docx import read_docx
from marsam.documents.odf import read_odf
from tests.conftest import program
from tests.helpers.packages import filled, members, png

WORDS = 'مربع "أحمر" <صغير> & جميل'


def converted(data: bytes, suffix: str, to: str, folder: Path) -> bytes:
    """A document as LibreOffice saves it in another format."""
    (folder / f"before.{suffix}").write_bytes(data)
    subprocess.run(
        [
            program("soffice"),
            f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            "--headless",
            *("--convert-to", to, "--outdir", folder / to),
            folder / f"before.{suffix}",
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return (folder / to / f"before.{to}").read_bytes()


@pytest.fixture
def article() -> bytes:
    """A document of Word with Arabic text, a table and a header."""
    document = docx.Document()
    document.add_heading("الأشكال", 1)
    document.add_paragraph("هذه أشكال كثيرة. بعضها أحمر.")
    document.add_picture(io.BytesIO(png()), Inches(1))
    document.add_paragraph("شكل ١: مربع", style="Caption")
    table = document.add_table(1, 1)
    table.cell(0, 0).paragraphs[0].add_run().add_picture(io.BytesIO(png("blue")), Inches(1))
    document.sections[0].header.paragraphs[0].add_run().add_picture(io.BytesIO(png("green")))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_libreoffice_finds_the_texts_of_word_and_word_those_of_libreoffice(
    article: bytes, tmp_path: Path
) -> None:
    words = filled(read_docx(article, path=tmp_path, root=None), WORDS)
    text = converted(words, "docx", "odt", tmp_path)
    opened = read_odf(text, path=tmp_path, root=None)
    assert [one.alt for one in opened.images] == [WORDS] * 3
    first = opened.images[0]
    assert first.language.startswith("ar")
    assert (first.context.heading, first.context.caption) == ("الأشكال", "شكل ١: مربع")

    other = opened.with_alt_texts({one.key: AltText(text="A square") for one in opened.images})
    assert members(other).keys() == members(text).keys()
    back = converted(other, "odt", "docx", tmp_path)
    found = read_docx(back, path=tmp_path, root=None)
    assert {one.alt for one in found.images} == {"A square"}
    assert found.read(found.images[0]) == png()
