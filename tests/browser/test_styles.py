"""Styles on the page: chips where the painter knows them, a reason where it does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record, record_of, save_with_record
from marsam.styles import STYLES, in_style
from marsam.testing import fake_studio
from tests.browser.conftest import Visit, both_languages, visits
from tests.browser.test_studio import SHOWN, drop, paint, pane, pictures, word
from tests.helpers.serving import served

CLAY = in_style(SHOWN["en"], "clay")


@pytest.fixture(scope="module")
def styled(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio whose painter knows styles."""
    folder = tmp_path_factory.mktemp("styled")
    with served(folder, module="tests.browser.styled_studio") as url:
        yield url


@pytest.fixture
def visit_styled(browser: Browser, styled: str) -> Iterator[Visit]:
    with visits(browser, styled) as opened:
        yield opened


def name(page: Page, key: str) -> str:
    arabic = page.get_attribute("html", "data-language") == "ar"
    return STYLES[key].ar if arabic else STYLES[key].en


def chip(page: Page, key: str) -> Locator:
    label = name(page, key) if key else word(page, "no_style")
    return page.locator("#style").get_by_role("radio", name=label, exact=True)


@both_languages
def test_a_style_is_chosen_painted_and_remembered(visit_styled: Visit, language: str) -> None:
    page = visit_styled(language)
    expect(chip(page, "")).to_be_checked()
    tokens = page.locator("#sent meter")
    before = int(tokens.get_attribute("value") or 0)
    page.locator("#style").get_by_text(name(page, "clay"), exact=True).click()
    expect(page.locator("#sent")).to_contain_text(CLAY)
    assert int(tokens.get_attribute("value") or 0) > before
    if language == "ar":
        expect(page.locator("#sent")).to_contain_text(f"{SHOWN['ar']} · {STYLES['clay'].ar}")
    # What the visitor wrote stays as it is.
    assert (pane(page, "en"), pane(page, "ar")) == (SHOWN["en"], SHOWN["ar"])
    paint(page, pictures=1, seed=7)
    (file,) = pictures(page)
    record = read_record(file)
    assert record is not None
    assert (record.prompt, record.style, record.english) == (CLAY, "clay", SHOWN["en"])
    expect(page.locator("#gallery h3")).to_have_text(name(page, "clay"), use_inner_text=True)

    # The same words in another style are a round beneath, to be compared.
    page.locator("#style").get_by_text(name(page, "mosaic"), exact=True).click()
    expect(page.locator("#sent")).to_contain_text(in_style(SHOWN["en"], "mosaic"))
    page.click("button#paint")
    expect(page.locator("#gallery h3").last).to_contain_text(
        name(page, "mosaic"), use_inner_text=True
    )
    expect(page.locator("button#paint")).to_be_enabled()
    assert len(pictures(page)) == 2
    assert pictures(page)[0] != pictures(page)[1]

    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(chip(page, "mosaic")).to_be_checked()
    expect(page.locator("#sent")).to_contain_text(in_style(SHOWN["en"], "mosaic"))
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work").first).to_contain_text(name(page, "clay"))


@both_languages
def test_the_chips_are_one_stop_of_the_keyboard(visit_styled: Visit, language: str) -> None:
    page = visit_styled(language)
    chip(page, "").focus()
    forward = "ArrowLeft" if language == "ar" else "ArrowRight"
    page.keyboard.press(forward)
    expect(chip(page, "photo")).to_be_checked()
    expect(chip(page, "photo")).to_be_focused()
    expect(page.locator("#sent")).to_contain_text(STYLES["photo"].before)
    label = page.locator("#style label:has(:checked)")
    assert label.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.closest('#style')")


@both_languages
def test_edited_words_are_sent_in_the_style(visit_styled: Visit, language: str) -> None:
    page = visit_styled(language)
    page.locator("#style").get_by_text(name(page, "oil"), exact=True).click()
    expect(page.locator("#sent")).to_contain_text(in_style(SHOWN["en"], "oil"))
    box, update = {
        "en": ("#english textarea", "from_english"),
        "ar": ("#arabic textarea", "from_arabic"),
    }[language]
    page.fill(box, {"en": "two fish", "ar": "سمكتان"}[language])
    page.locator(f"button#{update.replace('_', '-')}").click()
    expect(page.locator("#sent")).to_contain_text(in_style("two fish", "oil"))
    page.locator("#style").get_by_text(word(page, "no_style"), exact=True).click()
    expect(page.locator("#sent .words").first).to_have_text("two fish")


def test_another_picture_is_sent_in_the_style_that_is_chosen(
    visit_styled: Visit, examples: Path
) -> None:
    page = visit_styled("en")
    page.locator("#style").get_by_text(name(page, "clay"), exact=True).click()
    expect(page.locator("#sent")).to_contain_text(CLAY)
    drop(page, examples / "cat.png")
    expect(page.locator("#english textarea")).to_have_value("a cat on a blue background")
    expect(page.locator("#sent")).to_contain_text(in_style("a cat on a blue background", "clay"))
    expect(chip(page, "clay")).to_be_checked()


def test_a_picture_brings_its_style_back(visit_styled: Visit, tmp_path: Path) -> None:
    page = visit_styled("en")
    page.locator("#style").get_by_text(name(page, "clay"), exact=True).click()
    paint(page, pictures=1, seed=7)
    (file,) = pictures(page)
    (tmp_path / "clay.png").write_bytes(file)
    other = visit_styled("en")
    drop(other, tmp_path / "clay.png")
    expect(chip(other, "clay")).to_be_checked()
    assert pane(other, "en") == SHOWN["en"]
    other.click("button#paint")
    expect(other.locator("#gallery .picture")).to_have_count(1)
    expect(other.locator("button#paint")).to_be_enabled()
    assert open_picture(pictures(other)[0]) == open_picture(file)


@both_languages
def test_the_mini_models_say_why_there_are_no_styles(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    page = visit(language)
    expect(page.locator("#no-styles")).to_contain_text(word(page, "no_styles"))
    expect(page.locator("#style")).to_be_hidden()
    expect(page.locator("button#style-models")).to_have_text(word(page, "style_models"))
    # A picture that another painter made in a style brings all but the style.
    picture = fake_studio().run(prompt="a cat", style="clay", pictures=1, seed=5)
    record = record_of(picture.pictures[0], picture.prompt)
    assert picture.pictures[0].image is not None
    save_with_record(picture.pictures[0].image, record, tmp_path / "clay.png")
    drop(page, tmp_path / "clay.png")
    expect(page.locator("#status")).to_contain_text(word(page, "restored"))
    assert pane(page, "en") == "a cat"
    expect(page.locator("#sent .words").first).to_have_text("a cat")
    # The button begins the download where the models are described.
    page.click("button#style-models")
    expect(page.locator("#download-status")).to_contain_text("127.0.0.1:9")
    expect(page.locator("button#style-models")).to_be_visible()  # to try again
