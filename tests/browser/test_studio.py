"""The studio as people use it, in both languages: real captions, real Arabic, real pictures."""

import base64
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page, expect

from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.notices import Notice
from marsam.ui.i18n import GRADIO_LABELS
from marsam.web.render import known_things
from marsam.web.strings import STRINGS
from tests.browser.conftest import Visit, arabic_first, both_languages, visits
from tests.helpers.photographs import write_photographs
from tests.helpers.serving import served
from tests.hub.fake_hub import FakeHub, Repository
from tests.hub.tiny_models import standard_repositories

GRADIO = {label.en: label for label in GRADIO_LABELS}
SHOWN = {"en": "a car on a green background", "ar": "سيارة على خلفية خضراء"}


def drop(page: Page, picture: Path) -> None:
    page.set_input_files("#picture input[type=file]", picture)


def pane(page: Page, language: str) -> str:
    return page.input_value({"en": "#english textarea", "ar": "#arabic textarea"}[language])


def word(page: Page, key: str) -> str:
    """What the page should be saying, in its language."""
    language = page.get_attribute("html", "data-language")
    return STRINGS[key].ar if language == "ar" else STRINGS[key].en


def paint(page: Page, *, pictures: int, seed: int | None = None) -> None:
    """Paint and wait until it is done."""
    page.fill("#number input[type=number]", str(pictures))
    if seed is not None:
        advanced(page)
        page.fill("#seed textarea", str(seed))
    earlier = page.locator("#gallery .picture[data-earlier]")
    page.eval_on_selector_all(
        "#gallery .picture", "found => found.forEach((one) => { one.dataset.earlier = ''; })"
    )
    page.click("button#paint")
    expect(earlier).to_have_count(0)  # the run has begun
    finished(page, pictures)


def finished(page: Page, pictures: int) -> None:
    expect(page.locator("#gallery .picture")).to_have_count(pictures)
    expect(page.locator("button#paint")).to_be_enabled()
    expect(page.locator("#gallery .picture")).to_have_count(pictures)
    expect(page.locator("button#stop")).to_be_hidden()


def advanced(page: Page) -> None:
    if not page.locator("#seed textarea").is_visible():
        page.get_by_role("button", name=word(page, "advanced")).click()


def seeds(page: Page) -> list[int]:
    lines = page.locator("#gallery .seed").all_inner_texts()
    return [int(re.findall(r"\d+", line)[0]) for line in lines]


def pictures(page: Page) -> list[bytes]:
    """The files behind the gallery."""
    shown = page.locator("#gallery .picture .open img").all()
    return [page.request.get(img.evaluate("e => e.src")).body() for img in shown]


