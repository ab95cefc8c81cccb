"""Pictures while a person types: when one is painted, when it is shown, and what it leaves."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from marsam import Painted, PaintOptions, Previewed, Studio
from marsam.device import Device
from marsam.errors import MarsamError, OutOfMemory, UnknownWords
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.options import RunOptions
from marsam.recipes import Adapter, Recipe, SamplingConfig, recipes
from marsam.results import Picture
from marsam.runs.scheduler import Scheduler
from marsam.testing import FakePainter, FakeTranslator, fake_studio
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.web.live import LiveHandlers
from marsam.web.paint import PaintHandlers
from marsam.web.session import Session, Sessions
from marsam.web.strings import STRINGS
from marsam.web.texts import TextHandlers
from marsam.web.view import View

WORDS = {"a cat": "قطة", "قطة": "a cat", "كلب": "a dog"}
SETTINGS = (4, "balanced", "", "", "", "")
SEED = (4, "balanced", "", "", "", "7")


@dataclass
class InstantPainter(FakePainter):
    """Has the recipe ``instant``; ``meanwhile`` is called while it paints."""

    meanwhile: Callable[[], object] = lambda: None
    instant: bool = True

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        return tuple(Recipe) if self.instant else super().recipes

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        if recipe != Recipe.INSTANT:
            return super().sampling(recipe)
        one_step = Adapter(Path("one-step.safetensors"), "one-step", 999)
        return replace(recipes({recipe: one_step})[recipe], scheduler="LCMScheduler")

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        self.meanwhile()
        yield from super().paint(prompt, options, start)


class Part:
    """Stands for a component of Gradio's."""

    def __init__(self, folder: Path) -> None:
        self.GRADIO_CACHE = str(folder)


