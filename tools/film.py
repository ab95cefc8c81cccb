"""Record the demo film: the real Studio in a browser, with the bundled models, in both languages.

``python -m tools.film`` (``make film``) writes ``docs/film.webp``, a smaller one for the README,
``docs/film-small.webp``, and the screenshots ``docs/studio.png`` and ``docs/studio-ar.png``. The
film is neither cut nor sped up: each frame lasts as long as the page looked like that.
"""

import io
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.browser.conftest import FLAGS, LOCALES
from tests.helpers.serving import served

from marsam.web.strings import STRINGS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "src" / "marsam" / "web" / "examples"
VIEWPORT: ViewportSize = {"width": 1100, "height": 1240}
SMALL_WIDTH_PX = 640
MAX_DURATION_S = 60.0
SUBTITLE_SCRIPT = """([en, ar]) => {
  let bar = document.getElementById('film');
  if (!bar) {
    bar = document.createElement('div');
    bar.id = 'film';
    bar.style.cssText = 'position:fixed;inset:auto 0 0 0;z-index:9999;padding:12px 28px;' +
      'display:flex;gap:28px;justify-content:space-between;align-items:center;direction:ltr;' +
      'background:#2a2522;color:#fffdf8;font:600 19px/1.4 "Marsam Sans",sans-serif;' +
      'pointer-events:none';
    bar.innerHTML = '<span lang="en"></span><span lang="ar" dir="rtl"></span>';
    document.body.append(bar);
  }
  bar.children[0].textContent = en;
  bar.children[1].textContent = ar;
}"""


@dataclass
class Film:
    """Screenshots of a page and the duration of each in seconds."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    _captured_at: float | None = None
    _last_screenshot: bytes = b""

    def capture(self) -> None:
        """Take a screenshot; if nothing has changed, the last frame becomes longer."""
        now = time.monotonic()
        if self._captured_at is not None:
            self.durations[-1] += now - self._captured_at
        self._captured_at = now
        screenshot = self.page.screenshot(animations="allow", caret="hide")
        if screenshot != self._last_screenshot:
            self._last_screenshot = screenshot
            self.frames.append(Image.open(io.BytesIO(screenshot)).convert("RGB"))
            self.durations.append(0.0)

    def record(self, seconds: float) -> None:
        """Record for some seconds."""
        ended = time.monotonic() + seconds
        while time.monotonic() < ended:
            self.capture()
            self.page.wait_for_timeout(60)

    def until(self, selector: str, text: str = "", *, count: int | None = None) -> None:
        """Record until the page shows a text or a number of elements; 30 seconds at most."""
        ended = time.monotonic() + 30
        locator = self.page.locator(selector)
        while True:
            self.capture()
            matches = locator.count()
            if (
                (matches == count)
                if count is not None
                else matches and text in locator.inner_text()
            ):
                return
            if time.monotonic() > ended:
                raise SystemExit(f"{selector} did not show {text!r} within 30 seconds")
            self.page.wait_for_timeout(60)

    def subtitle(self, english: str, arabic: str) -> None:
        """Show a subtitle in both languages from now on."""
        self.page.evaluate(SUBTITLE_SCRIPT, [english, arabic])

    def type(self, selector: str, text: str) -> None:
        """Type letter by letter."""
        self.page.fill(selector, "")
        for letter in text:
            self.page.locator(selector).press_sequentially(letter)
            self.capture()

    def save(self, path: Path, *, width: int, quality: int) -> None:
        """Save as an animated WebP that loops."""
        height = round(self.frames[0].height * width / self.frames[0].width)
        frames = [frame.resize((width, height), Image.Resampling.LANCZOS) for frame in self.frames]
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=[max(20, round(1000 * seconds)) for seconds in self.durations],
            loop=0,
            quality=quality,
            method=4,
        )


def act(film: Film) -> None:
    """Play the scenes, in the order in which a new user would try the Studio."""
    page = film.page
    film.subtitle("Give Marsam a picture …", "أعطِ مرسم صورة…")
    film.record(2.0)
    page.set_input_files("#picture input[type=file]", EXAMPLES / "cat.png")
    film.until("#status", STRINGS["captions_ready"].en)
    film.subtitle("… and it describes it in English and Arabic.", "…فيصفها بالإنجليزية والعربية.")
    film.record(3.0)
    film.subtitle("Edit the text in either language …", "حرّر النص بأيّ من اللغتين…")
    page.locator("#arabic textarea").click()
    film.type("#arabic textarea", "سمكتان على خلفية وردية")
    film.record(0.8)
    page.click("button#from-arabic")
    film.until("#sent", "two fish on a pink background")
    film.subtitle("… and update the other with a click.", "…وحدِّث النص الآخر بنقرة.")
    film.record(2.5)
    film.subtitle(
        "Paint: the new pictures appear one by one.", "الرسم: تظهر الصور الجديدة واحدةً تلو الأخرى."
    )
    page.click("button#paint")
    film.record(0.4)
    film.until("#gallery .picture", count=4)
    film.until("#status", "Done")
    film.record(3.0)
    film.subtitle(
        "The Studio is also in Arabic, right to left.",
        "الاستوديو متاح بالعربية أيضًا، من اليمين إلى اليسار.",
    )
    page.evaluate("scrollTo(0, 0)")
    film.record(0.6)
    page.get_by_label("العربية").check()
    film.record(2.5)
    page.set_input_files("#picture input[type=file]", EXAMPLES / "sea.png")
    film.until("#status", STRINGS["captions_ready"].ar)
    film.record(2.0)
    page.fill("#number input[type=number]", "3")
    page.click("button#paint")
    film.until("#gallery .picture", count=3)
    film.until("#status", "تمّ")
    film.record(2.5)
    film.subtitle("All of this runs on your own machine.", "وكل ذلك يعمل على جهازك.")
    film.record(3.0)


def open_page(browser: Browser, address: str, language: str) -> Page:
    """Open the Studio as a new user."""
    page = browser.new_page(locale=LOCALES[language], viewport=VIEWPORT)
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    return page


def main() -> None:
    """Record and save the screenshots and the films."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Recording needs Chromium.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with served(Path(folder)) as address:
            page = open_page(browser, address, "en")
            # After a reload the page shows the time estimate once the painter has been timed.
            while "About" not in page.locator("#expected").inner_text():
                page.wait_for_timeout(500)
                page.reload()
                page.wait_for_selector("html[data-ready]")
            for one, name in ((page, "studio"), (open_page(browser, address, "ar"), "studio-ar")):
                one.wait_for_timeout(1000)
                one.screenshot(path=ROOT / "docs" / f"{name}.png", full_page=True)
            film = Film(page)
            act(film)
        browser.close()
    duration = sum(film.durations)
    if duration > MAX_DURATION_S:
        sys.exit(f"The film lasts {duration:.0f} seconds; the maximum is {MAX_DURATION_S:.0f}.")
    film.save(ROOT / "docs" / "film.webp", width=VIEWPORT["width"], quality=70)
    film.save(ROOT / "docs" / "film-small.webp", width=SMALL_WIDTH_PX, quality=55)
    for name in ("film", "film-small"):
        size = (ROOT / "docs" / f"{name}.webp").stat().st_size / 1e6
        print(f"docs/{name}.webp: {len(film.frames)} frames, {duration:.0f} s, {size:.1f} MB")


if __name__ == "__main__":
    main()
