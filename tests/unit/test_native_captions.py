"""Captions that a captioner writes in Arabic itself: in Python, on the command line, in the API."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import httpx
import pytest
from PIL import Image

from marsam import (
    ArabicCaption,
    CaptionLength,
    CaptionOptions,
    LanguageError,
    Notice,
    OptionError,
    RunOptions,
    Studio,
    TranslateOptions,
)
from marsam.api.metrics import Metrics
from marsam.batch.images import RowImages
from marsam.batch.review import Review, digest
from marsam.batch.rows import Row
from marsam.batch.tables import read_rows
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.options import PaintOptions
from marsam.results import Prompt
from marsam.review.export import export
from marsam.review.layout import Components as ReviewComponents
from marsam.review.page import PageState, ReviewHandlers
from marsam.review.page import Session as ReviewSession
from marsam.runs.execution import create_run
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import CAPTION, FakeCaptioner, fake_studio
from marsam.web.describe import DescribeHandlers
from marsam.web.layout import Components
from marsam.web.session import Sessions
from marsam.web.texts import TextHandlers
from marsam.web.view import View
from tests.helpers.commands import marsam

TRANSLATED, NATIVE, OTHER = "قطة على خلفية زرقاء", "قطة تجلس أمام خلفية زرقاء", "سيارة حمراء"
TRANSLATIONS: Mapping[str, str] = {
    CAPTION: TRANSLATED,
    NATIVE: "a cat sitting before a blue background",
    OTHER: "a red car",
}
PICTURE = Image.effect_noise((32, 32), 90).convert("RGB")


def speaking(arabic: str = NATIVE) -> Studio:
    return fake_studio(arabic=arabic, translations=TRANSLATIONS)


def options(arabic: str) -> CaptionOptions:
    return CaptionOptions(arabic=ArabicCaption(arabic))


def test_by_default_the_caption_is_translated_and_the_captioner_asked_once() -> None:
    studio = speaking()
    ((caption, arabic),) = studio.describe(PICTURE)
    assert (caption.text, arabic.text, arabic.native) == (CAPTION, TRANSLATED, None)
    assert isinstance(studio.captioner, FakeCaptioner)
    assert [one.language for one in studio.captioner.asked] == ["eng_Latn"]


def test_both_stand_beside_each_other_with_their_agreement() -> None:
    ((_, arabic),) = speaking().describe(PICTURE, options("both"))
    assert (arabic.text, arabic.native, arabic.warnings) == (TRANSLATED, NATIVE, ())
    assert arabic.agreement is not None
    assert arabic.agreement > 0.8
    assert arabic.to_dict()["native"] == NATIVE


def test_native_takes_the_place_of_the_translation() -> None:
    ((caption, arabic),) = speaking().describe(PICTURE, options("native"))
    assert caption.text == CAPTION
    assert arabic.text == arabic.native == NATIVE


def test_captions_that_name_other_things_are_reported() -> None:
    ((_, arabic),) = speaking(OTHER).describe(PICTURE, options("both"))
    assert arabic.agreement == 0
    assert arabic.warnings == (Notice.NATIVE_DIFFERS,)


def test_without_a_native_caption_the_translation_stays() -> None:
    for arabic in ("native", "both"):
        studio = replace(speaking(), captioner=_Silent())
        ((_, other),) = studio.describe(PICTURE, options(arabic))
        assert (other.text, other.native, other.agreement) == (TRANSLATED, "", None)
        assert other.warnings == (Notice.NATIVE_MISSING,)


class _Silent(FakeCaptioner):
    """Could write Arabic, but writes nothing."""

    abilities = FakeCaptioner(arabic="-").abilities


def test_own_words_in_an_image_are_kept() -> None:
    picture = PICTURE.copy()
    picture.info["alt_texts"] = {"arb_Arab": "كلماتي"}
    studio = speaking()
    for arabic in ("native", "both"):
        ((_, other),) = studio.describe(picture, options(arabic))
        assert (other.text, other.native) == ("كلماتي", None)
        assert other.warnings == (Notice.ALT_TEXT_KEPT,)


@pytest.mark.parametrize("arabic", ["native", "both"])
def test_a_captioner_that_knows_no_arabic_refuses(arabic: str, tmp_path: Path) -> None:
    studio = fake_studio()
    run = RunOptions(caption=options(arabic))
    for ask in (
        lambda: studio.describe(PICTURE, options(arabic)),
        lambda: studio.run(PICTURE, run),
        lambda: create_run(
            studio, Journal(tmp_path), NewRun(client="a", options=run, image=PICTURE)
        ),
    ):
        with pytest.raises(LanguageError, match="fake-captioner does not caption in") as refused:
            ask()
        assert "fake-captioner" in refused.value.ar


def test_what_the_workflow_cannot_use_is_refused() -> None:
    studio = speaking()
    with pytest.raises(LanguageError, match="needs an English caption"):
        studio.describe(PICTURE, CaptionOptions(language="arb_Arab"))
    with pytest.raises(OptionError, match="French"):
        studio.describe(PICTURE, options("both"), TranslateOptions(target="fra_Latn"))
    with pytest.raises(OptionError, match="one of short, sentence, paragraph"):
        CaptionOptions(length="long")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="length of ask"):
        CaptionOptions(ask="x" * 201)


def test_a_run_with_a_prompt_refuses_requests_for_captions(tmp_path: Path) -> None:
    new = NewRun(client="a", prompt="a cat", options=RunOptions(caption=options("both")))
    with pytest.raises(OptionError, match="arabic is about captions"):
        create_run(speaking(), Journal(tmp_path), new)


def test_a_run_records_the_native_caption() -> None:
    run = RunOptions(caption=options("both"), paint=PaintOptions(pictures=1, seed=1))
    assert RunOptions.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    result = speaking().run(PICTURE, run)
    assert result.to_dict()["caption"] == {
        "en": CAPTION,
        "ar": TRANSLATED,
        "native": NATIVE,
        "agreement": result.prompt.agreement,
    }
    assert Prompt.from_dict(json.loads(json.dumps(result.prompt.to_dict()))) == result.prompt


def test_options_of_earlier_runs_are_read() -> None:
    earlier = {"candidates": 2, "prefix": "", "beams": 3, "sampling": False, "seed": 0}
    read = RunOptions.from_dict({"caption": earlier | {"min_tokens": 1, "max_tokens": 40}})
    assert read.caption == CaptionOptions(candidates=2, max_tokens=40)


def test_the_command_line_marks_the_native_caption(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studio = speaking()
    monkeypatch.setattr(Studio, "load", lambda *a, **k: studio)
    monkeypatch.chdir(tmp_path)
    PICTURE.save("photo.png")
    words = ["--length", "short", "--ask", "What is it?"]
    assert marsam("caption", "photo.png", "--arabic", "both", *words) == 0
    assert capsys.readouterr().out.splitlines() == [CAPTION, TRANSLATED, f"✎ {NATIVE}"]
    assert isinstance(studio.captioner, FakeCaptioner)
    english, arabic = studio.captioner.asked
    assert (english.length, english.ask) == (CaptionLength.SHORT, "What is it?")
    assert (arabic.length, arabic.language) == (CaptionLength.SHORT, "arb_Arab")
    assert marsam("caption", "photo.png", "photo.png", "--arabic", "native", "--json") == 0
    row = json.loads(capsys.readouterr().out)["captions"][0]
    assert (row["en"], row["ar"], row["native"]) == (CAPTION, NATIVE, NATIVE)
    assert marsam("run", "photo.png", "-n", "1", "--arabic", "both") == 0
    assert capsys.readouterr().out.splitlines()[:3] == [CAPTION, TRANSLATED, f"✎ {NATIVE}"]
    assert marsam("run", "photo.png", "-n", "1", "--arabic", "both", "--json") == 0
    assert json.loads(capsys.readouterr().out)["caption"]["native"] == NATIVE


def test_the_command_line_says_why_it_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Studio, "load", lambda *a, **k: fake_studio())
    monkeypatch.chdir(tmp_path)
    PICTURE.save("photo.png")
    for words in (["--arabic", "both"], ["--length", "short"], ["--ask", "What?"]):
        assert marsam("caption", "photo.png", *words) == 1
        assert "vision-language model" in capsys.readouterr().err
        assert marsam("run", "photo.png", *words) == 1
        assert "vision-language model" in capsys.readouterr().err


@asynccontextmanager
async def _api(studio: Studio, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    scheduler = Scheduler(studio, Journal(folder))
    app = create_app(scheduler, page=False, metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    scheduler.close()


def _body(**fields: Any) -> dict[str, Any]:
    file = io.BytesIO()
    PICTURE.save(file, "PNG")
    return {"picture": base64.b64encode(file.getvalue()).decode(), **fields}


def test_the_api_returns_both_captions(tmp_path: Path) -> None:
    asyncio.run(_check_both(tmp_path))


async def _check_both(tmp_path: Path) -> None:
    async with _api(speaking(), tmp_path) as client:
        asked = _body(arabic="both", length="paragraph", ask="What is it?", context="A trip")
        said = (await client.post("/v1/captions", json=asked)).json()
        assert (said["ar"], said["native"]) == (TRANSLATED, NATIVE)
        assert said["candidates"][0]["agreement"] > 0.8
        assert (await client.post("/v1/captions", json=_body())).json()["native"] is None
        created = await client.post(
            "/v1/runs", json=_body(arabic="both", pictures=1, context="A trip")
        )
        assert created.status_code == 202
        caption = created.json()["options"]["caption"]
        assert (caption["arabic"], caption["length"]) == ("both", "sentence")
        assert caption["context"] == "A trip"
        wrong = await client.post("/v1/captions", json=_body(arabic="arabic"))
        assert wrong.status_code == 422
        assert "translated, native, both" in wrong.json()["message"]


def test_the_api_says_why_it_refuses(tmp_path: Path) -> None:
    asyncio.run(_check_refusals(tmp_path))


async def _check_refusals(tmp_path: Path) -> None:
    async with _api(fake_studio(), tmp_path) as client:
        for field in (
            {"arabic": "both"},
            {"length": "short"},
            {"ask": "What?"},
            {"context": "A trip"},
        ):
            for route in ("/v1/captions", "/v1/runs"):
                refused = await client.post(
                    route, json=_body(**field), headers={"Accept-Language": "ar"}
                )
                assert refused.status_code == 422, route
                assert "Qwen" in refused.json()["message"]
                assert "fake-captioner" in refused.json()["message"]


@pytest.fixture
def batch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[Studio, list[Row]]]:
    """Return a function that captions a folder and returns the table."""
    monkeypatch.setenv("MARSAM_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    PICTURE.save("photos/a.png")

    def run(*words: str, studio: Studio | None = None) -> tuple[Studio, list[Row]]:
        studio = studio or speaking()
        monkeypatch.setattr(Studio, "load", lambda *a, **k: studio)
        assert marsam("batch", "photos", "--out", "table.csv", *words) == 0
        return studio, list(read_rows(Path("table.csv")))

    return run


def test_a_batch_has_native_columns_only_if_asked(batch: Callable[..., Any]) -> None:
    studio, (row,) = batch()
    assert (row.native, row.agreement) == (None, None)
    assert "native" not in Path("table.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert [one.language for one in studio.captioner.asked] == ["eng_Latn"]
    # The English caption is known; only the Arabic one is asked for.
    studio, (row,) = batch("--arabic", "both")
    assert [one.language for one in studio.captioner.asked] == ["arb_Arab"]
    assert row.texts == {"eng_Latn": CAPTION, "arb_Arab": TRANSLATED}
    assert row.native == NATIVE
    assert row.agreement > 0.8
    assert not row.is_kept
    studio, (again,) = batch("--arabic", "both")
    assert studio.captioner.asked == []
    assert again == row


def test_a_batch_takes_the_native_caption_as_its_arabic_text(batch: Callable[..., Any]) -> None:
    _, (row,) = batch("--arabic", "native", "--length", "short", "--ask", "What is it?")
    assert row.texts == {"eng_Latn": CAPTION, "arb_Arab": NATIVE}
    assert row.native == NATIVE
    _, (other,) = batch("--arabic", "both", studio=speaking(OTHER))
    assert other.agreement == 0
    assert "native_differs" in other.warnings


def test_a_batch_keeps_a_persons_words(batch: Callable[..., Any]) -> None:
    batch("--arabic", "both")
    review = Review(Path("table.csv"))
    texts = {"eng_Latn": "my cat", "arb_Arab": "قطتي"}
    assert review.save(0, texts, digest(review.rows[0]))
    review.close()
    for arabic in ("both", "native"):
        studio, (row,) = batch("--arabic", arabic)
        assert row.texts == texts
        assert row.reviewed
        assert row.native == NATIVE  # to compare with
        assert studio.captioner.asked == []


def test_a_batch_says_why_it_refuses(
    batch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Studio, "load", lambda *a, **k: fake_studio())
    for words, reason in (
        (["--arabic", "both"], "vision-language model"),
        (["--ask", "What?"], "vision-language model"),
        (["--arabic", "both", "--to", "fr"], "--arabic needs Arabic"),
    ):
        assert marsam("batch", "photos", "--out", "table.csv", *words) == 1
        assert reason in capsys.readouterr().err
    assert not Path("table.csv").exists()


class Parts:
    """The components of a page without a server, by their names."""

    offer_download = False

    def __init__(self, cache: Path) -> None:
        self.file = gr.File(render=False)
        self.file.GRADIO_CACHE = str(cache)
        self.gallery = self.image = self.download = self.file

    def __getattr__(self, name: str) -> str:
        return name


def test_the_page_offers_the_native_caption(tmp_path: Path) -> None:
    for studio, is_offered in ((speaking(), True), (fake_studio(), False)):
        scheduler = Scheduler(studio, Journal(tmp_path / f"data-{is_offered}"))
        request = cast(gr.Request, SimpleNamespace(session_hash="a", request=None))
        parts = cast(Components, Parts(tmp_path))
        view, sessions = View(parts, scheduler), Sessions(scheduler)
        describe, texts = DescribeHandlers(view, sessions), TextHandlers(view, sessions)
        session = sessions.of(request)
        try:
            list(describe._describe(session, PICTURE, "photo.png", show=False))
            shown: Any = view.show_notes(session)
            assert shown["use_native"]["visible"] == is_offered
            assert (NATIVE in shown["native"]["value"]) == is_offered
            if not is_offered:
                continue
            assert session.texts["ar"] == TRANSLATED
            texts.use_native(request)
            assert session.texts == {"en": CAPTION, "ar": NATIVE}
            assert session.edited_languages == []
            assert session.run is not None
            stored = scheduler.journal.run(session.client, session.run).prompt
            assert stored is not None
            assert stored.arabic == stored.native == NATIVE
            hidden: Any = view.show_notes(session)
            assert not hidden["use_native"]["visible"]
            texts.undo(request)
            assert session.texts["ar"] == TRANSLATED
        finally:
            scheduler.close()


class ReviewParts:
    """The components of the review page without a server, by their names."""

    def __init__(self, codes: list[str]) -> None:
        self.texts = {code: code for code in codes}
        self.actions = ("save", "decorative", "reopen")

    def labels(self, _language: str) -> dict[str, Any]:
        return {}

    def __getattr__(self, name: str) -> str:
        return name


def test_reviewers_choose_between_both_by_a_click(batch: Callable[..., Any]) -> None:
    batch("--arabic", "both", "--out", "sheet.html")
    assert NATIVE in Path("sheet.html").read_text(encoding="utf-8")
    review = Review(Path("table.csv"))
    parts = cast(ReviewComponents, ReviewParts(review.codes))
    handlers = ReviewHandlers(parts, review, RowImages([Path("photos")], None))
    try:
        shown: Any = handlers.load("en")
        assert shown[parts.use_native]["visible"]
        assert NATIVE in shown[parts.native]["value"]
        texts = {"eng_Latn": CAPTION, "arb_Arab": TRANSLATED}
        page = PageState(ReviewSession(), "en", "draft", shown[parts.current_row], texts)
        arabic = parts.texts["arb_Arab"]
        chosen: Any = handlers.use_native(page)
        assert chosen[arabic]["value"] == NATIVE
        page = replace(page, texts={**texts, "arb_Arab": NATIVE})
        back: Any = handlers.use_native(page)
        assert back[arabic]["value"] == TRANSLATED
        handlers.save(page)
    finally:
        review.close()
    (row,) = read_rows(Path("table.csv"))
    assert (row.texts["arb_Arab"], row.native, row.state) == (NATIVE, NATIVE, "reviewed")
    export(Path("table.csv"), [Path("pairs.jsonl")])
    exported = json.loads(Path("pairs.jsonl").read_text(encoding="utf-8"))
    assert (exported["native"], exported["drafts"]) == (NATIVE, {"arb_Arab": TRANSLATED})
