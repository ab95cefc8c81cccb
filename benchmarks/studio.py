"""Measure the studio's response times in a real browser, with the bundled models loaded.

``python -m benchmarks.studio`` prints medians in seconds: from the command to the first response;
from the upload of a picture to its English caption on the page; from the same upload through a
click on Paint to the fourth picture and "Done"; from the upload of a photograph of 12 megapixels to
its texts in both languages; and from a click on Stop until the page is idle, beside the time of one
step.
"""

import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from tests.browser.conftest import FLAGS
from tests.helpers.photographs import write_photographs
from tests.helpers.serving import served

from marsam import Recipe, Studio

EXAMPLES = Path(__file__).parents[1] / "src" / "marsam" / "web" / "examples"
PICTURES = ("sea.png", "car.png", "cat.png")
PICTURES_PER_RUN = 4
CLICK_STOP = """() => new Promise((resolve) => {
    const started = performance.now();
    const paint = document.querySelector("button#paint");
    const look = () => paint.disabled
        ? requestAnimationFrame(look)
        : resolve((performance.now() - started) / 1000);
    document.querySelector("button#stop").click();
    look();
})"""
"""Clicks on Stop, and resolves to the seconds until a new run could be started."""


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
    expect(page.locator("#gallery .picture")).to_have_count(PICTURES_PER_RUN)
    return captioned, time.monotonic() - started


def described(page: Page, photograph: Path) -> float:
    """Seconds from the upload of a photograph to both texts."""
    page.reload()
    page.wait_for_selector("html[data-ready]")
    for language in ("english", "arabic"):
        page.fill(f"#{language} textarea", "")
    started = time.monotonic()
    page.set_input_files("#picture input[type=file]", photograph)
    page.wait_for_function(
        "() => ['english', 'arabic'].every((id) => "
        "document.querySelector(`#${id} textarea:read-write`)?.value)",
        polling=20,
    )
    return time.monotonic() - started


def stopped(page: Page) -> tuple[float, float]:
    """Seconds from a click on Stop until the page is idle, and those of one step."""
    page.click("button#paint")
    status = page.locator("#status")
    expect(status).to_contain_text(re.compile("step [1-9]"))
    page.wait_for_timeout(1000)
    took = page.evaluate(CLICK_STOP)  # in the page: the driver looks every 100 ms or less often
    per_picture = re.search(r"([\d.]+) s", page.locator("#summary").inner_text())
    steps = Studio.load("mini").painter.sampling(Recipe.BALANCED).steps
    return took, float(per_picture[1]) / steps if per_picture else 0.0


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
            stops = [stopped(page) for _ in range(rounds)]
            example = Image.open(EXAMPLES / PICTURES[2])
            photograph = write_photographs(example, Path(folder) / "photographs")[0]
            described(page, EXAMPLES / PICTURES[0])  # each time another picture than before
            photo_times = []
            for _ in range(rounds):
                photo_times.append(described(page, photograph))
                described(page, EXAMPLES / PICTURES[0])
        browser.close()
    results = {
        "page_up": round(statistics.median(startup() for _ in range(rounds)), 2),
        "english_caption": round(statistics.median(t for t, _ in times), 2),
        "whole_run": round(statistics.median(t for _, t in times), 2),
        "photograph_of_12_megapixels": round(statistics.median(photo_times), 2),
        "stop": round(statistics.median(t for t, _ in stops), 2),
        "step": round(statistics.median(t for _, t in stops), 2),
        "pictures": PICTURES_PER_RUN,
        "rounds": rounds,
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
