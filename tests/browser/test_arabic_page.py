"""The Arabic page says everything in Arabic, its errors included."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from marsam.imaging.file_kinds import PDF
from tests.browser.conftest import Visit, arabic_first
from tests.browser.test_studio import SHOWN, advanced, pane, word

VISIBLE_TEXT = """() => {
    const texts = [document.title];
    const seen = { visibilityProperty: true, opacityProperty: true };
    const isShown = (element) => element.checkVisibility(seen);
    for (const element of document.body.querySelectorAll("*")) {
        if (!isShown(element) || element.closest("[lang=en], script, style")) continue;
        for (const node of element.childNodes) {
            if (node.nodeType === Node.TEXT_NODE) texts.push(node.data);
        }
        for (const name of ["aria-label", "title", "placeholder"]) {
            texts.push(element.getAttribute(name) ?? "");
        }
    }
    return texts.map((text) => text.trim()).filter((text) => /[A-Za-z]{2}/.test(text));
}"""
NAMES = {
    "Marsam",
    *("English", "Language"),  # the button that changes the language
    *("marsam", "mini-captioner", "mini-translator", "mini-painter"),
    *("HTML", "alt", "Markdown", "GPU", "CSV", "ZIP", "PNG", "JPEG", "PDF", "tokens", "prompt"),
    *(
        "bfloat16",
        "float32",
        "mini",
        "standard",
        "free",
        "modern",
        "captioner",
        "translator",
        "painter",
        "Apache-2.0",
    ),
}
"""Names that have no Arabic form, and terms that stand beside their Arabic one."""


def latin_words(page: Page) -> set[str]:
    """Words in Latin letters that are no names, with the text around them."""
    return {
        text
        for text in page.evaluate(VISIBLE_TEXT)
        for found in re.findall(r"[A-Za-z]\w+(?:[.-]\w+)*", text)
        if found not in NAMES
    }


def test_no_english_is_left_on_the_arabic_page(visit: Visit, tmp_path: Path) -> None:
    page = visit("ar")
    assert latin_words(page) == set()
    advanced(page)
    page.get_by_role("button", name=word(page, "about")).click()
    expect(page.locator(".known")).to_be_visible()
    assert latin_words(page) == set()
    page.fill("#steps textarea", "500")
    page.click("button#paint")
    expect(page.locator(".toast-body")).to_be_visible()
    assert latin_words(page) == set()
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    assert latin_words(page) == set()


@arabic_first
def test_a_file_that_is_no_picture_is_refused_with_its_reason(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    page = visit(language)
    document = tmp_path / "notes.pdf"
    document.write_bytes(b"%PDF-1.7 nothing")
    page.set_input_files("#picture input[type=file]", document)
    expect(page.locator(".toast-body")).to_contain_text(PDF.ar if language == "ar" else PDF.en)
    assert (pane(page, "en"), pane(page, "ar")) == (SHOWN["en"], SHOWN["ar"])
    if language == "ar":
        assert latin_words(page) == set()


@arabic_first
def test_a_value_out_of_range_is_named_and_its_box_is_marked(visit: Visit, language: str) -> None:
    page = visit(language)
    advanced(page)
    steps = page.locator("#steps textarea")
    steps.fill("500")
    expect(steps).to_have_attribute("aria-invalid", "true")
    name = "عدد الخطوات" if language == "ar" else "steps"
    said = re.compile(f"{name}.*1.*200.*500")
    expect(page.locator("#expected")).to_contain_text(said)
    steps.fill("5")
    expect(steps).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#expected")).not_to_contain_text("200")
    page.fill("#guidance textarea", "ten")
    for _ in range(2):
        page.click("button#paint")
        expect(page.locator(".toast-body")).to_contain_text("ten")
    expect(page.locator("#guidance textarea")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[data-testid=toast-text]:visible")).to_have_count(1)
    assert pane(page, "ar") == SHOWN["ar"]


def test_what_to_leave_out_may_be_written_in_arabic(visit: Visit) -> None:
    page = visit("ar")
    advanced(page)
    assert "بالعربية أو الإنجليزية" in page.locator("#negative").inner_text()
    page.fill("#negative textarea", "قطة")
    page.fill("#steps textarea", "2")
    page.fill("#number input[type=number]", "1")
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text("صورة واحدة", timeout=120_000)
