"""Pictures that follow what is typed, with the mini models."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from marsam.imaging.metadata import read_record
from tests.browser.conftest import Visit, arabic_first, both_languages, visits
from tests.browser.test_studio import SHOWN, advanced, finished, pane, pictures, word
from tests.helpers.serving import served

BOX = {"en": "#english textarea", "ar": "#arabic textarea"}
FISH = {"en": "two fish", "ar": "سمكتان"}
CAT = {"en": "a cat", "ar": "قطة"}


def picture_of(page: Page, text: str) -> Locator:
    """The picture while a person types, once it is one of this text."""
    language = "ar" if re.search("[ء-ي]", text) else "en"
    line = page.locator(f'#live-picture .visually-hidden > [lang="{language}"]')
    expect(line).to_have_text(re.compile(f": {text}$"))
    return page.locator("#live-picture button")


def source(button: Locator) -> str:
    return button.locator("img").get_attribute("src") or ""


def size(page: Page) -> tuple[float, float]:
    box = page.locator("#live-picture").bounding_box()
    assert box is not None
    return box["width"], box["height"]


def live(page: Page) -> Locator:
    return page.get_by_role("checkbox", name=word(page, "live"))


@both_languages
def test_pictures_follow_what_is_typed(visit: Visit, language: str) -> None:
    page = visit(language)
    expect(live(page)).not_to_be_checked()
    page.locator(BOX[language]).press_sequentially("x")
    page.wait_for_timeout(1000)
    expect(page.locator("#live-picture")).to_be_hidden()
    live(page).check()
    expect(page.locator("#live-picture")).to_be_visible()
    empty = size(page)
    page.fill(BOX[language], FISH[language][:3])
    page.locator(BOX[language]).press_sequentially(FISH[language][3:])
    fish = source(picture_of(page, FISH[language]))
    assert size(page) == empty  # nothing on the page moves
    page.fill(BOX[language], CAT[language])
    cat = source(picture_of(page, CAT[language]))
    assert cat != fish
    page.fill(BOX[language], FISH[language])  # only the words change the picture
    assert source(picture_of(page, FISH[language])) == fish
    other = "ar" if language == "en" else "en"
    assert (pane(page, language), pane(page, other)) == (FISH[language], SHOWN[other])
    # It is said once to who listens, and nothing is kept of it.
    expect(page.locator("#typing [aria-live]")).to_contain_text(FISH[language])
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history")).to_contain_text(word(page, "no_runs"))
    page.get_by_role("tab", name=word(page, "studio_tab")).click()
    live(page).uncheck()
    expect(page.locator("#live-picture")).to_be_hidden()


@arabic_first
def test_the_last_words_win(visit: Visit, language: str) -> None:
    page = visit(language)
    live(page).check()
    shown: list[list[str]] = []
    page.expose_function("noteShown", lambda pair: shown.append(pair))
    page.evaluate(
        """() => {
          let last;
          new MutationObserver(() => {
            const image = document.querySelector("#live-picture img");
            if (!image || image.src === last) return;
            last = image.src;
            const said = document.querySelector('#live-picture button [lang="ar"] > bdi');
            noteShown([said.textContent, document.querySelector("#arabic textarea").value]);
          }).observe(document.body, { childList: true, subtree: true, attributes: true });
        }"""
    )
    for text in ("قطة", "سمكة", "كلب", "سيارة"):
        page.fill(BOX["ar"], text)
        page.wait_for_timeout(450)  # longer than the pause that asks for a picture
    picture_of(page, "سيارة")
    page.wait_for_timeout(1500)
    picture_of(page, "سيارة")
    assert shown[-1] == ["سيارة", "سيارة"]


@both_languages
def test_a_click_paints_it_with_the_chosen_quality(visit: Visit, language: str) -> None:
    page = visit(language)
    live(page).check()
    page.fill(BOX[language], CAT[language])
    button = picture_of(page, CAT[language])
    quality = page.locator("#recipe").get_by_text(word(page, "draft"), exact=True)
    quality.click()
    button.focus()
    page.keyboard.press("Enter")
    finished(page, 1)
    (file,) = pictures(page)
    first = read_record(file)
    assert first is not None
    assert (first.recipe, first.prompt) == ("draft", "a cat")
    assert (pane(page, "en"), pane(page, "ar")) == (CAT["en"], CAT["ar"])
    # Its seed is that of the pictures before and after.
    page.fill(BOX[language], FISH[language])
    picture_of(page, FISH[language]).click()
    expect(page.locator("#sent .words").first).to_have_text("two fish")
    finished(page, 1)
    (file,) = pictures(page)
    second = read_record(file)
    assert second is not None
    assert (second.seed, second.prompt) == (first.seed, "two fish")
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work")).to_have_count(2)


def test_the_seed_of_the_box_is_used(visit: Visit) -> None:
    page = visit("en")
    advanced(page)
    page.fill("#seed textarea", "7")
    live(page).check()
    page.fill(BOX["en"], CAT["en"])
    picture_of(page, CAT["en"]).click()
    finished(page, 1)
    (file,) = pictures(page)
    record = read_record(file)
    assert record is not None
    assert record.seed == 7


@arabic_first
def test_unknown_words_are_named_while_typing(visit: Visit, language: str) -> None:
    page = visit(language)
    live(page).check()
    page.fill(BOX["ar"], "تنين")
    expect(page.locator("#arabic-notes")).to_contain_text("تنين")
    expect(page.locator(".toast-body")).to_be_hidden()
    page.fill(BOX["ar"], CAT["ar"])
    picture_of(page, CAT["ar"])
    expect(page.locator("#arabic-notes")).to_be_hidden()


def test_a_wrong_setting_is_said_once(visit: Visit) -> None:
    page = visit("en")
    live(page).check()
    advanced(page)
    page.fill("#seed textarea", "seven")
    page.fill(BOX["en"], CAT["en"])
    expect(page.locator(".toast-body")).to_contain_text("seven")
    expect(live(page)).not_to_be_checked()
    expect(page.locator("#live-picture")).to_be_hidden()


def test_the_choice_lasts_as_long_as_the_tab(visit: Visit) -> None:
    page = visit("en")
    live(page).check()
    expect(page.locator("#live-picture")).to_be_visible()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(live(page)).to_be_checked()
    expect(page.locator("#live-picture")).to_be_visible()
    page.get_by_label("العربية").check()
    expect(live(page)).to_be_checked()
    expect(live(visit("en"))).not_to_be_checked()


@pytest.fixture(scope="module")
def styled(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio of models that have no recipe ``instant``."""
    folder: Path = tmp_path_factory.mktemp("styled")
    with served(folder, module="tests.browser.styled_studio") as url:
        yield url


def test_other_models_do_not_offer_it(browser: Browser, styled: str) -> None:
    with visits(browser, styled) as visit:
        page = visit("en")
        expect(page.locator("#recipe")).to_be_visible()
        expect(page.locator("#live")).to_be_hidden()