@pytest.fixture(scope="module", params=["en", "ar"])
def opened(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """The page as it opens in each language, for tests that only look at it."""
    with visits(browser, address) as visit:
        yield visit(request.param)


def test_the_page_opens_with_a_finished_example(opened: Page) -> None:
    assert (pane(opened, "en"), pane(opened, "ar")) == (SHOWN["en"], SHOWN["ar"])
    expect(opened.locator("#picture img")).to_be_visible()
    expect(opened.locator("#gallery .picture")).to_have_count(4)
    assert len(seeds(opened)) == 4
    expect(opened.locator("#status")).to_contain_text(word(opened, "example_shown"))


def test_the_browser_decides_the_language(opened: Page) -> None:
    language = opened.evaluate("navigator.language").partition("-")[0]
    assert opened.get_attribute("html", "lang") == language
    assert opened.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
    assert opened.locator("button#paint").inner_text() == word(opened, "paint")
    expect(opened.get_by_text(word(opened, "number"), exact=True)).to_be_visible()
    assert opened.evaluate("document.fonts.check('16px \"Marsam Sans\"', 'مرسم Marsam')")


def test_text_direction_follows_its_letters(opened: Page) -> None:
    bidi = "e => getComputedStyle(e).unicodeBidi"
    assert opened.locator("#english textarea").evaluate(bidi) == "plaintext"
    assert opened.locator("#arabic textarea").evaluate(bidi) == "plaintext"
    assert opened.locator("#sent bdi").count() >= 2


def test_the_summary_names_models_and_device(opened: Page) -> None:
    arabic = opened.get_attribute("html", "lang") == "ar"
    for key in ("set_mini", "models_missing", "on_cpu"):
        expect(opened.locator("#summary")).to_contain_text(word(opened, key))
    opened.get_by_role("button", name=word(opened, "about")).click()
    about = opened.locator(".about")
    expect(about).to_contain_text("marsam/mini-painter")
    licence = ("free for any use, with attribution", "متاح لأي استخدام مع ذكر المصدر")
    expect(about).to_contain_text(licence[arabic])
    things = opened.locator(".known").inner_text()
    for line in known_things():
        assert line.split("\t")[arabic] in things


def test_the_switch_changes_labels_and_direction_and_nothing_else(visit: Visit) -> None:
    page = visit("en")
    page.fill("#english textarea", "two fish")
    left = page.locator("#picture").bounding_box()
    page.get_by_label("العربية").check()
    expect(page.locator("button#paint")).to_have_text("رسم")
    assert page.get_attribute("html", "dir") == "rtl"
    assert pane(page, "en") == "two fish"
    expect(page.locator("#gallery .picture")).to_have_count(4)
    expect(page.locator("#gallery")).to_contain_text("البذرة")
    right = page.locator("#picture").bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] < 640 < right["x"] + right["width"] / 2  # the layout is mirrored
    assert (
        page.locator("#number input[type=range]").evaluate("e => getComputedStyle(e).direction")
        == "ltr"
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.get_attribute("html", "lang") == "ar"  # remembered
    page.get_by_label("English").check()
    expect(page.locator("button#paint")).to_have_text("Paint")
    assert page.get_attribute("html", "dir") == "ltr"


def test_gradio_labels_are_translated(visit: Visit) -> None:
    page = visit("ar")
    latin = """() => [...document.querySelectorAll('[aria-label], [title]')]
      .flatMap(e => [e.getAttribute('aria-label'), e.getAttribute('title')])
      .filter(text => /[A-Za-z]{3}/.test(text || ''))"""
    assert page.evaluate(latin) == []
    page.get_by_role("radio", name="English").check()
    expect(page.locator("button#paint")).to_have_text("Paint")
    expect(page.get_by_label("Remove Image")).to_be_visible()
    page.get_by_role("radio", name="العربية").check()
    expect(page.get_by_label("إزالة الصورة")).to_be_visible()
    expect(page.locator("button#paint")).to_have_text("رسم")
    page.locator("#gallery .picture").first.click()
    expect(page.get_by_role("button", name=word(page, "close"))).to_be_visible()
    assert page.evaluate(latin) == []


@arabic_first
def test_unknown_words_are_named(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#english textarea", "a dragon")
    page.click("button#from-english")
    expect(page.locator("#arabic-notes")).to_contain_text("dragon")
    assert pane(page, "ar") == ""
    page.wait_for_timeout(1500)  # the empty text box has sent its own event by now
    expect(page.locator("#arabic-notes")).to_contain_text("dragon")
    page.fill("#arabic textarea", "تنين")
    page.click("button#from-arabic")
    expect(page.locator(".toast-body")).to_contain_text("تنين")
    assert pane(page, "en") == "a dragon"
    # One button fetches the models that know them; no hub is reachable here.
    page.click("button#fetch-models")
    expect(page.get_by_text("7.5", exact=False).first).to_be_visible()
    expect(page.locator("#download-status")).to_contain_text("127.0.0.1:9")
    expect(page.locator("button#download-models")).to_be_visible()
    page.fill("#english textarea", "a cat")
    page.click("button#from-english")
    expect(page.locator("#arabic textarea")).to_have_value("قطة")
    expect(page.locator("button#fetch-models")).to_be_hidden()


@arabic_first
def test_a_download_is_stopped_and_resumed(visit: Visit, tmp_path: Path, language: str) -> None:
    repositories = {name: Repository(files) for name, files in standard_repositories().items()}
    with FakeHub(repositories) as hub:
        hub.delay = 4.0  # tiny files, on a slow line
        with served(tmp_path, HF_HOME=str(tmp_path / "hub"), HF_ENDPOINT=hub.url) as url:
            page = visit(language, url=url)
            page.get_by_role("button", name=word(page, "about")).click()
            page.click("button#download-models")
            status = page.locator("#download-status")
            expect(status).to_contain_text("Salesforce/blip-image-captioning-large")
            expect(status.locator("progress")).to_be_visible()
            page.wait_for_function(
                "() => document.querySelector('#download-status progress').value > 0"
            )
            page.click("button#cancel-download")
            expect(status).to_contain_text(word(page, "download_stopped"))
            kept = [p.name for p in tmp_path.glob("hub/hub/models--*/snapshots/*/*.*")]
            assert kept
            hub.delay = 0.0
            page.click("button#download-models")
            expect(status).to_contain_text(word(page, "models_in_use"), timeout=60_000)
            expect(page.locator("button#cancel-download")).to_be_hidden()
    first = next(iter(repositories))
    downloads = Counter(hub.downloaded(first))
    assert [name for name in kept if downloads[name] > 1] == []
    for name in repositories:
        assert any(".safetensors" in one or ".bin" in one for one in hub.downloaded(name))


@arabic_first
def test_a_dropped_picture_is_described(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language)
    drop(page, examples / "cat.png")
    expect(page.locator("#english textarea")).to_have_value("a cat on a blue background")
    expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
    expect(page.locator("#candidates")).to_be_hidden()  # no other caption is nearly as good


def test_of_two_pictures_the_last_is_described(visit: Visit, examples: Path) -> None:
    page = visit("en")
    for name in ("car", "cat", "cat", "car", "cat"):  # each while the one before is described
        drop(page, examples / f"{name}.png")
        page.wait_for_timeout(100)
    expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
    expect(page.locator("#status")).to_contain_text(STRINGS["captions_ready"].en)
    expect(page.locator("#english textarea")).to_have_value("a cat on a blue background")
    expect(page.locator("#picture img")).to_have_attribute("src", re.compile("cat"))


def test_files_of_cameras_phones_scanners_and_websites(
    visit: Visit, examples: Path, tmp_path: Path
) -> None:
    page = visit("ar")
    for path in write_photographs(open_picture(examples / "cat.png"), tmp_path):
        drop(page, path)
        expect(page.locator("#english textarea")).to_have_value("a cat on a blue background")
        expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
        # The browser shows what it was given, in whatever format.
        page.wait_for_function("document.querySelector('#picture img')?.naturalWidth > 0")
        drop(page, examples / "car.png")
        expect(page.locator("#arabic textarea")).to_have_value("سيارة على خلفية خضراء")


@arabic_first
def test_a_photograph_meets_a_clear_sentence_and_one_button(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    """The mini models do not know it: the caption is marked, and is no alt text to copy."""
    Image.effect_noise((256, 256), 80).convert("RGB").save(tmp_path / "photo.png")
    page = visit(language)
    drop(page, tmp_path / "photo.png")
    notice = Notice.OUT_OF_WORLD
    expect(page.locator("#english-notes")).to_contain_text(
        notice.ar if language == "ar" else notice.en
    )
    expect(page.locator("button#fetch-models")).to_be_visible()
    expect(page.locator("#copy button")).to_have_count(0)
    # Of a picture with nothing to see, the page says so.
    Image.new("RGB", (256, 256), "white").save(tmp_path / "blank.png")
    drop(page, tmp_path / "blank.png")
    empty = Notice.NOTHING_TO_SEE
    expect(page.locator("#english-notes")).to_contain_text(
        empty.ar if language == "ar" else empty.en
    )
    expect(page.locator("#english textarea")).to_have_value("")
    expect(page.locator("button#fetch-models")).to_be_hidden()


@arabic_first
def test_a_pasted_picture_is_described(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language, permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async data => {
          const blob = await (await fetch('data:image/png;base64,' + data)).blob();
          await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
        }""",
        base64.b64encode((examples / "cat.png").read_bytes()).decode(),
    )
    page.keyboard.press("Control+V")
    expect(page.locator("#english textarea")).to_have_value("a cat on a blue background")
    expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
    expect(page.locator("#picture img")).to_be_visible()


@arabic_first
def test_a_webcam_picture_is_described(visit: Visit, language: str) -> None:
    page = visit(language, permissions=["camera"])
    box, arabic = page.locator("#picture"), language == "ar"
    box.get_by_label(GRADIO["Capture from camera"][arabic]).click()
    box.get_by_text(GRADIO["Click to Access Webcam"][arabic]).click()
    page.wait_for_function("() => document.querySelector('#picture video')?.videoWidth > 0")
    box.get_by_label(GRADIO["capture photo"][arabic]).click()
    expect(page.locator("#english textarea")).not_to_have_value(SHOWN["en"])
    expect(page.locator("#status")).to_contain_text(word(page, "captions_ready"))


def test_paint_during_the_description_waits_for_the_caption(visit: Visit, examples: Path) -> None:
    page = visit("en")
    page.fill("#number input[type=number]", "1")
    drop(page, examples / "cat.png")
    begun = "|".join(STRINGS[key].en for key in ("reading", "translating", "captions_ready"))
    expect(page.locator("#status")).to_contain_text(re.compile(begun))
    page.locator("button#paint").dblclick()
    finished(page, 1)
    assert pane(page, "en") == "a cat on a blue background"
    expect(page.locator("#sent")).to_contain_text("a cat on a blue background")


@arabic_first
def test_an_edited_prompt_is_stale_until_translated(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#english textarea", "two fish on a pink background")
    expect(page.locator("#arabic-notes")).to_contain_text(word(page, "stale"))
    page.click("button#from-english")
    expect(page.locator("#arabic textarea")).to_have_value("سمكتان على خلفية وردية")
    expect(page.locator("#arabic-notes")).to_be_hidden()
    page.fill("#arabic textarea", "ثلاث سيارات على خلفية خضراء")
    expect(page.locator("#english-notes")).to_contain_text(word(page, "stale"))
    page.click("button#from-arabic")
    expect(page.locator("#english textarea")).to_have_value("three cars on a green background")
    sent = page.locator("#sent")
    expect(sent).to_contain_text("three cars on a green background")
    expect(sent).to_contain_text("ثلاث سيارات على خلفية خضراء")
    assert pane(page, "ar") == "ثلاث سيارات على خلفية خضراء"


@arabic_first
def test_the_meter_counts_tokens_and_shows_what_is_cut(visit: Visit, language: str) -> None:
    page = visit(language)
    said = re.sub("[\u2066-\u2069]", "", page.locator("#sent").inner_text())
    assert word(page, "tokens").format(8, 77) in said
    page.fill("#english textarea", "a cat and a dog and " * 20 + "a fish")
    page.click("button#from-english")
    expect(page.locator("#sent .notice")).to_contain_text("a fish")


@arabic_first
def test_an_arabic_prompt_is_painted(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#english textarea", "")
    page.fill("#arabic textarea", "قطة على خلفية زرقاء")
    paint(page, pictures=1)
    assert pane(page, "en") == "a cat on a blue background"
    expect(page.locator("#sent")).to_contain_text("a cat on a blue background")


@both_languages
def test_the_expected_time_is_shown_before_painting(visit: Visit, language: str) -> None:
    page = visit(language)
    expected = page.locator("#expected")
    expect(expected).not_to_contain_text(word(page, "not_measured"))
    page.fill("#number input[type=number]", "2")
    page.locator("#number input[type=number]").blur()
    expect(expected).to_contain_text({"en": "2 pictures", "ar": "صورتين"}[language])
    advanced(page)
    for key in ("steps", "guidance", "size", "seed", "negative"):
        expect(page.get_by_text(word(page, f"{key}_info"))).to_be_visible()


@arabic_first
def test_painting_shows_progress_previews_and_each_picture(visit: Visit, language: str) -> None:
    page = visit(language)
    page.evaluate(
        """() => { window.seen = {lines: [], counts: new Set(), previews: 0};
          Object.assign(seen, {spoken: [], titles: []});
          const live = document.querySelector('#announcement [aria-live]');
          new MutationObserver(() => seen.spoken.push(live.innerText)).observe(
            live, {childList: true});
          new MutationObserver(() => {
            if (seen.titles.at(-1) !== document.title) seen.titles.push(document.title);
            const line = document.querySelector('#status .line');
            if (line) seen.lines.push(line.innerText);
            if (document.querySelector('#status .preview')) seen.previews += 1;
            seen.counts.add(document.querySelectorAll('#gallery .picture').length);
          }).observe(document.body, {subtree: true, childList: true, characterData: true}); }"""
    )
    paint(page, pictures=2, seed=7)
    seen = page.evaluate("() => ({...seen, counts: [...seen.counts]})")
    assert seen["previews"] > 0
    assert {1, 2} <= set(seen["counts"])  # the first landed before the second
    step = {"en": r"Picture \W*2\W* of \W*2\W*, step", "ar": r"الصورة \W*2\W* من \W*2\W*، الخطوة"}
    assert any(re.search(step[language], line) for line in seen["lines"])
    # A screen reader announces each picture once, and the tab counts them.
    assert len(seen["spoken"]) <= 5, seen["spoken"]
    assert sum(bool(re.search(step[language], line)) for line in seen["spoken"]) == 1
    assert any(title.startswith("2/2 ") for title in seen["titles"])
    assert seeds(page) == [7, 8]
    expect(page.get_by_role("button", name=SHOWN[language])).to_have_count(2)
    done = {"en": "Done: 2 pictures.", "ar": "تمّ: صورتان."}
    expect(page.locator("#status .line")).to_have_text(done[language], use_inner_text=True)


@arabic_first
def test_stop_keeps_what_is_finished(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#number input[type=number]", "10")
    page.click("button#paint")
    expect(page.locator("#gallery .picture")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("button#paint")).to_be_enabled(timeout=20_000)
    kept = page.locator("#gallery .picture").count()
    assert 1 <= kept < 10
    expect(page.locator("#status")).to_contain_text(word(page, "stopped").split("{}")[0].strip())
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#gallery .picture")).to_have_count(kept)


@arabic_first
def test_more_like_this_is_another_round_beneath(visit: Visit, language: str) -> None:
    page = visit(language)
    paint(page, pictures=2, seed=7)
    first = [open_bytes(data) for data in pictures(page)]
    page.click("button#more")
    expect(page.locator("button#paint")).to_be_disabled()
    # Every picture has its place from the beginning.
    places = page.locator("#gallery :is(.picture, .placeholder)")
    expect(places).to_have_count(4)
    boxes = [box.bounding_box() for box in places.all()]
    finished(page, 4)
    for place, box in zip(places.all(), boxes, strict=True):
        assert place.bounding_box() == pytest.approx(box, abs=1)  # pixels
    assert seeds(page) == [7, 8, 9, 10]
    assert [open_bytes(data) for data in pictures(page)][:2] == first
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert seeds(page) == [7, 8, 9, 10]
    # Both rounds are one entry, and an equal repeat is none of its own.
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work")).to_have_count(1)


@arabic_first
def test_a_picture_is_described_after_a_reload(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language)
    drop(page, examples / "cat.png")
    expect(page.locator("#english textarea")).not_to_be_editable()  # it is being described
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#english textarea")).to_have_value(re.compile("cat"))
    expect(page.locator("#arabic textarea")).to_have_value(re.compile("قط"))
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work")).to_have_count(1)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#english textarea")).to_have_value(re.compile("cat"))


def test_one_picture_is_painted_from_again_and_again(visit: Visit, examples: Path) -> None:
    page = visit("en")
    drop(page, examples / "cat.png")
    expect(page.locator("#status")).to_contain_text(STRINGS["captions_ready"].en)
    page.fill("#number input[type=number]", "1")
    for count, button in enumerate(("paint", "more") * 2, 1):
        page.click(f"button#{button}")
        # What the work before has left looks finished, too.
        expect(page.locator("button#paint")).to_be_disabled()
        finished(page, count)
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work")).to_have_count(1)
    page.locator("#history .work .open").click()
    expect(page.locator("#picture img")).to_be_visible()
    expect(page.locator("#gallery .picture")).to_have_count(4)


def clipboard(page: Page, expected: str) -> str:
    """The clipboard, as soon as it is what is expected: it is written after the click."""
    for _ in range(100):
        if page.evaluate("navigator.clipboard.readText()") == expected:
            break
        page.wait_for_timeout(50)
    return str(page.evaluate("navigator.clipboard.readText()"))


def open_bytes(data: bytes) -> bytes:
    """The pixels of a picture."""
    return open_picture(data).tobytes()


@arabic_first
def test_a_picture_fills_the_window(visit: Visit, language: str) -> None:
    page = visit(language)
    paint(page, pictures=3, seed=3)
    page.locator("#gallery [data-view]").first.click()
    view = page.locator("dialog.viewer")
    shown = view.locator(".shown img")
    box = view.bounding_box()
    assert box == {"x": 0, "y": 0, "width": 1280, "height": 900}
    picture = shown.bounding_box()
    assert picture is not None
    assert picture["height"] > 600
    assert SHOWN[language] in view.locator("#viewer-text").inner_text()
    sources = [img.get_attribute("src") for img in page.locator("#gallery .open img").all()]

    def is_shown(number: int) -> None:
        expect(view.locator(".shown figcaption")).to_have_text(f"{number} / 3")
        assert str(shown.get_attribute("src")).endswith(str(sources[number - 1]))

    is_shown(1)
    forward, back = ("ArrowLeft", "ArrowRight") if language == "ar" else ("ArrowRight", "ArrowLeft")
    page.keyboard.press(forward)
    is_shown(2)
    page.keyboard.press(back)
    page.keyboard.press(back)
    is_shown(3)
    view.get_by_role("button", name=word(page, "next_picture")).click()
    is_shown(1)
    view.get_by_role("button", name=word(page, "with_original")).click()
    expect(view.locator(".original img")).to_be_visible()
    view.get_by_role("button", name=word(page, "with_next")).click()
    assert str(view.locator(".other img").get_attribute("src")).endswith(str(sources[1]))
    page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(page.locator("#gallery [data-view]").first).to_be_focused()


@arabic_first
def test_the_keyboard_shortcuts_are_shown(visit: Visit, language: str) -> None:
    page = visit(language)
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_contain_text("Ctrl")
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.focus("#english textarea")
    page.keyboard.press("?")  # a question mark in a text is text
    expect(page.locator("dialog#keys")).to_be_hidden()


@arabic_first
def test_a_button_stays_in_use_while_pictures_arrive(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#number input[type=number]", "4")
    page.click("button#paint")
    expect(page.locator("#gallery .picture")).to_have_count(1)
    delete = page.locator("#gallery [data-action=delete]").first
    delete.focus()
    page.keyboard.press("Enter")
    finished(page, 4)
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#gallery .picture")).to_have_count(3)


@arabic_first
def test_pictures_are_kept_and_deleted(visit: Visit, tmp_path: Path, language: str) -> None:
    page = visit(language)
    paint(page, pictures=3, seed=3)
    page.locator("#gallery .star").nth(1).click()
    expect(page.locator("#download-kept")).to_be_visible()
    page.locator("#gallery [data-view]").first.click()
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    expect(page.locator("#gallery .starred")).to_have_count(2)
    delete = page.locator("#gallery [data-action=delete]").nth(0)
    delete.click()
    delete.click()
    expect(page.locator("#gallery .picture")).to_have_count(2)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert seeds(page) == [4, 5]
    expect(page.locator("#gallery .starred")).to_have_count(1)
    with page.expect_download() as download:
        page.click("#download-kept")
    file = tmp_path / "kept.zip"
    download.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        assert [name for name in archive.namelist() if name.endswith(".png")] == ["marsam-4.png"]
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    expect(page.locator("#history .work")).to_contain_text("★ 1")
    page.get_by_label(word(page, "kept_only")).check()
    expect(page.locator("#history .work")).to_have_count(1)


@arabic_first
def test_a_run_goes_on_without_its_page_and_missing_pictures_are_painted(
    visit: Visit, language: str
) -> None:
    page = visit(language)
    page.fill("#number input[type=number]", "10")
    advanced(page)
    page.fill("#steps textarea", "30")
    page.click("button#paint")
    expect(page.locator("#gallery .picture")).to_have_count(1)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("button#stop")).to_be_visible()
    expect(page.locator("#gallery :is(.picture, .placeholder)")).to_have_count(10)
    page.click("button#stop")
    expect(page.locator("button#paint")).to_be_enabled()
    painted = seeds(page)
    assert len(painted) < 10
    page.click("button#resume")
    expect(page.locator("#gallery .picture")).to_have_count(len(painted) + 1)
    page.click("button#stop")
    expect(page.locator("button#resume")).to_be_visible()
    more = seeds(page)
    assert len(more) > len(painted)
    assert more == list(range(painted[0], painted[0] + len(more)))


@arabic_first
def test_variations_begin_with_a_picture(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language)
    drop(page, examples / "cat.png")
    expect(page.locator("#status")).to_contain_text(word(page, "captions_ready"))
    page.get_by_label(word(page, "start_picture"), exact=True).check()
    page.fill("#strength input[type=number]", "0.3")
    paint(page, pictures=1, seed=3)
    near = open_picture(pictures(page)[0])
    source = open_picture(examples / "cat.png").resize(near.size)
    changed = ImageStat.Stat(ImageChops.difference(source, near)).mean
    assert max(changed) < 30, changed
    record = read_record(pictures(page)[0])
    assert record is not None
    assert record.strength == 0.3
    # A result is what the next pictures begin with.
    page.locator("#gallery [data-action=vary]").click()
    expect(page.locator("button#paint")).to_be_disabled()
    finished(page, 1)
    expect(page.locator("#picture img")).to_have_attribute("src", re.compile("source"))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.get_by_label(word(page, "start_picture"), exact=True)).to_be_checked()
    assert page.input_value("#strength input[type=number]") == "0.3"


@arabic_first
def test_everything_can_be_downloaded(visit: Visit, tmp_path: Path, language: str) -> None:
    page = visit(language)
    paint(page, pictures=2, seed=3)
    with page.expect_download() as download:
        page.click("#download")
    file = tmp_path / "all.zip"
    download.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        strings = json.loads(archive.read("captions.json"))
        assert strings["caption"] == SHOWN
        assert [p["seed"] for p in strings["pictures"]] == [3, 4]
        for picture in strings["pictures"]:
            record = read_record(archive.read(picture["file"]))
            assert record is not None
            assert (record.seed, record.arabic) == (picture["seed"], SHOWN["ar"])
        html = archive.read("index.html").decode()
    assert f'lang="ar" dir="rtl">{SHOWN["ar"]}' in html


@arabic_first
def test_alt_text_is_copied_in_either_language(visit: Visit, language: str) -> None:
    page = visit(language, permissions=["clipboard-read", "clipboard-write"])
    wanted = {
        0: SHOWN["en"],
        1: f'<img src="" alt="{SHOWN["en"]}" lang="en" dir="ltr">',
        2: f"![{SHOWN['en']}]()",
        3: SHOWN["ar"],
        4: f'<img src="" alt="{SHOWN["ar"]}" lang="ar" dir="rtl">',
        5: f"![{SHOWN['ar']}]()",
        6: f"{SHOWN['en']}\n{SHOWN['ar']}",
        7: '<img src="" alt="">',
    }
    for index, text in wanted.items():
        page.locator("#copy button").nth(index).click()
        expect(page.locator(".copied")).to_contain_text(word(page, "copied"))
        assert clipboard(page, text) == text


@arabic_first
def test_what_is_in_the_text_box_is_copied(visit: Visit, language: str) -> None:
    page = visit(language, permissions=["clipboard-read", "clipboard-write"])
    page.fill("#english textarea", 'A "tabby" cat & [two] <b>mice</b>')
    page.fill("#arabic textarea", "قطة مخططة وفأران")
    expect(page.locator("#copy .count").nth(0)).to_contain_text("33")
    expect(page.locator("#copy .count").nth(1)).to_contain_text("16")
    page.wait_for_timeout(1500)  # each text box has sent its own event by now
    wanted = {
        0: 'A "tabby" cat & [two] <b>mice</b>',
        1: '<img src="" alt="A &#34;tabby&#34; cat &#38; [two] &#60;b&#62;mice&#60;/b&#62;" '
        'lang="en" dir="ltr">',
        2: r'![A "tabby" cat & \[two\] <b>mice</b>]()',
        3: "قطة مخططة وفأران",
    }
    for index, text in wanted.items():
        page.locator("#copy button").nth(index).click()
        expect(page.locator(".copied")).to_contain_text(word(page, "copied"))
        assert clipboard(page, text) == text
    page.fill("#english textarea", "a cat " * 22)
    expect(page.locator("#copy .long")).to_contain_text("125")
    page.fill("#english textarea", "")
    expect(page.locator("#copy button")).to_have_count(3)  # an empty box has nothing to copy


@arabic_first
def test_both_texts_are_right_and_one_step_back(
    visit: Visit, examples: Path, language: str
) -> None:
    page = visit(language)
    drop(page, examples / "cat.png")
    expect(page.locator("#status")).to_contain_text(word(page, "captions_ready"))
    expect(page.locator("button#keep-both")).to_be_hidden()
    own = {"en": "a cat on a red background", "ar": "هذه قطتي الزرقاء"}
    page.fill("#english textarea", own["en"])
    page.fill("#arabic textarea", own["ar"])
    page.click("button#keep-both")
    expect(page.locator("button#keep-both")).to_be_hidden()
    expect(page.locator("#english-notes .notice")).to_be_hidden()
    expect(page.locator("#sent")).to_contain_text(own["ar"])
    assert {"en": pane(page, "en"), "ar": pane(page, "ar")} == own
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert {"en": pane(page, "en"), "ar": pane(page, "ar")} == own
    # An update overwrites a person's words, so one step leads back to them.
    page.fill("#english textarea", "two cats")
    page.click("button#from-english")
    expect(page.locator("#arabic textarea")).to_have_value("قطتان")
    page.click("button#undo")
    expect(page.locator("#arabic textarea")).to_have_value(own["ar"])
    assert pane(page, "en") == "two cats"
    expect(page.locator("button#undo")).to_be_hidden()
    page.click("button#from-english")
    expect(page.locator("#arabic textarea")).to_have_value("قطتان")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert (pane(page, "en"), pane(page, "ar")) == ("two cats", "قطتان")


@arabic_first
def test_two_corrected_texts_are_painted_as_they_are(visit: Visit, language: str) -> None:
    page = visit(language)
    own = {"en": "a cat on a red background", "ar": "هذه قطتي الزرقاء"}
    page.fill("#english textarea", own["en"])
    page.fill("#arabic textarea", own["ar"])
    paint(page, pictures=1)
    assert {"en": pane(page, "en"), "ar": pane(page, "ar")} == own
    # Words that nobody has painted yet are kept beside the pictures of the earlier ones.
    page.fill("#english textarea", "two cats")
    expect(page.locator("#arabic-notes")).to_contain_text(word(page, "stale"))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert (pane(page, "en"), pane(page, "ar")) == ("two cats", own["ar"])
    expect(page.locator("#arabic-notes")).to_contain_text(word(page, "stale"))
    expect(page.locator("#gallery .picture")).to_have_count(1)
    advanced(page)
    assert page.input_value("#seed textarea") == ""  # it was random, and is again


@arabic_first
def test_the_example_is_removed_and_no_source_of_other_words(visit: Visit, language: str) -> None:
    page = visit(language)
    page.fill("#english textarea", "a cat on a blue background")
    paint(page, pictures=1)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#picture img")).to_have_count(0)
    other = visit(language)
    other.get_by_label(GRADIO["Remove Image"].ar if language == "ar" else "Remove Image").click()
    expect(other.locator("#picture img")).to_have_count(0)
    other.wait_for_timeout(1500)
    assert pane(other, "en") == SHOWN["en"]
    for text in ("", "a fish", SHOWN["en"]):  # words that are only tried are no earlier work
        other.fill("#english textarea", text)
        other.wait_for_timeout(500)
    expect(other.locator("#gallery .picture")).to_have_count(4)
    expect(other.locator("#status")).not_to_contain_text(word(other, "captions_ready"))
    other.get_by_role("tab", name=word(other, "history_tab")).click()
    expect(other.locator("#history .work")).to_have_count(0)


def test_enter_writes_a_new_line_and_paints_nothing(visit: Visit) -> None:
    page = visit("en")
    page.fill("#english textarea", "a cat")
    page.press("#english textarea", "Enter")
    page.wait_for_timeout(800)
    expect(page.locator("button#paint")).to_be_enabled()
    expect(page.locator("#gallery .picture")).to_have_count(4)
    assert pane(page, "en") == "a cat\n"


@arabic_first
def test_metadata_of_a_marsam_picture_restores_prompt_and_settings(
    visit: Visit, tmp_path: Path, language: str
) -> None:
    page = visit(language)
    page.fill("#english textarea", "a cat on a blue background")
    page.get_by_label(word(page, "draft")).check()
    paint(page, pictures=1, seed=11)
    (data,) = pictures(page)
    kept = tmp_path / "kept.png"
    kept.write_bytes(data)
    other = visit(language)
    drop(other, kept)
    expect(other.locator("#status")).to_contain_text(word(other, "restored"))
    assert pane(other, "en") == "a cat on a blue background"
    assert pane(other, "ar") == "قطة على خلفية زرقاء"
    advanced(other)
    assert other.input_value("#seed textarea") == "11"
    expect(other.get_by_label(word(other, "draft"))).to_be_checked()
    other.click("button#paint")
    finished(other, 1)
    assert [open_bytes(d) for d in pictures(other)] == [open_bytes(data)]


@arabic_first
def test_a_reload_restores_the_run(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language)
    drop(page, examples / "cat.png")
    expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
    paint(page, pictures=1, seed=5)
    before = pictures(page)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert pane(page, "en") == "a cat on a blue background"
    assert pane(page, "ar") == "قطة على خلفية زرقاء"
    assert seeds(page) == [5]
    assert pictures(page) == before
    expect(page.locator("#picture img")).to_be_visible()


@arabic_first
def test_history_runs_are_opened_and_deleted(visit: Visit, examples: Path, language: str) -> None:
    page = visit(language)
    paint(page, pictures=1, seed=1)
    drop(page, examples / "cat.png")
    expect(page.locator("#arabic textarea")).to_have_value("قطة على خلفية زرقاء")
    expect(page.locator("#status")).to_contain_text(word(page, "captions_ready"))
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    earlier = page.locator("#history .work")
    expect(earlier).to_have_count(2)
    page.fill("#search textarea", "سَيّاره" if language == "ar" else "CAR")
    expect(earlier).to_have_count(1)
    page.fill("#search textarea", "")
    expect(earlier).to_have_count(2)
    expect(earlier.nth(1)).to_contain_text(SHOWN[language])
    earlier.nth(1).locator(".open").click()
    expect(page.get_by_role("tab", name=word(page, "studio_tab"))).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#english textarea")).to_have_value(SHOWN["en"])
    assert seeds(page) == [1]
    page.get_by_role("tab", name=word(page, "history_tab")).click()
    delete = earlier.nth(1).locator("[data-action=delete]")
    delete.click()
    page.locator("#search textarea").click()  # anything else is a no
    expect(delete).not_to_contain_text(word(page, "really_delete"), use_inner_text=True)
    expect(earlier).to_have_count(2)
    delete.click()
    expect(delete).to_contain_text(word(page, "really_delete"), use_inner_text=True)
    delete.click()
    expect(earlier).to_have_count(1)
    # What was deleted is still looked at, and the page is as good as before.
    page.get_by_label("English" if language == "ar" else "العربية").check()
    expect(page.get_by_role("tab", name=STRINGS["history_tab"][language == "en"])).to_be_visible()
    expect(page.locator("#gallery .picture")).to_have_count(1)


@arabic_first
def test_a_phone_takes_a_photograph_with_its_own_camera(
    visit: Visit, examples: Path, language: str
) -> None:
    page = visit(language, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    upload, camera = page.locator("#picture .source-selection button").all()[:2]
    places = [one.bounding_box() for one in (camera, upload)]
    if language == "ar":
        places.reverse()
    assert places[0]
    assert places[1]
    assert places[0]["x"] < places[1]["x"]
    with page.expect_file_chooser() as chooser:
        camera.tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(examples / "cat.png")
    expect(page.locator("#english textarea")).to_have_value(re.compile("cat"))


@arabic_first
def test_a_notice_tells_that_the_pictures_are_done(visit: Visit, language: str) -> None:
    page = visit(language, permissions=["notifications"])
    # A browser without a screen shows no notices and is always in view.
    page.evaluate("""() => {
        window.notices = [];
        window.Notification = class {
          constructor(title, options) { window.notices.push(options.body); }
          static permission = "default";
          static async requestPermission() { return (Notification.permission = "granted"); }
        };
        Object.defineProperty(document, "hidden", { get: () => true });
    }""")
    paint(page, pictures=1)
    assert page.evaluate("notices") == []  # off by default
    notify = page.locator("[data-notify]")
    notify.click()
    expect(notify).to_have_attribute("aria-pressed", "true")
    page.click("button#more")
    page.wait_for_function("notices.length === 1")
    assert page.evaluate("notices")[0] == pane_status(page)
    notify.click()
    expect(notify).to_have_attribute("aria-pressed", "false")


def pane_status(page: Page) -> str:
    """The line about the work, in the language of the page."""
    language = page.evaluate("document.documentElement.lang")
    return page.locator(f"#status .line [lang={language}]").inner_text()
