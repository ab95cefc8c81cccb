"""A link to words and settings: another person paints the same pictures with it."""

from typing import Any

from playwright.sync_api import expect

from marsam.web.strings import STRINGS
from tests.browser.conftest import Visit, both_languages
from tests.browser.test_studio import SHOWN, advanced, paint

PIXELS = """async () => {
  const images = Array.from(document.querySelectorAll("#gallery .picture img"));
  return Promise.all(images.map(async (image) => {
    const bitmap = await createImageBitmap(await (await fetch(image.src)).blob());
    const drawn = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    drawn.drawImage(bitmap, 0, 0);
    return Array.from(drawn.getImageData(0, 0, bitmap.width, bitmap.height).data).join();
  }));
}"""
COPIED = """() => { window.copied = "";
  navigator.clipboard.writeText = async (text) => { window.copied = text; }; }"""


def boxes(page: Any) -> list[str]:
    """What is in both text boxes, the seed and the number."""
    advanced(page)
    fields = ("#english textarea", "#arabic textarea", "#seed textarea", "#number input")
    return [page.locator(field).first.input_value() for field in fields]


@both_languages
def test_a_link_brings_words_and_settings(visit: Visit, language: str) -> None:
    page = visit(language)
    paint(page, pictures=2, seed=3)
    wanted, pixels = boxes(page), page.evaluate(PIXELS)
    page.evaluate(COPIED)
    page.get_by_role("button", name=STRINGS.text("copy_link", language)).click()
    expect(page.locator("#copy-link .copied")).to_be_visible()
    link = page.evaluate("window.copied")
    assert wanted[0].replace(" ", "+") in link

    other = visit(language, url=link)
    expect(other.locator("#status")).to_contain_text(STRINGS.text("from_link", language))
    assert boxes(other) == wanted
    expect(other.locator("#gallery .picture")).to_have_count(0)
    assert "#" not in other.url
    other.click("button#paint")
    expect(other.locator("#gallery .star")).to_have_count(2)
    expect(other.locator("button#paint")).to_be_enabled()
    assert other.evaluate(PIXELS) == pixels
    other.reload()
    other.wait_for_selector("html[data-ready]")
    expect(other.locator("#gallery .star")).to_have_count(2)


def test_a_wrong_link_is_refused_and_changes_nothing(visit: Visit, address: str) -> None:
    page = visit("ar", url=f"{address}/#en=a+cat&number=99")
    expect(page.locator("#status")).to_contain_text("بين 1 و10")
    expect(page.locator("#english textarea")).to_have_value(SHOWN["en"])
