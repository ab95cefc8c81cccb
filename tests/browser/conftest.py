"""Debian's Chromium, the studio it opens, and visits that may go nowhere else."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import program
from tests.helpers.serving import served

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that films a test pattern
    "--use-fake-ui-for-media-stream",
]
LOCALES = {"en": "en-GB", "ar": "ar-EG"}
Visit = Callable[..., Page]
both_languages = pytest.mark.parametrize("language", ["en", "ar"])
arabic_first = pytest.mark.parametrize(
    "language", ["ar", "en"] if os.environ.get("MARSAM_STRESS") else ["ar"]
)
"""For what does not depend on the language of the page; ``make stress`` does it in English too."""
TIMEOUT_MS = 60_000
"""Two cores that also paint, and do other work."""
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The studio with the bundled models; no hub anywhere near."""
    folder = tmp_path_factory.mktemp("studio")
    hub = {"HF_HOME": str(folder / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    with served(folder, **hub) as url:
        yield url


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Opens the page as a new visitor; no visit may ask anything of another address."""
    with visits(browser, address) as opened:
        yield opened


@contextmanager
def visits(browser: Browser, address: str) -> Iterator[Visit]:
    """What ``visit`` is; every page is closed and checked in the end."""
    pages: list[tuple[Page, list[str], list[str]]] = []

    def opened(language: str = "en", *, url: str = address, **options: object) -> Page:
        settings = {"viewport": {"width": 1280, "height": 900}, "locale": LOCALES[language]}
        context = browser.new_context(**(settings | options))  # type: ignore[arg-type]
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        pages.append((page, asked, errors))
        return page

    yield opened
    for page, asked, errors in pages:
        hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
        page.context.close()
        assert all(host.startswith("127.0.0.1:") for host in hosts), hosts
        assert errors == []


@pytest.fixture
def examples() -> Path:
    return Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"
