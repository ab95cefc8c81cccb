"""Documents on the tab for many pictures, in a real browser with the mini set."""

import io
import zipfile
from pathlib import Path

import docx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, both_languages
from tests.browser.test_accessibility import _serious
from tests.browser.test_many import choose, downloaded, drop, expect_described, open_tab, row

CAT = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples" / "cat.png"
WORDS = {"en": "Tom looks at you.", "ar": "توم ينظر إليك."}


def word(path: Path) -> Path:
    document = docx.Document()
    document.add_heading("Our cat")
    document.add_picture(str(CAT))
    document.save(str(path))
    return path


def page_with_pictures(folder: Path) -> Path:
    folder.mkdir()
    (folder / "cat.png").write_bytes(CAT.read_bytes())
    page = folder / "index.html"
    page.write_text(
        '<html lang="ar"><h1>قطتنا</h1><img src="cat.png"><img src="elsewhere.png"></html>',
        encoding="utf-8",
    )
    return page


@both_languages
def test_a_document_comes_back_with_its_texts(visit: Visit, tmp_path: Path, language: str) -> None:
    page = visit(language)
    drop(page, [word(tmp_path / "report.docx")])  # on the studio's tab
    expect_described(page, 1)
    one = row(page, "report.docx/1.png")
    expect(one.locator(".context")).to_contain_text("Our cat")
    listed = page.locator(".many .documents > li")
    expect(listed).to_contain_text({"en": "1 of 1", "ar": "1 من 1"}[language])
    assert _alt(downloaded(page, "documents")) == "Described by a model: a cat on a blue background"
    one.locator("textarea[lang=en]").fill(WORDS["en"])
    one.locator("textarea[lang=en]").press("Control+Enter")
    expect(one).to_have_attribute("data-state", "reviewed")
    assert _alt(downloaded(page, "documents")) == WORDS["en"]
    # Removed after a question; its picture stays, and there is nothing to download.
    listed.locator("button").click()
    listed.locator("button").click()
    expect(listed).to_have_count(0)
    expect(one).to_have_count(1)
    expect(page.locator(".many [data-kind=documents]")).to_be_hidden()


def test_a_page_gets_the_texts_of_the_pictures_beside_it(visit: Visit, tmp_path: Path) -> None:
    page = visit("ar")
    open_tab(page)
    source = page_with_pictures(tmp_path / "site")
    # The page comes first among the files, and is sent last.
    choose(page, [source, source.with_name("cat.png")])
    expect_described(page, 1)
    expect(page.locator(".many .message")).to_contain_text("تعذّرت قراءتها: 1")
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "documents"))) as archive:
        text = archive.read("index.html").decode()
    assert '<img src="cat.png" alt="وصف آلي: قطة على خلفية زرقاء">' in text
    assert '<img src="elsewhere.png">' in text


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("ar", 360, "light"), ("en", 1280, "dark")]
)
def test_the_list_with_documents_fits_and_is_accessible(
    visit: Visit, tmp_path: Path, language: str, width: int, scheme: str
) -> None:
    page = visit(language, viewport={"width": width, "height": 800}, color_scheme=scheme)
    open_tab(page)
    choose(page, [word(tmp_path / "report.docx")])
    expect_described(page, 1)
    page.wait_for_timeout(400)
    assert _serious(page) == []
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def _alt(archive: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        content = file.read("report.docx")
    (shape,) = docx.Document(io.BytesIO(content)).inline_shapes
    return str(shape._inline.docPr.get("descr"))
