"""HTML is escaped by construction: in the pages, the contact sheet and the ZIP file."""

import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

import marsam
from marsam.batch import row_html
from marsam.batch.contact_sheet import ContactSheetWriter
from marsam.batch.rows import Row
from marsam.imaging.metadata import read_record, record_of, save_with_record
from marsam.journal.file_store import StoredFile
from marsam.journal.records import StoredPicture
from marsam.options import MAX_PICTURES
from marsam.results import Prompt, PromptLength
from marsam.review import render as review_render
from marsam.testing import fake_studio
from marsam.text.fidelity import Fidelity
from marsam.ui.html import bdi, join, progress
from marsam.ui.i18n import Bilingual
from marsam.web import render
from marsam.web.export_zip import export_zip

ATTACK = "<img src=x onerror='alert(1)'>"
PROMPT = Prompt(
    english=ATTACK,
    arabic=f"قطة {ATTACK}",
    given=ATTACK,
    language="eng_Latn",
    back=None,
    length=PromptLength(tokens=80, limit=77, cut=ATTACK),
)
ROW = Row(
    path=f"{ATTACK}.png",
    sha256="0" * 64,
    width=16,
    height=16,
    texts={"eng_Latn": ATTACK, "arb_Arab": f"{ATTACK} قطة"},
    warnings=("looping",),
    pictures=(f"new/{ATTACK}.png",),
)


def assert_escaped(html: str) -> None:
    """The attack is there as text, and no element has its attribute."""
    names: set[str] = set()

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names.update(name for name, _ in attrs)

    Parser().feed(html)
    assert "onerror" not in names
    assert "&lt;img src=x onerror=" in html


def picture(path: Path | None) -> StoredPicture:
    fidelity = Fidelity(
        score=0.5, missing=(ATTACK,), added=(), caption=ATTACK, en=ATTACK, ar=f"{ATTACK} قطة"
    )
    file = StoredFile(path) if path else None
    return StoredPicture(index=0, seed=7, file=file, fidelity=fidelity)


def test_no_module_escapes_by_hand_or_formats_html_with_f_strings() -> None:
    root = Path(marsam.__file__).parent
    for path in root.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "from html import" not in source, path
        # markup.py writes the HTML of others again, where quotes stay as they are.
        assert path.name == "markup.py" or "html.escape" not in source, path
        if path.parent.name in ("ui", "web", "review", "batch") and path.name != "theme.py":
            assert not re.search(r"""\bf["']+[^"'\n]*</?[a-z]""", source), path


def test_ui_is_independent_of_the_pages() -> None:
    root = Path(marsam.__file__).parent
    for package, others in (("ui", "web|review|batch|api|cli|server"), ("review", "web")):
        for path in (root / package).glob("*.py"):
            source = path.read_text(encoding="utf-8")
            assert not re.search(rf"from marsam(?:\.(?:{others})\b| import (?:{others})\b)", source)


@pytest.mark.parametrize("html", [render.sent(PROMPT), render.results([picture(Path("a.png"))])])
def test_the_studio_escapes(html: Markup) -> None:
    assert_escaped(html)


def test_the_review_page_escapes() -> None:
    assert_escaped(review_render.picture(ROW, None, "en", ""))
    failed = Row(path="a.png", error=ATTACK)
    assert_escaped(row_html.notices(failed, unsaved=False))
    assert_escaped(row_html.notices(ROW, unsaved=False, elsewhere=dict(ROW.texts)))


def test_the_contact_sheet_escapes(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.html"
    folder = tmp_path / "<img src=x onerror=y>"
    writer = ContactSheetWriter(sheet, folder=folder, pictures_folder=tmp_path / "new")
    writer.write(ROW)
    writer.write(Row(path="b.png", error=ATTACK))
    writer.close()
    html = sheet.read_text(encoding="utf-8")
    assert_escaped(html)
    assert html.count("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;") >= 5
    assert "<title>&lt;img src=x onerror=y&gt;</title>" in html
    assert "<script>\n" in html


def test_the_zip_file_escapes(tmp_path: Path) -> None:
    file = tmp_path / "marsam-7.png"
    file.write_bytes(b"x")
    path = export_zip([picture(file), picture(None)], PROMPT, tmp_path / "all.zip", language="en")
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        html = archive.read("index.html").decode()
    assert_escaped(html)
    assert html.count("<figure") == 1


def test_the_zip_file_says_in_both_languages_what_it_holds(tmp_path: Path) -> None:
    """Two rounds with the same seed in different styles, one of their pictures to keep."""
    pictures = []
    for style in ("clay", "mosaic"):
        result = fake_studio().run(prompt="a cat", style=style, pictures=1, seed=7)
        file = tmp_path / style / "marsam-7.png"
        file.parent.mkdir()
        record = record_of(result.pictures[0], result.prompt)
        assert result.pictures[0].image is not None
        save_with_record(result.pictures[0].image, record, file)
        pictures.append(
            StoredPicture(
                index=0,
                seed=7,
                file=StoredFile(file),
                fidelity=result.fidelity[0],
                starred=style == "mosaic",
            )
        )
    prompt = replace(result.prompt, arabic="قطة")
    for language, texts in (("en", ["a cat", "قطة"]), ("ar", ["قطة", "a cat"])):
        path = export_zip(pictures, prompt, tmp_path / f"{language}.zip", language=language)
        assert path is not None
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            html = archive.read("index.html").decode()
            about = json.loads(archive.read("captions.json"))
            files = [one["file"] for one in about["pictures"]]
            assert [read_record(archive.read(file)) is not None for file in files] == [True, True]
        direction = "rtl" if language == "ar" else "ltr"
        assert f'<html lang="{language}" dir="{direction}">' in html
        assert re.findall(r"<h1>.*?>(.*?)</span>.*?>(.*?)</span></h1>", html) == [tuple(texts)]
        assert html.count(f'alt="{texts[0]}" lang="{language}"') == 2
        for words in ("Clay model", "مجسّم صلصال", "Seed ", "البذرة ", "64×64", "fake-painter"):
            assert words in html
        assert html.count("<figure data-kept>") == 1
        assert 'id="kept">' in html  # all pictures are shown at first
        assert not re.search(r"(?:src|href)=.(?:https?:)?//", html)
        assert files == ["marsam-7.png", "marsam-7-2.png"]
        assert [one["style"] for one in about["pictures"]] == ["clay", "mosaic"]
        assert [one["kept"] for one in about["pictures"]] == [False, True]
        first = about["pictures"][0]
        assert (first["painter"], first["steps"], first["seed"]) == ("fake-painter", 4, 7)
        assert first["fidelity"]["en"] in html
        assert first["fidelity"]["ar"]


def test_pieces_of_html() -> None:
    assert join(["<", Markup("<b>")], ", ") == "&lt;, <b>"
    assert bdi("<") == "<bdi>&lt;</bdi>"
    assert progress(1 / MAX_PICTURES) == '<progress max="1" value="0.100"></progress>'
    html = Bilingual("<", "<").html
    assert html == '<span lang="en" dir="ltr">&lt;</span><span lang="ar" dir="rtl">&lt;</span>'
