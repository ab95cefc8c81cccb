"""The full size models are downloaded and used from the page, without a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from marsam.hub.catalog import STANDARD
from marsam.styles import STYLES
from marsam.web.strings import STRINGS
from tests.helpers.serving import served
from tests.hub.fake_hub import FakeHub, Repository
from tests.hub.tiny_models import standard_repositories

from .conftest import visits


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """The repositories of the full size set, with tiny models in them."""
    made = {name: Repository(files) for name, files in standard_repositories().items()}
    with FakeHub(made) as opened:
        yield opened


def test_models_that_were_downloaded_are_used(
    hub: FakeHub, browser: Browser, tmp_path: Path
) -> None:
    with (
        served(tmp_path, HF_HOME=str(tmp_path / "hub"), HF_ENDPOINT=hub.url) as url,
        visits(browser, url) as visit,
    ):
        other = visit("en")
        expect(other.locator("#no-styles")).to_contain_text(STRINGS["no_styles"].en)
        page = visit("ar")
        expect(page.locator("#summary")).to_contain_text(STRINGS["models_missing"].ar)
        page.click("#about > button")
        expect(page.locator("#offered")).to_contain_text("standard: للصور الفوتوغرافية، بـ202 لغة")
        expect(page.locator("#offered")).to_contain_text(STANDARD.strictest.ar)
        page.click("#about > button")
        page.fill("#arabic textarea", "تمساح يقرأ كتابًا")
        page.click("#from-arabic")
        page.click("#fetch-models")
        expect(page.locator("#download-status")).to_contain_text(
            STRINGS["models_in_use"].ar.split(".")[0], timeout=60_000
        )
        expect(page.locator("#summary")).to_contain_text(STRINGS["set_standard"].ar)
        expect(page.locator("#download-models")).to_be_hidden()
        expect(page.locator("#fetch-models")).to_be_hidden()
        page.fill("#number input[type=number]", "1")
        page.fill("#english textarea", "a crocodile that reads a book")
        page.click("#from-english")
        expect(page.locator("#from-english")).to_be_hidden()
        page.click("button#paint")
        # The first picture waits for the warm-up, which imports and loads everything.
        expect(page.locator("#gallery .star")).to_have_count(1, timeout=120_000)
        expect(page.locator("#status")).to_contain_text("صورة واحدة")
        expect(page.locator("button#paint")).to_be_enabled()
        expect(page.locator("#style input").first).to_be_enabled()
        expect(page.locator("#no-styles")).to_be_hidden()
        expect(page.locator("#about")).to_contain_text(STANDARD.painter.source)

        # A page that was open all the time learns of them when it is focused again.
        expect(other.locator("#summary")).to_contain_text(STRINGS["set_mini"].en)
        # For Playwright, every page is in front all the time.
        other.evaluate("window.dispatchEvent(new Event('focus'))")
        expect(other.locator("#summary")).to_contain_text(STRINGS["set_standard"].en)
        expect(other.locator("#style")).to_contain_text(STYLES["clay"].en)
        expect(other.locator("#no-styles")).to_be_hidden()
        expect(other.locator("#download-models")).to_be_hidden()
