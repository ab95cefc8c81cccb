"""The review page in a browser: corrections are written to the table."""

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from marsam.batch.images import RowImages
from marsam.batch.review import Review
from marsam.batch.rows import Row
from marsam.batch.tables import AtomicOutput, CsvWriter, read_rows
from marsam.review.server import application
from marsam.review.strings import STRINGS
from tests.browser.conftest import Visit, both_languages
from tests.browser.test_accessibility import _serious
from tests.helpers.folders import make_folder
from tests.helpers.serving import free_port

CODES = ["eng_Latn", "arb_Arab"]
CAT, QITTA = "a cat on a blue background", "قطة على خلفية زرقاء"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Six rows: one has warnings, one has a changed image, one has an error."""
    photos = tmp_path / "photos"
    rows = []
    for path in make_folder(photos, 6):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        name = path.relative_to(photos).as_posix()
        texts = {"eng_Latn": CAT, "arb_Arab": QITTA}
        rows.append(Row(path=name, sha256=sha256, width=144, height=144, texts=texts))
    rows[2] = replace(
        rows[2], warnings=("looping",), context="site/about.html:5 | سياراتنا | → shop.html"
    )
    rows[3] = replace(rows[3], sha256="0" * 64)
    rows[5] = replace(
        rows[5], sha256="", texts={}, error="Not a supported image: use JPEG, PNG or WebP."
    )
    table = tmp_path / "captions.csv"
    output = AtomicOutput(table, lambda file: CsvWriter(file, CODES, ["context"]))
    for row in rows:
        output.write(row)
    output.commit()
    return table


@pytest.fixture
def own_words() -> bool:
    """Whether reviewers begin with empty text boxes."""
    return False


@pytest.fixture
def address(table: Path, own_words: bool) -> Iterator[str]:
    """A server with the page of that table; ``visit`` opens it."""
    review, port = Review(table), free_port()
    images = RowImages([table.parent / "photos"], None)
    app = application(review, images, own_words=own_words)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


def string(page: Page, key: str) -> str:
    return STRINGS[key][page.get_attribute("html", "lang") == "ar"].split("{}")[0].strip()


def expect_row(page: Page, number: int) -> None:
    """Wait until the page shows the row with this number, counted from one."""
    expect(page.locator("#status")).to_contain_text(
        {"en": f"Picture {number} of 6", "ar": f"الصورة {number} من 6"}[
            str(page.get_attribute("html", "lang"))
        ]
    )


def choose_filter(page: Page, key: str) -> None:
    page.get_by_label(string(page, key), exact=True).check()


@both_languages
def test_texts_are_corrected_row_by_row(visit: Visit, table: Path, language: str) -> None:
    page = visit(language)
    expect_row(page, 1)
    expect(page.locator("#picture img")).to_have_js_property("naturalWidth", 144)
    expect(page.locator("#picture img")).to_have_attribute(
        "alt", {"en": CAT, "ar": QITTA}[language]
    )
    arabic = page.get_by_label({"en": "Arabic", "ar": "العربية"}[language], exact=True).and_(
        page.locator("textarea")
    )
    expect(arabic).to_have_css("direction", "rtl")
    arabic.fill("قطّ على خلفية زرقاء")
    page.keyboard.press("Control+Enter")
    expect_row(page, 2)
    done = {"en": "1 of 6 reviewed", "ar": "رُوجعت صورة واحدة من 6"}[language]
    expect(page.locator("#count")).to_contain_text(done)
    first = next(read_rows(table))
    assert (first.reviewed, first.texts["arb_Arab"]) == (True, "قطّ على خلفية زرقاء")
    page.click("#save")  # unchanged
    expect_row(page, 3)
    expect(page.locator("#notices")).to_contain_text(
        {"en": "repeats itself", "ar": "في الترجمة تكرار"}[language]
    )
    # In Arabic, "previous" is the right arrow.
    forward, back = ("ArrowLeft", "ArrowRight") if language == "ar" else ("ArrowRight", "ArrowLeft")
    page.keyboard.press(f"Alt+{back}")
    expect_row(page, 2)
    page.keyboard.press(f"Alt+{back}")
    expect_row(page, 1)
    expect(arabic).to_have_value("قطّ على خلفية زرقاء")
    page.click("#reopen")
    expect(page.locator("#status")).to_contain_text(string(page, "reopened"))
    assert [row.reviewed for row in read_rows(table)][:3] == [False, True, False]
    page.keyboard.press(f"Alt+{forward}")
    expect_row(page, 2)


def test_filters_show_the_rows_of_their_kind(visit: Visit) -> None:
    page = visit("en")
    choose_filter(page, "notices")
    expect_row(page, 3)
    page.click("#save")
    expect(page.locator("#picture")).to_contain_text(string(page, "none_notices"))
    expect(page.locator("#texts textarea").first).to_be_hidden()
    choose_filter(page, "error")
    expect_row(page, 6)
    expect(page.locator("#notices")).to_contain_text(
        "Not a supported image: use JPEG, PNG or WebP."
    )
    expect(page.locator("#save")).to_be_hidden()
    choose_filter(page, "reviewed")
    expect_row(page, 3)
    choose_filter(page, "all")
    page.click("#next")
    expect_row(page, 4)
    expect(page.locator("#picture")).to_contain_text(string(page, "changed"))
    expect(page.locator("#picture img")).to_have_count(0)
    page.click("#save")
    expect_row(page, 5)


def test_edited_texts_are_kept_when_moving(visit: Visit, table: Path) -> None:
    page, other = visit("en"), visit("ar")
    english = page.locator("#text-en textarea")
    english.fill("a tom cat")
    page.click("#next")
    expect_row(page, 2)
    # They are in the table, but nobody has approved them.
    first = next(read_rows(table))
    assert (first.english, first.texts["arb_Arab"], first.state) == ("a tom cat", QITTA, "edited")
    page.click("#previous")
    expect_row(page, 1)
    expect(english).to_have_value("a tom cat")
    expect(page.locator("#notices")).to_contain_text(string(page, "edited"))
    page.get_by_label("العربية").first.check()
    expect(page.locator("#save")).to_have_text(string(page, "save"))
    expect(english).to_have_value("a tom cat")
    # The other page has an older text: what this page wrote is shown, and what it wrote is kept.
    other.fill("#text-en textarea", "a cat of the neighbours")
    other.click("#save")
    expect(other.locator("#notices")).to_contain_text("a tom cat")
    expect(other.locator("#text-en textarea")).to_have_value("a cat of the neighbours")
    assert next(read_rows(table)).english == "a tom cat"
    other.click("#save")
    expect_row(other, 2)
    assert next(read_rows(table)).english == "a cat of the neighbours"
    # Texts that cannot be saved stay on the page.
    for box in ("#text-en textarea", "#text-ar textarea"):
        other.fill(box, "")
    other.click("#next")
    expect_row(other, 3)
    other.click("#previous")
    expect_row(other, 2)
    expect(other.locator("#text-en textarea")).to_have_value("")
    expect(other.locator("#notices")).to_contain_text(string(other, "unsaved"))
    assert list(read_rows(table))[1].english == CAT


@both_languages
def test_the_characters_of_a_text_are_counted(visit: Visit, language: str) -> None:
    page = visit(language)
    expect_row(page, 1)
    counts = page.locator("#texts .characters")
    expect(page.locator("#texts .ltr .characters")).to_have_text(f"{len(CAT)}/125")
    page.locator("#texts .ltr textarea").fill("x" * 126)
    expect(page.locator("#texts .ltr .characters.long")).to_have_text("126/125")
    expect(counts).to_have_count(2)


@pytest.mark.parametrize("own_words", [True])
@both_languages
def test_own_words_begin_with_an_empty_box(visit: Visit, table: Path, language: str) -> None:
    page = visit(language)
    expect_row(page, 1)
    for box in page.locator("#texts textarea").all():
        expect(box).to_have_value("")
    guide = page.locator("#guide")
    expect(guide).to_contain_text(string(page, "checklist"))
    for draft in (CAT, QITTA):
        expect(guide).to_contain_text(draft)
    page.keyboard.press("Alt+ArrowLeft" if language == "ar" else "Alt+ArrowRight")
    expect_row(page, 2)
    assert not any(row.edited or row.reviewed for row in read_rows(table))
    page.locator("#texts .ltr textarea").fill("Our own cat")
    page.keyboard.press("Control+Enter")
    expect_row(page, 3)
    saved = [row for row in read_rows(table) if row.reviewed]
    assert [row.english for row in saved] == ["Our own cat"]
    assert saved[0].texts["arb_Arab"] == ""


@both_languages
def test_a_picture_is_marked_as_decorative(visit: Visit, table: Path, language: str) -> None:
    page = visit(language)
    expect_row(page, 1)
    page.fill("#text-en textarea", "a tom cat")
    page.get_by_role("button", name=string(page, "mark_decorative")).click()
    expect_row(page, 2)
    row = next(read_rows(table))
    assert (row.state, set(row.texts.values())) == ("decorative", {""})
    done = {"en": "1 of 6 reviewed", "ar": "رُوجعت صورة واحدة من 6"}[language]
    expect(page.locator("#count")).to_contain_text(done)
    page.click("#previous")
    expect_row(page, 1)
    expect(page.locator("#notices")).to_contain_text('alt=""')
    expect(page.locator("#texts textarea").first).to_be_hidden()
    expect(page.locator("#save")).to_be_hidden()
    assert _serious(page) == []
    page.click("#reopen")
    expect(page.locator("#text-en textarea")).to_have_value("a tom cat")
    row = next(read_rows(table))
    assert (row.english, row.state) == ("a tom cat", "edited")
    # Two empty texts say the same.
    for box in ("#text-en textarea", "#text-ar textarea"):
        page.fill(box, "")
    page.get_by_role("button", name=string(page, "mark_decorative")).click()
    expect_row(page, 2)
    assert next(read_rows(table)).decorative


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("en", 1280, "light"), ("ar", 380, "dark")]
)
def test_the_page_is_accessible(visit: Visit, language: str, width: int, scheme: str) -> None:
    page = visit(language, viewport={"width": width, "height": 900}, color_scheme=scheme)
    choose_filter(page, "notices")
    expect_row(page, 3)
    page.wait_for_timeout(400)
    assert _serious(page) == []
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_no_other_file_is_served(address: str, table: Path) -> None:
    rows = list(read_rows(table))

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"{address}/{path}", timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status(f"picture/{rows[0].sha256}.jpg") == 200
    for path in (
        f"picture/{rows[3].sha256}.jpg",
        f"picture/{'f' * 64}.jpg",
        f"gradio_api/file={table}",
        f"gradio_api/file={table.parent}/photos/{rows[0].path}".replace(" ", "%20"),
    ):
        assert status(path) in (403, 404), path
