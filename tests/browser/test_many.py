"""Many pictures on one page: described in both languages, corrected, downloaded; none is lost."""

import base64
import csv
import io
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from marsam.web.many.strings import STRINGS
from tests.browser.conftest import Visit, both_languages, visits
from tests.browser.test_accessibility import _serious
from tests.helpers.folders import make_folder
from tests.helpers.photographs import write_photographs
from tests.helpers.serving import answering, free_port, start

TOM = "A tabby tom cat looks at you."


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six drawings, five files as phones, scanners and cameras write them, and a broken one."""
    folder = tmp_path_factory.mktemp("pictures")
    drawings = make_folder(folder, 6)
    cat = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples" / "cat.png"
    photographs = write_photographs(Image.open(cat), folder / "photographs")
    broken = folder / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return [*drawings, *photographs, broken]


def open_tab(page: Page) -> None:
    page.click("#many-tab-button")
    page.wait_for_selector(".many")


def choose(page: Page, files: list[Path]) -> None:
    page.set_input_files(".many input[type=file] >> nth=0", files)


def drop(page: Page, files: list[Path]) -> None:
    """Drop files on the page, wherever it is."""
    data = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]
    transfer = page.evaluate_handle(
        """files => {
            const data = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], name));
            }
            return data;
        }""",
        data,
    )
    page.dispatch_event("#picture", "drop", {"dataTransfer": transfer})


def row(page: Page, name: str) -> Locator:
    return page.locator(".many .rows > li").filter(has=page.get_by_text(name, exact=True))


def texts(page: Page, name: str) -> list[str]:
    return [box.input_value() for box in row(page, name).locator("textarea").all()]


def expect_described(page: Page, count: int) -> None:
    expect(page.locator(".many .rows > li")).to_have_count(count, timeout=90_000)
    expect(page.locator(".many li[data-state=waiting]")).to_have_count(0, timeout=180_000)


def downloaded(page: Page, kind: str) -> bytes:
    with page.expect_download() as download:
        page.click(f".many [data-kind={kind}]")
    return Path(download.value.path()).read_bytes()


@both_languages
def test_twelve_pictures_become_a_table(visit: Visit, pictures: list[Path], language: str) -> None:
    page = visit(language)
    drop(page, pictures)  # on the studio's tab
    expect_described(page, 12)
    expect(page.locator(".many .says")).to_contain_text({"en": "0 of 12", "ar": "من 12"}[language])
    assert texts(page, "phone.heic") == ["a cat on a blue background", "قطة على خلفية زرقاء"]
    expect(row(page, "broken.png").locator("textarea")).to_have_count(0)
    expect(row(page, "broken.png")).to_contain_text({"en": "damaged", "ar": "تالفة"}[language])
    # Correct one text; the other one stays, and the picture is not approved by that alone.
    english = row(page, "phone.heic").locator("textarea[lang=en]")
    english.fill(TOM)
    expect(row(page, "phone.heic").locator(".count").first).to_contain_text(f"{len(TOM)}/125")
    english.press("Control+Enter")
    expect(row(page, "phone.heic")).to_have_attribute("data-state", "reviewed")
    expect(page.locator(".many textarea[lang=en]:focus")).to_have_count(1)
    tick = row(page, "scan.tif").get_by_label(STRINGS["reviewed"][language == "ar"])
    tick.check()
    expect(row(page, "scan.tif")).to_have_attribute("data-state", "reviewed")
    expect(page.locator(".many .says")).to_contain_text(
        {"en": "2 of 12 reviewed", "ar": "رُوجعت صورتان من 12"}[language]
    )
    rows = {
        one["path"]: one
        for one in csv.DictReader(io.StringIO(downloaded(page, "csv").decode("utf-8-sig")))
    }
    assert len(rows) == 12
    assert {path for path, one in rows.items() if one["state"] == "reviewed"} == {
        "phone.heic",
        "scan.tif",
    }
    assert (rows["phone.heic"]["en"], rows["phone.heic"]["ar"]) == (TOM, "قطة على خلفية زرقاء")
    assert rows["broken.png"]["error"]
    sheet = load_workbook(io.BytesIO(downloaded(page, "xlsx"))).active
    assert sheet is not None
    assert TOM in [cell for line in sheet.iter_rows(values_only=True) for cell in line]
    html = downloaded(page, "html").decode()
    assert html.count('src="data:image/jpeg;base64,') == 11
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "sidecars"))) as archive:
        assert archive.read("phone.heic.txt").decode() == f"{TOM}\nقطة على خلفية زرقاء\n"
        assert len(archive.namelist()) == 22
    # Deleted after a question, with everything.
    page.click(".many [data-do=ask]")
    page.click(".many [data-do=keep]")
    expect(page.locator(".many .rows > li")).to_have_count(12)
    page.click(".many [data-do=ask]")
    page.click(".many [data-do=delete]")
    expect(page.locator(".many .rows > li")).to_have_count(0)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    open_tab(page)
    expect(page.locator(".many .whole")).to_be_hidden()


def test_what_is_added_twice_or_is_no_picture_is_said(visit: Visit, tmp_path: Path) -> None:
    page = visit("en")
    first, second = make_folder(tmp_path / "photos", 2)
    notes = tmp_path / "notes.txt"
    notes.write_text("words")
    open_tab(page)
    choose(page, [first, notes])
    expect(page.locator(".many .message")).to_contain_text("notes.txt")
    expect_described(page, 1)
    choose(page, [first, second])
    expect_described(page, 2)
    expect(page.locator(".many .message")).to_contain_text(first.name)
    # Another file of the same name is another picture.
    other = tmp_path / first.name
    other.write_bytes(second.read_bytes())
    choose(page, [other])
    expect_described(page, 3)
    expect(row(page, f"{first.stem} (2).png")).to_have_count(1)


def test_another_visitor_sees_nothing_of_it(visit: Visit, tmp_path: Path) -> None:
    page, other = visit("en"), visit("ar")
    open_tab(page)
    choose(page, make_folder(tmp_path / "photos", 2))
    expect_described(page, 2)
    open_tab(other)
    expect(other.locator(".many .whole")).to_be_hidden()


def test_two_pages_of_a_visitor_do_not_overwrite_each_other(visit: Visit, tmp_path: Path) -> None:
    page = visit("en")
    open_tab(page)
    (picture,) = make_folder(tmp_path / "photos", 1)
    choose(page, [picture])
    expect_described(page, 1)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("html[data-ready]")
    open_tab(other)
    expect_described(other, 1)
    page.fill(".many textarea[lang=en]", TOM)
    page.locator(".many textarea[lang=en]").blur()
    expect(page.locator(".many li")).not_to_have_attribute("data-digest", "")
    other.locator(".many textarea[lang=ar]").fill("قط")
    other.locator(".many textarea[lang=ar]").blur()
    expect(other.locator(".many .about")).to_contain_text(TOM)
    expect(other.locator(".many textarea[lang=ar]")).to_have_value("قط")
    other.close()


def test_a_killed_server_loses_no_picture_and_no_edit(browser: Browser, tmp_path: Path) -> None:
    hub = {"HF_HOME": str(tmp_path / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    files, port = make_folder(tmp_path / "photos", 24), free_port()
    server = start(tmp_path, port, **hub)
    try:
        with visits(browser, answering(server, port)) as visit:
            page = visit("ar")
            open_tab(page)
            choose(page, files)
            done = page.locator(".many li[data-state=draft]")
            expect(done.nth(2)).to_be_visible(timeout=60_000)
            page.locator(".many textarea[lang=ar]").first.fill("حوت صغير")
            page.locator(".many .tick input").first.check()
            expect(page.locator(".many li[data-state=reviewed]")).to_have_count(1)
            expect(page.locator(".many .rows > li")).to_have_count(24, timeout=90_000)
            page.click(".many [data-do=stop]")
            expect(page.locator(".many [data-do=resume]")).to_be_visible(timeout=60_000)
            page.click(".many [data-do=resume]")
            expect(page.locator(".many [data-do=stop]")).to_be_visible()
            server.kill()
            server.wait()
            finished = page.locator(".many textarea[lang=en]").count()
            assert 3 <= finished < 24
            english = [box.input_value() for box in page.locator(".many textarea[lang=en]").all()]
            server = start(tmp_path, port, **hub)
            answering(server, port)
            page.reload()
            page.wait_for_selector("html[data-ready]")
            open_tab(page)
            expect(page.locator(".many .rows > li")).to_have_count(24)
            assert page.locator(".many textarea").count() >= 2 * finished
            page.click(".many [data-do=resume]")
            expect_described(page, 24)
            boxes = page.locator(".many textarea[lang=en]").all()
            assert [box.input_value() for box in boxes][:finished] == english
            assert page.input_value(".many textarea[lang=ar] >> nth=0") == "حوت صغير"
            expect(page.locator(".many li[data-state=reviewed]")).to_have_count(1)
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("ar", 360, "light"), ("en", 1280, "dark")]
)
def test_it_fits_and_is_accessible(
    visit: Visit, pictures: list[Path], language: str, width: int, scheme: str
) -> None:
    page = visit(language, viewport={"width": width, "height": 800}, color_scheme=scheme)
    open_tab(page)
    choose(page, [pictures[0], pictures[7], pictures[-1]])
    expect_described(page, 3)
    page.click(".many [data-do=ask]")
    page.wait_for_timeout(400)
    assert _serious(page) == []
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


@both_languages
def test_rows_are_removed_and_pictures_marked_as_decorative(
    visit: Visit, pictures: list[Path], language: str
) -> None:
    page = visit(language)
    open_tab(page)
    choose(page, pictures[:4])
    expect_described(page, 4)
    first, second, third, fourth = (file.name for file in pictures[:4])
    # Words that are not approved are the person's all the same, also where they were just typed.
    row(page, first).locator("textarea[lang=en]").fill(TOM)
    exported = downloaded_rows(page)
    assert (exported[first]["en"], exported[first]["state"]) == (TOM, "edited")
    expect(row(page, first)).to_contain_text(string(page, "edited"))
    # A decorative picture: its words come back when it is none after all.
    words = texts(page, second)
    row(page, second).locator("textarea[lang=ar]").fill("كلماتي أنا")
    decorative = row(page, second).get_by_label(string(page, "decorative"))
    decorative.check()
    expect(row(page, second)).to_contain_text('alt=""')
    expect(row(page, second).locator("textarea").first).to_be_hidden()
    expect(row(page, second).get_by_label(string(page, "reviewed"))).to_be_checked()
    expect(page.locator(".many .says")).to_contain_text(
        {"en": "1 of 4 reviewed", "ar": "رُوجعت صورة واحدة من 4"}[language]
    )
    exported = downloaded_rows(page)
    assert (exported[second]["en"], exported[second]["ar"]) == ("", "")
    assert exported[second]["state"] == "decorative"
    html = downloaded(page, "html").decode()
    assert html.count('alt="" lang="en"') == 1
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "sidecars"))) as archive:
        assert archive.read(f"{second}.txt") == b""
        assert b"<marsam:decorative>True<" in archive.read(f"{second}.xmp")
    decorative.uncheck()
    expect(row(page, second).locator("textarea[lang=ar]")).to_have_value("كلماتي أنا")
    assert texts(page, second)[0] == words[0]
    expect(row(page, second)).to_have_attribute("data-state", "draft")
    # Removing asks first; another key or click is no answer.
    remove = row(page, third).get_by_role("button", name=string(page, "remove"))
    remove.click()
    expect(row(page, third)).to_contain_text(string(page, "really_remove"))
    page.locator(".many .says").click()
    expect(row(page, third).locator(".asking")).to_have_count(0)
    # What is being written in another row stays.
    row(page, fourth).locator("textarea[lang=en]").fill("just written")
    remove.click()
    remove.click()
    expect(row(page, third)).to_have_count(0)
    expect(page.locator(".many .message")).to_contain_text(third)
    assert texts(page, fourth)[0] == "just written"
    assert set(downloaded_rows(page)) == {first, second, fourth}
    page.reload()
    page.wait_for_selector("html[data-ready]")
    open_tab(page)
    expect_described(page, 3)
    assert texts(page, first)[0] == TOM
    assert texts(page, fourth)[0] == "just written"
    # The same picture can be added again, under its name.
    choose(page, [pictures[2]])
    expect_described(page, 4)
    assert third in downloaded_rows(page)


def test_another_page_follows_a_removal(visit: Visit, pictures: list[Path]) -> None:
    page = visit("en")
    open_tab(page)
    choose(page, pictures[:3])
    expect_described(page, 3)
    first, second, third = (file.name for file in pictures[:3])
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("html[data-ready]")
    open_tab(other)
    expect_described(other, 3)
    other.locator(".many .rows > li").nth(2).locator("textarea[lang=en]").fill("of the other page")
    page.locator(".many .rows > li").nth(0).locator("[data-do=remove]").dblclick()
    expect(row(page, first)).to_have_count(0)
    # Its words go to the row that it shows, not to the one that has taken its place.
    other.locator("textarea[lang=en]").last.press("Control+Enter")
    expect(other.locator(".many .rows > li")).to_have_count(2)
    rows = downloaded_rows(other)
    assert (rows[third]["en"], rows[third]["state"]) == ("of the other page", "reviewed")
    assert rows[second]["state"] == "draft"


@both_languages
def test_the_list_with_decorative_pictures_is_accessible(
    visit: Visit, pictures: list[Path], language: str
) -> None:
    for width in (360, 820, 1280):
        page = visit(language, viewport={"width": width, "height": 900})
        open_tab(page)
        choose(page, pictures[:2])
        expect_described(page, 2)
        rows = page.locator(".many .rows > li")
        rows.nth(0).locator("[data-tick=decorative]").check()
        expect(rows.nth(0)).to_contain_text('alt=""')
        rows.nth(1).locator("[data-do=remove]").click()
        expect(rows.nth(1).locator(".asking")).to_be_visible()
        assert _serious(page) == []
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1]


def string(page: Page, key: str) -> str:
    return STRINGS[key][page.get_attribute("html", "lang") == "ar"]


def downloaded_rows(page: Page) -> dict[str, dict[str, str]]:
    """The rows of the CSV table, by the name of the picture."""
    table = downloaded(page, "csv").decode("utf-8-sig")
    return {one["path"]: one for one in csv.DictReader(io.StringIO(table))}
