"""The walk-through: the real studio in a real browser, with the bundled models, in both languages.

``python -m tools.film`` (``make film``) writes ``docs/film.webp`` and, smaller, the film that the
README shows, ``docs/film-small.webp``. Nothing is cut or sped up: every frame stays for as long as
the page looked like that.
"""

import io
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from tests.browser.conftest import FLAGS, LOCALES
from tests.serving import served

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "src" / "marsam" / "web" / "examples"
SIDE = {"width": 1100, "height": 1240}
SMALL = 640
LONGEST = 60.0
"""Seconds a film may last."""
CAPTION = """([en, ar]) => {
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
    """Frames of a page and how long each was to be seen, in seconds."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    lasting: list[float] = field(default_factory=list)
    _shown: float | None = None
    _last: bytes = b""

    def look(self) -> None:
        """Take what the page looks like now; nothing new makes the last frame last."""
        now = time.monotonic()
        if self._shown is not None:
            self.lasting[-1] += now - self._shown
        self._shown = now
        taken = self.page.screenshot(animations="allow", caret="hide")
        if taken != self._last:
            self._last = taken
            self.frames.append(Image.open(io.BytesIO(taken)).convert("RGB"))
            self.lasting.append(0.0)

    def watch(self, seconds: float) -> None:
        """Look on for a while."""
        ended = time.monotonic() + seconds
        while time.monotonic() < ended:
            self.look()
            self.page.wait_for_timeout(60)

    def until(self, selector: str, text: str = "", *, count: int | None = None) -> None:
        """Look on until the page shows something."""
        ended = time.monotonic() + 30
        place = self.page.locator(selector)
        while True:
            self.look()
            found = place.count()
            if (found == count) if count is not None else found and text in place.inner_text():
                return
            if time.monotonic() > ended:
                raise SystemExit(f"the studio did not come to {selector} {text}")
            self.page.wait_for_timeout(60)

    def say(self, english: str, arabic: str) -> None:
        """The caption under what follows."""
        self.page.evaluate(CAPTION, [english, arabic])

    def write(self, selector: str, words: str) -> None:
        """Type as people do."""
        self.page.fill(selector, "")
        for letter in words:
            self.page.locator(selector).press_sequentially(letter)
            self.look()

    def save(self, path: Path, *, width: int, quality: int) -> None:
        """As an animated WebP, shown over and over."""
        height = round(self.frames[0].height * width / self.frames[0].width)
        shown = [frame.resize((width, height), Image.Resampling.LANCZOS) for frame in self.frames]
        shown[0].save(
            path,
            save_all=True,
            append_images=shown[1:],
            duration=[max(20, round(1000 * seconds)) for seconds in self.lasting],
            loop=0,
            quality=quality,
            method=4,
        )


def act(film: Film) -> None:
    """What is shown, in the order a newcomer would try it."""
    page = film.page
    film.say("Give Marsam a picture …", "أعطِ مرسم صورة…")
    film.watch(2.0)
    page.set_input_files("#picture input[type=file]", EXAMPLES / "cat.png")
    film.until("#status", "The words are ready")
    film.say("… and it says what is there, in both languages.", "…فيقول ما فيها باللغتين.")
    film.watch(3.0)
    film.say("Change the words of either language …", "غيّر الكلمات بأيّ من اللغتين…")
    page.locator("#arabic textarea").click()
    film.write("#arabic textarea", "سمكتان على خلفية وردية")
    film.watch(0.8)
    page.click("button#from-arabic")
    film.until("#sent", "two fish on a pink background")
    film.say("… the other follows with a click.", "…فتتبعها الأخرى بنقرة.")
    film.watch(2.5)
    film.say("Paint: new pictures come one by one.", "ارسم: تظهر الصور الجديدة واحدةً تلو الأخرى.")
    page.click("button#paint")
    film.watch(0.4)
    film.until("#results li", count=4)
    film.until("#status", "Done")
    film.watch(3.0)
    film.say(
        "The studio speaks Arabic, right to left.", "والمرسم يتكلم العربية، من اليمين إلى اليسار."
    )
    page.evaluate("scrollTo(0, 0)")
    film.watch(0.6)
    page.get_by_label("العربية").check()
    film.watch(2.5)
    page.set_input_files("#picture input[type=file]", EXAMPLES / "sea.png")
    film.until("#status", "الكلمات جاهزة")
    film.watch(2.0)
    page.fill("#number input[type=number]", "3")
    page.click("button#paint")
    film.until("#results li", count=3)
    film.until("#status", "تمّ")
    film.watch(2.5)
    film.say("All of it on your own machine.", "وكل ذلك على جهازك أنت.")
    film.watch(3.0)


def main() -> None:
    """Film it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Filming needs Chromium.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with served(Path(folder)) as address:
            page = browser.new_page(locale=LOCALES["en"], viewport=SIDE)
            page.goto(address)
            page.wait_for_selector("html[data-ready]")
            # The painter has been timed when the page, opened anew, says how long pictures take.
            while "About" not in page.locator("#expected").inner_text():
                page.wait_for_timeout(500)
                page.reload()
                page.wait_for_selector("html[data-ready]")
            film = Film(page)
            act(film)
        browser.close()
    lasted = sum(film.lasting)
    if lasted > LONGEST:
        sys.exit(f"The film lasts {lasted:.0f} seconds; {LONGEST:.0f} is the most.")
    film.save(ROOT / "docs" / "film.webp", width=SIDE["width"], quality=70)
    film.save(ROOT / "docs" / "film-small.webp", width=SMALL, quality=55)
    for name in ("film", "film-small"):
        size = (ROOT / "docs" / f"{name}.webp").stat().st_size / 1e6
        print(f"docs/{name}.webp: {len(film.frames)} frames, {lasted:.0f} s, {size:.1f} MB")


if __name__ == "__main__":
    main()
