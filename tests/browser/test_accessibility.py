"""Accessibility, screen widths, error messages, and several clients of one studio."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from marsam import Painted, PaintOptions, Previewed, Studio
from marsam.imaging.file_kinds import TEXT
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.testing import FakePainter, fake_studio
from marsam.web.page import build, launch_options
from marsam.web.strings import STRINGS
from tests.browser.conftest import Visit, arabic_first
from tests.browser.test_studio import SHOWN, drop, finished, paint, pane, seeds, word
from tests.helpers.serving import free_port


class SlowPainter(FakePainter):
    """Takes its time over every step, and counts them."""

    steps_done = 0

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        for event in super().paint(prompt, options, start):
            if isinstance(event, Previewed):
                time.sleep(0.2)
                self.steps_done += 1
            yield event


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[str, SlowPainter]]:
    """The address of a studio on fakes, and its painter, which is slow and blocks seed 8."""
    painter = SlowPainter(steps=10, blocked_seeds=frozenset({8}))
    fakes = fake_studio()
    studio = Studio(captioner=fakes.captioner, translator=fakes.translator, painter=painter)
    page = build(Scheduler(studio, Journal(tmp_path / "data")))
    port = free_port()
    page.launch(server_port=port, prevent_thread_lock=True, quiet=True, **launch_options(page))
    yield f"http://127.0.0.1:{port}", painter
    page.close(verbose=False)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ar", "dark")])
def test_it_is_accessible_and_never_scrolls_sideways(
    visit: Visit, language: str, scheme: str
) -> None:
    page = visit(language, color_scheme=scheme)
    page.get_by_role("button", name=word(page, "advanced")).click()
    page.get_by_role("button", name=word(page, "about")).click()
    page.wait_for_timeout(500)  # Gradio fades things in, and a faded text has little contrast
    found = _serious(page)
    for width in (360, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    page.wait_for_timeout(500)
    assert found + _serious(page) == []


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("ar", "light")])
def test_it_is_accessible_in_every_state(
    visit: Visit, examples: Path, language: str, scheme: str
) -> None:
    page = visit(language, color_scheme=scheme)
    found: dict[str, list[str]] = {}

    def check(state: str) -> None:
        page.wait_for_timeout(300)  # what fades in has little contrast before
        if faults := _serious(page):
            found[state] = faults

    page.fill("#number input[type=number]", "3")
    page.click("button#paint")
    expect(page.locator("#gallery .placeholder").first).to_be_visible()
    check("painting")
    finished(page, 3)
    page.locator("#gallery .star").first.click()
    page.locator("#gallery [data-action=delete]").first.click()
    check("starred, and asked before it is deleted")
    page.locator("#gallery [data-view]").first.click()
    page.locator("[data-viewer=other]").click()
    page.locator("[data-viewer=original]").click()
    check("viewer")
    page.keyboard.press("+")
    check("viewer, zoomed")
    page.keyboard.press("Escape")
    page.locator("[data-dialog=keys]").first.click()
    check("keyboard shortcuts")
    page.keyboard.press("Escape")
    drop(page, examples / "cat.png")
    expect(page.locator("#status")).to_contain_text(word(page, "captions_ready"))
    page.fill("#english textarea", "a crocodile that reads " + "a long book " * 12)
    expect(page.locator("#copy .long")).to_be_visible()
    check("edited")
    page.click("#from-english")
    expect(page.locator("#fetch-models")).to_be_visible()
    check("words that the models do not know")
    page.get_by_role("checkbox", name=word(page, "live")).check()
    expect(page.locator("#live-picture button")).to_be_visible()
    check("painted while typing")
    page.get_by_role("button", name=word(page, "advanced")).click()
    page.fill("#steps textarea", "9999")
    page.click("button#paint")
    expect(page.locator(".toast-body")).to_be_visible()
    check("refused")
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work").first).to_be_visible()
    check("earlier work")
    page.get_by_role("tab", name=word(page, "many_tab")).click()
    check("many pictures, none yet")
    page.set_input_files(
        ".many input[type=file] >> nth=0", [examples / "cat.png", examples / "sea.png"]
    )
    expect(page.locator(".many textarea")).to_have_count(4)
    check("many pictures")
    assert not found, found


def _serious(page: Page) -> list[str]:
    results = Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@arabic_first
def test_the_keyboard_is_enough(visit: Visit, language: str) -> None:
    page = visit(language)
    page.focus("#language input")
    reached: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => { const e = document.activeElement; "
                "return (e.closest('[id]') || e).id || e.tagName; }"
            )
        )
        seen = page.evaluate(
            "() => { const s = getComputedStyle(document.activeElement); return "
            "[s.outlineStyle, s.outlineWidth, s.boxShadow, document.activeElement.outerHTML]; }"
        )
        if seen[3].startswith("<body"):
            break  # once around
        assert seen[0] != "none" or seen[2] != "none", seen[3][:200]
    assert {"paint", "english", "arabic", "recipe", "number", "more"} <= reached, reached
    page.focus("#english textarea")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("a cat on a blue background")
    page.fill("#number input[type=number]", "1")
    page.focus("#english textarea")
    page.keyboard.press("Control+Enter")
    finished(page, 1)


def test_progress_is_a_live_region(visit: Visit) -> None:
    page = visit("en")
    status = page.locator("#announcement [role=status]")
    assert status.get_attribute("aria-live") == "polite"
    paint(page, pictures=1)
    expect(status).to_contain_text("Done")


@arabic_first
def test_a_bad_upload_leaves_the_page_as_it_was(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    page = visit(language)
    before = page.locator("#picture img").get_attribute("src")
    bad = tmp_path / "notes.png"
    bad.write_text("not a picture")
    page.set_input_files("#picture input[type=file]", bad)
    expect(page.get_by_text(TEXT.ar if language == "ar" else TEXT.en)).to_be_visible()
    expect(page.locator("#picture img")).to_have_attribute("src", before or "")
    assert (pane(page, "en"), pane(page, "ar")) == (SHOWN["en"], SHOWN["ar"])
    expect(page.locator("#gallery .picture")).to_have_count(4)


@arabic_first
def test_an_option_out_of_range_is_one_sentence(visit: Visit, language: str) -> None:
    page = visit(language)
    page.get_by_role("button", name=word(page, "advanced")).click()
    page.fill("#steps textarea", "9999")
    page.click("button#paint")
    steps, bounds = STRINGS["steps"], re.compile("1.*200.*9999")
    expect(page.locator(".toast-body")).to_contain_text(steps.ar if language == "ar" else "steps")
    expect(page.locator(".toast-body")).to_contain_text(bounds)
    expect(page.locator("button#paint")).to_be_enabled()


def test_clients_do_not_see_each_other(visit: Visit) -> None:
    amal, basim = visit("ar"), visit("en")
    amal.fill("#number input[type=number]", "2")
    amal.click("button#paint")
    paint(basim, pictures=1, seed=21)
    finished(amal, 2)
    assert seeds(basim) == [21]
    assert 21 not in seeds(amal)
    for page, count in ((amal, 1), (basim, 1)):
        page.reload()
        page.wait_for_selector("html[data-ready]")
        page.get_by_role("tab", name=word(page, "history_tab")).click()
        expect(page.locator("#history .work")).to_have_count(count)
    assert seeds(basim) == [21]


def test_another_caption_becomes_the_prompt(
    visit: Visit, examples: Path, slow: tuple[str, SlowPainter]
) -> None:
    address, _ = slow
    page = visit("en", url=address)
    drop(page, examples / "car.png")
    expect(page.locator("#candidates label")).to_have_count(3)
    second = page.locator("#candidates label").nth(1)
    expect(second).to_contain_text("\u2003")  # and the same in Arabic
    caption = second.inner_text().partition("\u2003")[0]
    second.click()
    expect(page.locator("#english textarea")).to_have_value(caption)
    expect(page.locator("#sent")).to_contain_text(caption)


def test_stop_cancels_the_run_within_one_step(visit: Visit, slow: tuple[str, SlowPainter]) -> None:
    address, painter = slow
    painter.steps = 100  # a busy machine takes seconds to press a button
    page = visit("en", url=address)
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text("of 4, step")
    page.click("button#stop")
    expect(page.locator("button#paint")).to_be_enabled()
    done = painter.steps_done
    time.sleep(1)
    assert painter.steps_done == done < 400


def test_a_run_goes_on_when_its_page_closes(visit: Visit, slow: tuple[str, SlowPainter]) -> None:
    address, painter = slow
    painter.steps = 20
    page = visit("en", url=address)
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text("of 4, step")
    other = page.context.new_page()
    page.close()
    other.goto(address)
    finished(other, 4)


def test_a_second_page_shows_the_progress_of_the_run(
    visit: Visit, slow: tuple[str, SlowPainter]
) -> None:
    address, painter = slow
    painter.steps = 20  # a page takes seconds to open on a busy machine
    page = visit("en", url=address)
    page.fill("#number input[type=number]", "4")
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text("of 4, step")
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("html[data-ready]")
    expect(other.locator("#status")).to_contain_text("of 4, step")
    expect(other.locator("button#stop")).to_be_visible()
    finished(other, 4)
    finished(page, 4)
    page.click("button#paint")
    expect(page.locator("#status")).to_contain_text("of 4, step")
    other.close()
    finished(page, 8)


@arabic_first
def test_a_blocked_picture_is_reported_and_offers_another_seed(
    visit: Visit, slow: tuple[str, SlowPainter], language: str
) -> None:
    address, _ = slow
    page = visit(language, url=address)
    page.get_by_role("button", name=word(page, "advanced")).click()
    page.fill("#steps textarea", "1")
    page.fill("#seed textarea", "7")
    page.fill("#number input[type=number]", "2")
    page.click("button#paint")
    expect(page.locator("#gallery .picture")).to_have_count(2)
    expect(page.locator("#gallery .blocked .notice")).to_contain_text("8")
    expect(page.locator("#gallery .picture .open")).to_have_count(1)
    expect(page.locator("button#paint")).to_be_enabled()
    page.locator("#gallery").get_by_role("button", name=word(page, "another_seed")).click()
    expect(page.locator("#gallery .seed").nth(1)).to_contain_text("9")
