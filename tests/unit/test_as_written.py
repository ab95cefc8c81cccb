"""An Arabic prompt is painted as it is written, where that is asked for."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import gradio as gr
import pytest
from PIL import Image

from marsam import PaintOptions, Prompt, RunOptions, Studio
from marsam.errors import OptionError
from marsam.imaging.metadata import Record, read_record
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.notices import Notice
from marsam.runs.execution import create_run, execute_and_record
from marsam.runs.repeat import repeat_options, repeat_prompt
from marsam.runs.scheduler import Scheduler
from marsam.stages.families import DISTILLED, FAMILIES
from marsam.styles import STYLES
from marsam.testing import FakePainter, fake_studio
from marsam.web import render
from marsam.web.layout import Components
from marsam.web.paint import PaintHandlers
from marsam.web.session import Sessions
from marsam.web.settings import paint_options
from marsam.web.texts import TextHandlers
from marsam.web.view import View
from tests.helpers.commands import marsam

CAT = "قطة على خلفية زرقاء"
AS_WRITTEN = RunOptions(paint=PaintOptions(pictures=1, seed=7, as_written=True))


@pytest.fixture(autouse=True)
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Studio:
    one = replace(fake_studio(), painter=FakePainter(reads_arabic=True))
    monkeypatch.setattr(Studio, "load", lambda *a, **k: one)
    monkeypatch.chdir(tmp_path)
    return one


def calls(studio: Studio) -> list[str]:
    return [prompt for prompt, _ in cast(FakePainter, studio.painter).calls]


def test_the_painter_reads_the_arabic_text_and_the_record_has_both(studio: Studio) -> None:
    result = studio.run(prompt=CAT, options=AS_WRITTEN)
    assert calls(studio) == [CAT]
    prompt = result.prompt
    assert (prompt.for_painter, prompt.english, prompt.arabic) == (CAT, f"[eng_Latn] {CAT}", CAT)
    # The check compares with the translation.
    assert result.fidelity[0] is not None
    assert prompt.length == studio.painter.measure(CAT)
    assert Prompt.from_dict(prompt.to_dict()) == prompt
    # By default, the translation is painted.
    assert studio.run(prompt=CAT, pictures=1).prompt.for_painter == f"[eng_Latn] {CAT}"


def test_syntax_is_handled_as_in_other_prompts(studio: Studio) -> None:
    prompt = studio.run(prompt="(قطة:1.3) و[كلب] --no سيارة", options=AS_WRITTEN).prompt
    assert calls(studio) == ["قطة وكلب"]
    assert prompt.negative == "سيارة"
    mixed = studio.run(prompt="قطة, 4k (photo)", options=AS_WRITTEN).prompt
    assert mixed.for_painter == calls(studio)[-1]
    assert "قطة" in mixed.for_painter


def test_a_style_is_added_and_the_length_counted_anew(studio: Studio) -> None:
    studio = replace(studio, painter=FakePainter(reads_arabic=True, limit=8))
    styled = replace(AS_WRITTEN, paint=replace(AS_WRITTEN.paint, style="clay"))
    prompt = studio.run(prompt=CAT, options=styled).prompt
    clay = STYLES["clay"]
    assert prompt.for_painter == f"{clay.before} {CAT}, {clay.after}"
    assert prompt.length.tokens == len(prompt.for_painter.split()) + 2
    assert Notice.PROMPT_CUT in prompt.warnings


def test_what_cannot_be_painted_as_written_is_refused_before_any_work(
    studio: Studio, tmp_path: Path
) -> None:
    clip = replace(fake_studio(), painter=FakePainter())
    with pytest.raises(OptionError, match="reads no Arabic") as refused:
        clip.run(prompt=CAT, options=AS_WRITTEN)
    assert "لا يقرأ العربية" in refused.value.ar
    image = Image.new("RGB", (8, 8))
    french = replace(AS_WRITTEN, language="fra_Latn")
    with closing(Journal(tmp_path)) as journal:
        for given in ({"prompt": "a cat"}, {"image": image}):
            with pytest.raises(OptionError, match="Only an Arabic prompt"):
                studio.stream(options=AS_WRITTEN, **given)
            new = NewRun(client="me", options=AS_WRITTEN, **given)
            with pytest.raises(OptionError, match="Only an Arabic prompt"):
                create_run(studio, journal, new)
        assert not journal.runs("me")
    with pytest.raises(OptionError, match="Only an Arabic prompt"):
        studio.stream(prompt=CAT, options=french)
    assert calls(studio) == []


def test_a_run_is_resumed_with_the_same_text(studio: Studio, tmp_path: Path) -> None:
    options = replace(AS_WRITTEN, paint=replace(AS_WRITTEN.paint, pictures=2))
    with closing(Journal(tmp_path)) as journal:
        run = create_run(studio, journal, NewRun(client="me", prompt=CAT, options=options))
        events = execute_and_record(studio, journal, run)
        while not calls(studio):
            next(events)
        events.close()  # type: ignore[attr-defined]
        again = journal.claim("me", run.id, state="running")
        assert again.prompt is not None
        assert again.prompt.written == CAT
        list(execute_and_record(studio, journal, again))
        assert set(calls(studio)) == {CAT}


def record_of(file: str) -> Record:
    record = read_record(Path(file))
    assert record is not None
    return record


def test_the_command_paints_as_written_and_repeats_it(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("paint", CAT, "--as-written", "--style", "oil", "-n", "1", "--seed", "7")
    assert marsam(*command) == 0
    first = record_of("pictures/marsam-7.png")
    assert CAT in first.prompt
    assert (first.english, first.arabic) == (f"[eng_Latn] {CAT}", CAT)
    assert marsam("run", "--like", "pictures/marsam-7.png", "--out", "again") == 0
    assert record_of("again/marsam-7.png") == first
    assert calls(studio)[0] == calls(studio)[1]
    assert marsam("run", "--prompt", "a cat", "--as-written") == 1
    assert "Only an Arabic prompt is painted as written." in capsys.readouterr().err


def test_the_settings_of_a_picture_are_restored(studio: Studio) -> None:
    assert marsam("paint", f"{CAT} (صورة)", "--as-written", "-n", "1", "--seed", "7") == 0
    record = record_of("pictures/marsam-7.png")
    options, prompt = repeat_options(record), repeat_prompt(record, studio.painter)
    assert options.as_written
    assert (prompt.for_painter, prompt.language) == (record.prompt, "arb_Arab")
    assert prompt.in_english == record.english
    # In English again, if that is wanted.
    assert studio.prompts.as_written(prompt, False).for_painter == record.english
    again = studio.run(prompt=prompt, options=RunOptions(paint=options))
    assert again.prompt.for_painter == record.prompt


class Parts:
    """The components of a page without a server, by their names."""

    offer_download = False

    def __init__(self, cache: Path) -> None:
        self.file = gr.File(render=False)
        self.file.GRADIO_CACHE = str(cache)
        self.gallery = self.image = self.download = self.file

    def __getattr__(self, name: str) -> str:
        return name


def test_the_page_paints_arabic_prompts_as_the_box_says(studio: Studio, tmp_path: Path) -> None:
    scheduler = Scheduler(studio, Journal(tmp_path / "data"))
    request = cast(gr.Request, SimpleNamespace(session_hash="a", request=None))
    view, sessions = View(cast(Components, Parts(tmp_path)), scheduler), Sessions(scheduler)
    handlers = PaintHandlers(view, sessions, TextHandlers(view, sessions))
    try:
        for as_written, english, arabic in ((True, "", CAT), (False, "", CAT), (True, "a cat", "")):
            session = sessions.of(request)
            session.edited, session.prompt = "", None
            handlers.choose_language(as_written, request)
            shown = paint_options(1, "draft", "", as_written=as_written)
            assert shown.as_written == as_written
            settings = [1, "draft", "", "", "", "", "", "start_words", 0.6, "", as_written]
            list(handlers.paint(request, english, arabic, *settings))
            assert session.run is not None
            run = scheduler.journal.run(session.client, session.run)
            assert run.options is not None
            assert run.prompt is not None
            # What has no effect is not recorded.
            assert run.options.paint.as_written == (as_written and not english)
            assert session.prompt is not None
            assert session.texts["en"] == session.prompt.english
    finally:
        scheduler.close()
    assert calls(studio) == [CAT, f"[eng_Latn] {CAT}", "a cat"]


def test_the_page_shows_what_is_sent_with_its_translation(studio: Studio) -> None:
    html = render.sent(studio.run(prompt=CAT, options=AS_WRITTEN).prompt)
    assert f'lang="ar" class="words"><bdi>{CAT}</bdi>' in html
    assert f'lang="en" class="words"><bdi>[eng_Latn] {CAT}</bdi>' in html


def test_the_table_says_whose_text_encoders_read_arabic() -> None:
    reading = {name for name, family in FAMILIES.items() if family.reads_arabic}
    assert reading == {"Flux2KleinPipeline", "ZImagePipeline", "QwenImagePipeline"}
    for pipeline, kinds in DISTILLED.items():
        assert {kind.reads_arabic for kind in kinds.values()} == {pipeline in reading}
