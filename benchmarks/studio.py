"""Measure the studio's response times in a real browser, with the bundled models loaded.

``python -m benchmarks.studio`` prints medians in seconds: from the command to the first response;
from the upload of a picture to its English caption on the page; and from the same upload through a
click on Paint to the fourth picture and "Done".
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright
from tests.browser.conftest import FLAGS
from tests.helpers.serving import served

EXAMPLES = Path(__file__).parents[1] / "src" / "marsam" / "web" / "examples"
PICTURES = ("sea.png", "car.png", "cat.png")
PICTURES_PER_RUN = 4


def one_run(page: Page, picture: Path) -> tuple[float, float]:
    """Seconds from upload to the English caption, and to the last picture."""
    before = page.input_value("#english textarea")
    started = time.monotonic()
    page.set_input_files("#picture input[type=file]", picture)
    page.wait_for_function(
        "before => { const now = document.querySelector('#english textarea').value; "
        "return now && now !== before; }",
        arg=before,
        polling=20,
    )
    captioned = time.monotonic() - started
    expect(page.locator("#status")).to_contain_text("The captions are ready", timeout=30_000)
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text(
        f"Done: {PICTURES_PER_RUN} pictures", timeout=60_000
    )
    expect(page.locator("#gallery .thumbnail-lg")).to_have_count(PICTURES_PER_RUN)
    return captioned, time.monotonic() - started


def startup() -> float:
    """Seconds from the command to the first response, with an empty data folder."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        with served(Path(folder)):
            return time.monotonic() - started


def main(rounds: int = 7) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        with served(Path(folder)) as address:
            page = browser.new_page(locale="en-GB")
            page.goto(address)
            # The time estimate appears when the painter has been timed, the last step of the start.
            expect(page.locator("#expected")).to_be_attached()
            for _ in range(60):
                page.reload()
                page.wait_for_selector("html[data-ready]")
                if "About" in page.locator("#expected").inner_text():
                    break
                page.wait_for_timeout(500)
            page.fill("#number input[type=number]", str(PICTURES_PER_RUN))
            times = [one_run(page, EXAMPLES / PICTURES[i % 3]) for i in range(rounds + 1)][1:]
        browser.close()
    results = {
        "page_up": round(statistics.median(startup() for _ in range(rounds)), 2),
        "english_caption": round(statistics.median(t for t, _ in times), 2),
        "whole_run": round(statistics.median(t for _, t in times), 2),
        "pictures": PICTURES_PER_RUN,
        "rounds": rounds,
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