class Parts:
    """A component under every name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getattr__(self, name: str) -> Part:
        setattr(self, name, Part(self._folder))
        return self.__dict__[name]  # type: ignore[no-any-return]


class Page:
    """A page whose visitor types; ``warned`` are the errors that it showed."""

    def __init__(self, folder: Path, painter: InstantPainter, **studio: Any) -> None:
        fakes = fake_studio()
        self.painter = painter
        self.scheduler = Scheduler(
            Studio(
                captioner=fakes.captioner,
                translator=FakeTranslator(translations=WORDS),
                painter=painter,
                **studio,
            ),
            Journal(folder / "data"),
        )
        self.parts = cast("Any", Parts(folder / "cache"))
        self.view, sessions = View(self.parts, self.scheduler), Sessions(self.scheduler)
        self.warned: list[MarsamError] = []
        self.view.warn = self._warn  # type: ignore[method-assign]
        self.texts = TextHandlers(self.view, sessions)
        paint = PaintHandlers(self.view, sessions, self.texts)
        self.live = LiveHandlers(self.view, sessions, self.texts, paint)
        state = SimpleNamespace(client="amal")
        self.request: Any = SimpleNamespace(
            session_hash="page", request=SimpleNamespace(state=state)
        )
        self.session: Session = sessions.of(self.request)

    def _warn(self, session: Session, error: MarsamError) -> None:
        self.warned.append(error)

    def switch(self, wanted: bool = True) -> dict[Any, Any]:
        return self.live.switch_live(wanted, self.request)

    def type(self, english: str, arabic: str = "", settings: Any = SETTINGS) -> dict[Any, Any]:
        """Type, pause, and return what the page shows then."""
        for language, text in ((ENGLISH, english), (ARABIC, arabic)):
            if text != self.session.texts[language]:
                self.texts.edit(language, english, arabic, self.request)
        return self.live.paint_live(self.request, english, arabic, *settings)

    def shows_picture(self, update: dict[Any, Any]) -> bool:
        return "data:image" in update.get(self.parts.live_picture, {}).get("value", "")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    page = Page(tmp_path, InstantPainter(), models="mini")
    yield page
    page.scheduler.close()


def test_nothing_is_painted_before_it_is_wanted(page: Page) -> None:
    assert not page.shows_picture(page.type("a cat"))
    page.switch()
    assert page.shows_picture(page.type("a cat"))
    page.switch(wanted=False)
    assert not page.shows_picture(page.type("a dog"))
    assert [prompt for prompt, _ in page.painter.calls] == ["a cat"]


def test_only_the_words_change_the_picture(page: Page) -> None:
    page.switch()
    page.type("a cat")
    page.type("a cat and a dog")
    page.type("a cat and a dog", settings=SEED)
    seeds = [seed for _, seed in page.painter.calls]
    assert seeds[0] == seeds[1]
    assert seeds[2] == 7


def test_the_language_that_was_typed_last_is_painted(page: Page) -> None:
    page.switch()
    page.type("a cat", "")
    page.type("a cat", "كلب")
    page.type("two fish", "كلب")
    assert [prompt for prompt, _ in page.painter.calls] == ["a cat", "a dog", "two fish"]
    assert page.session.texts == {ENGLISH: "two fish", ARABIC: "كلب"}  # as the person wrote them
    assert not page.scheduler.journal.runs(page.session.client)


def test_a_picture_of_older_words_is_not_shown(page: Page) -> None:
    page.switch()
    page.painter.meanwhile = lambda: page.texts.edit(ENGLISH, "a cat and", "", page.request)
    assert not page.shows_picture(page.type("a cat"))
    page.painter.meanwhile = lambda: page.switch(wanted=False)
    assert not page.shows_picture(page.type("a dog"))


def test_without_words_there_is_no_picture(page: Page) -> None:
    page.switch()
    page.type("a cat")
    assert not page.shows_picture(page.type(" "))
    assert page.session.live is not None
    assert page.session.live.shown is None
    assert len(page.painter.calls) == 1


def test_runs_go_first(page: Page) -> None:
    page.switch()
    started, go_on = threading.Event(), threading.Event()

    def meanwhile() -> None:
        started.set()
        go_on.wait()

    page.painter.meanwhile = meanwhile
    run = page.scheduler.enqueue_run(
        NewRun(client="basma", prompt="a dog", options=RunOptions(paint=PaintOptions(pictures=1)))
    )
    started.wait()
    assert not page.shows_picture(page.type("a cat"))
    go_on.set()
    page.scheduler.wait(run)
    while not page.scheduler.is_idle:
        pass
    assert page.shows_picture(page.type("a cat"))
    assert [prompt for prompt, _ in page.painter.calls] == ["a dog", "a cat"]


def test_one_picture_is_painted_at_a_time(page: Page) -> None:
    """However many requests a client sends, another one's turn is the next but one."""
    page.switch()
    painting, most, lock = 0, 0, threading.Lock()
    here = threading.Barrier(2)

    def meanwhile() -> None:
        nonlocal painting, most
        with lock:
            painting += 1
            most = max(most, painting)
        try:
            here.wait(0.05)  # passed only by two at once
        except threading.BrokenBarrierError:
            here.reset()
        with lock:
            painting -= 1

    page.painter.meanwhile = meanwhile
    page.texts.edit(ENGLISH, "a cat", "", page.request)
    threads = [threading.Thread(target=page.type, args=("a cat",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(page.painter.calls), most) == (4, 1)


def test_what_fails_is_said_once_and_ends_it(page: Page) -> None:
    page.switch()
    page.painter.error = OutOfMemory("There is not enough memory.")
    shown = page.type("a cat")
    assert shown[page.parts.live]["value"] is False
    page.type("a cat and a dog")
    assert [str(error) for error in page.warned] == ["There is not enough memory."]
    page.painter.error = None
    page.switch()
    page.type("a cat", settings=(4, "balanced", "", "", "", "seven"))
    assert "seven" in str(page.warned[-1])


def test_half_a_word_is_named_below_its_box(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.switch()

    def refuse(*_: object) -> None:
        raise UnknownWords("The models do not know {word}.", words=("سم",), word="سم")

    monkeypatch.setattr(page.texts, "translated", refuse)
    shown = page.type("", "سم")
    assert "سم" in shown[page.parts.arabic_notes]["value"]
    assert page.warned == []
    assert page.session.live is not None


@pytest.mark.parametrize(
    ("models", "device", "seconds", "info"),
    [
        ("mini", "cpu", None, "live_info"),
        ("standard", "cpu", None, "live_unknown"),
        ("standard", "cuda", None, "live_info"),
        ("standard", "cpu", 1.4, "live_info"),
        ("standard", "cpu", 6.0, "live_slow"),
        ("mini", "cpu", 6.0, "live_slow"),
    ],
)
def test_slow_machines_say_how_long_a_picture_takes(
    tmp_path: Path, models: str, device: str, seconds: float | None, info: str
) -> None:
    where = Device(kind=device, dtype="float32", reason="a test")
    page = Page(tmp_path, InstantPainter(), models=models, device=where)
    if seconds:
        (event,) = (
            event
            for event in page.painter.paint("a cat", PaintOptions(pictures=1))
            if isinstance(event, Painted)
        )
        picture: Picture = replace(event.picture, recipe=Recipe.INSTANT, steps=1)
        page.scheduler.estimator.update(picture, seconds)
    box = page.view.show_live(page.session)[page.parts.live]
    assert box["visible"]
    line = STRINGS.text(info, ENGLISH, "6 seconds")
    assert box["info"] == line
    may = info == "live_info"
    assert box["interactive"] == may
    page.switch()  # a program can ask for it all the same
    assert page.shows_picture(page.type("a dog")) == may
    page.scheduler.close()


def test_other_models_have_no_such_box(tmp_path: Path) -> None:
    page = Page(tmp_path, InstantPainter(instant=False), models="mini")
    box = page.view.show_live(page.session)[page.parts.live]
    assert (box["visible"], box["value"]) == (False, False)
    page.scheduler.close()


@pytest.mark.parametrize(
    ("typed", "now", "kept"),
    [
        (("a cat", ""), ("a cat", ""), ("a cat", "قطة")),
        (("a cat", ""), ("a cat and", ""), ("a cat and", "قطة")),
        (("", "قطة"), ("", "قطة"), ("a cat", "قطة")),
        (("a dog", "قطة"), ("a dog", "قطة"), ("a dog", "قطة")),
    ],
)
def test_a_click_paints_the_picture_that_is_shown(
    page: Page, typed: tuple[str, str], now: tuple[str, str], kept: tuple[str, str]
) -> None:
    """What a person wrote stays, in the other box and since the picture was painted."""
    page.switch()
    for language in range(2):
        page.type(*[text if i <= language else "" for i, text in enumerate(typed)])
    (words, seed) = page.painter.calls[-1]
    list(page.live.paint_shown(page.request, *now, *SETTINGS))
    assert page.painter.calls[-1] == (words, seed)
    (run,) = page.scheduler.journal.runs(page.session.client)
    assert run.options is not None
    assert (run.options.paint.recipe, run.options.paint.pictures) == (Recipe.BALANCED, 1)
    assert [picture.seed for picture in run.pictures] == [seed]
    assert (page.session.texts[ENGLISH], page.session.texts[ARABIC]) == kept
