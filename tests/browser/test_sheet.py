"""The sheet of pictures with both texts, as it is printed."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit, both_languages
from tests.browser.test_accessibility import _serious
from tests.browser.test_studio import SHOWN, paint


@both_languages
def test_pictures_are_printed_with_both_texts(visit: Visit, language: str) -> None:
    page = visit(language)
    paint(page, pictures=3, seed=3)
    with page.expect_popup() as opened:
        page.click("button#print")
    sheet = opened.value
    expect(sheet.locator("figure img")).to_have_count(3)
    sheet.wait_for_function("Array.from(document.images).every((one) => one.naturalWidth)")
    assert sheet.get_attribute("html", "lang") == language
    assert sheet.get_attribute("html", "dir") == {"en": "ltr", "ar": "rtl"}[language]
    assert sheet.locator("h1 > span").all_inner_texts() == [
        SHOWN[one] for one in sorted(SHOWN, key=lambda one: one != language)
    ]
    expect(sheet.locator("figure img").first).to_have_attribute("alt", SHOWN[language])
    expect(sheet.locator("figcaption").first).to_contain_text("3")
    expect(sheet.locator("#kept")).to_have_count(0)
    assert _serious(sheet) == []
    for paper in ("A4", "Letter"):
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", sheet.pdf(format=paper))) == 1
    sheet.close()

    # Of the pictures to keep alone, if there are such; the others can be added.
    page.locator("#gallery .star").first.click()
    page_to_print = page.locator("#sheet [data-page]")
    expect(page_to_print).to_have_attribute("data-page", re.compile("<figure data-kept>"))
    with page.expect_popup() as opened:
        page.click("button#print")
    sheet = opened.value
    expect(sheet.locator("#kept")).to_be_checked()
    expect(sheet.locator("figure img:visible")).to_have_count(1)
    sheet.set_viewport_size({"width": 360, "height": 740})
    assert sheet.evaluate("document.documentElement.scrollWidth") == 360
    sheet.locator("#kept").uncheck()
    expect(sheet.locator("figure img:visible")).to_have_count(3)
    sheet.locator("#language").click()
    assert sheet.get_attribute("html", "dir") == {"en": "rtl", "ar": "ltr"}[language]
    sheet.evaluate("window.print = () => { document.title = 'printed'; }")
    sheet.locator("#print").click()
    assert sheet.title() == "printed"


def test_the_sheet_is_in_the_language_that_the_page_was_switched_to(visit: Visit) -> None:
    page = visit("en")
    page.get_by_label("العربية").first.check()
    page_to_print = page.locator("#sheet [data-page]")
    expect(page_to_print).to_have_attribute("data-page", re.compile('<html lang="ar"'))
    with page.expect_popup() as opened:
        page.click("button#print")
    assert opened.value.get_attribute("html", "dir") == "rtl"
    expect(opened.value.locator("h1 > span").first).to_have_text(SHOWN["ar"])
