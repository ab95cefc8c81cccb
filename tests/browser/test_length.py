"""Captioners that are asked: the length of a description, and their own Arabic, on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from marsam.options import CaptionLength
from marsam.web.strings import STRINGS
from tests.browser.asked_studio import ARABIC, ENGLISH
from tests.browser.conftest import Visit, both_languages, visits
from tests.browser.test_accessibility import _serious
from tests.browser.test_studio import drop
from tests.helpers.page import Page as ServedPage
from tests.helpers.serving import served


@pytest.fixture(scope="module")
def asked(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("asked"), module="tests.browser.asked_studio") as url:
        yield url


@pytest.fixture
def visit_asked(browser: Browser, asked: str) -> Iterator[Visit]:
    with visits(browser, asked) as opened:
        yield opened


def choose(page: Page, length: CaptionLength, language: str) -> None:
    name = STRINGS.text(f"length_{length}", language)
    page.locator("#caption-length").get_by_text(name, exact=True).click()


@both_languages
def test_a_length_is_chosen_and_undone(visit_asked: Visit, language: str, examples: Path) -> None:
    page = visit_asked(language)
    english = page.locator("#english textarea")
    drop(page, examples / "cat.png")
    expect(english).to_have_value(ENGLISH[CaptionLength.SENTENCE])
    expect(english).to_be_editable()
    for length in (CaptionLength.PARAGRAPH, CaptionLength.SHORT):
        choose(page, length, language)
        expect(english).to_have_value(ENGLISH[length])
        expect(page.locator("#native")).to_contain_text(ARABIC[length])
        expect(english).to_be_editable()
    page.click("button#undo")
    expect(english).to_have_value(ENGLISH[CaptionLength.PARAGRAPH])
    page.click(f"button[role=tab]:has-text('{STRINGS.text('history_tab', language)}')")
    expect(page.locator("#history .work")).to_have_count(1)


def test_a_persons_words_come_back(asked: str, examples: Path) -> None:
    """Those that were typed just before another length was chosen, too."""
    with ServedPage(asked, "a" * 32) as page:
        page.load()
        uploaded = page.upload(examples / "cat.png")
        page.call("describe", uploaded)
        page.call("change_length", "paragraph", "my own words", "كلماتي")
        too_long = 20_000 * "a"
        page.call("change_length", "short", too_long, "")
        page.call("paint_1", *page.settings(english=too_long))
        outputs = str(page.call("undo")["data"])
    assert too_long not in outputs
    assert "my own words" in outputs
    assert "كلماتي" in outputs


def test_the_captioners_own_arabic_is_taken_by_a_click(visit_asked: Visit, examples: Path) -> None:
    page = visit_asked("ar")
    drop(page, examples / "cat.png")
    own = ARABIC[CaptionLength.SENTENCE]
    expect(page.locator("#native")).to_contain_text(own)
    assert _serious(page) == []
    page.click("button#use-native")
    expect(page.locator("#arabic textarea")).to_have_value(own)
    expect(page.locator("#native")).to_be_hidden()
    page.click("button#undo")
    expect(page.locator("#native")).to_contain_text(own)


def test_other_captioners_have_no_lengths(visit: Visit) -> None:
    expect(visit("en").locator("#caption-length")).to_have_count(0)
