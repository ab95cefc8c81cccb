"""Runs are created, executed, recorded and resumed; the command line lists and exports them."""

import json
import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from marsam import PaintOptions, RunOptions, TranslateOptions
from marsam.cli.main import app
from marsam.errors import (
    Cancelled,
    DiskFull,
    JournalError,
    OptionError,
    OutOfMemory,
    PromptError,
    RunMissing,
)
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.journal.owner_lock import FileOwnerLock
from marsam.journal.records import NewRun
from marsam.options import DEFAULT_STRENGTH
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Checked, Painted, Prompted, Translation
from marsam.runs.execution import (
    RunRecorder,
    create_run,
    execute_and_record,
    execute_run,
    require_same_models,
)
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.testing import FakePainter, FakeTranslator, fake_studio

OPTIONS = RunOptions(paint=PaintOptions(pictures=4, seed=7))
NEW = NewRun(client="amal", options=OPTIONS, prompt="a cat")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The journal that the command line uses too."""
    return Journal(tmp_path / "data")


def interrupted(journal: Journal, *, after: int = 2) -> str:
    """An interrupted run that has so many pictures."""
    run = journal.insert(NEW).id
    with closing(execute_run(fake_studio(), journal, journal.run(None, run))) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Painted) and event.picture.index == after - 1:
                break
    journal.finish(run, "interrupted")
    return run


def marsam(*words: str) -> str:
    result = CliRunner().invoke(app, ["runs", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_resumed_run_paints_only_the_missing_pictures_with_the_same_pixels(
    journal: Journal,
) -> None:
    run = interrupted(journal)
    claimed = journal.claim(None, run)
    assert claimed.state == "queued"
    studio = fake_studio()
    events = list(execute_run(studio, journal, claimed))
    assert isinstance(studio.painter, FakePainter)
    assert [seed for _, seed in studio.painter.calls] == [9, 10]
    assert [e.picture.index for e in events if isinstance(e, Painted)] == [2, 3]
    journal.finish(run, "finished")
    whole = journal.insert(NEW).id
    list(execute_run(fake_studio(), journal, journal.run(None, whole)))
    for mine, theirs in zip(
        journal.run(None, run).pictures, journal.run(None, whole).pictures, strict=True
    ):
        assert mine.path is not None
        assert theirs.path is not None
        assert (mine.seed, open_picture(mine.path)) == (theirs.seed, open_picture(theirs.path))


def test_a_finished_or_active_run_cannot_be_claimed(journal: Journal) -> None:
    done = interrupted(journal)
    journal.claim(None, done)
    with pytest.raises(RunMissing, match="nothing to resume"):
        journal.claim(None, done)
    journal.finish(done, "finished")
    with pytest.raises(RunMissing):
        journal.claim(None, done)
    with pytest.raises(RunMissing):
        journal.claim("basim", interrupted(journal))


def test_a_run_ends_once(journal: Journal) -> None:
    run = journal.insert(NEW).id
    assert journal.finish(run, "stopped")
    assert not journal.finish(run, "finished")
    assert journal.run(None, run).state == "stopped"


def test_a_picture_for_a_run_that_ended_is_refused(journal: Journal) -> None:
    run = journal.insert(NEW).id
    events = execute_run(fake_studio(), journal, journal.run(None, run))
    next(event for event in events if isinstance(event, Painted))
    journal.finish(run, "stopped")
    with pytest.raises(RunMissing):
        list(events)
    assert len(journal.run(None, run).pictures) == 1


def test_a_failed_run_stores_its_error(journal: Journal) -> None:
    fakes = fake_studio()
    studio = Studio(
        captioner=fakes.captioner,
        translator=fakes.translator,
        painter=FakePainter(error=OutOfMemory("There is not enough memory.")),
    )
    with pytest.raises(OutOfMemory):
        list(execute_and_record(studio, journal, create_run(studio, journal, NEW)))
    (run,) = journal.runs("amal")
    assert run.state == "failed"
    assert run.error is not None
    assert run.error.code == "out_of_memory"
    with pytest.raises(PromptError):
        create_run(studio, journal, replace(NEW, prompt=" "))
    assert len(journal.runs("amal")) == 1


def test_options_read_back_equal(journal: Journal) -> None:
    from marsam.options import CaptionOptions, TranslateOptions
    from marsam.recipes import Recipe
    from marsam.text.glossary import Glossary, Term

    options = RunOptions(
        caption=CaptionOptions(candidates=3, prefix="a photo of"),
        translate=TranslateOptions(glossary=Glossary((Term("Marsam", arabic="مرسم"),))),
        paint=PaintOptions(pictures=3, seed=1, recipe=Recipe.DRAFT, width=64, height=128),
        language="arb_Arab",
        keep_best=2,
    )
    run = journal.insert(NewRun(client="amal", prompt="قطة", options=options)).id
    kept = journal.run(None, run)
    assert kept.options == options
    assert kept.prompt_text == "قطة"


def test_the_command_line_lists_shows_exports_and_deletes(journal: Journal, tmp_path: Path) -> None:
    run = interrupted(journal)
    assert f"{run}  " in marsam("list")
    assert "interrupted" in marsam("list")
    assert "2/4" in marsam("list")
    (row,) = json.loads(marsam("list", "--json"))["runs"]
    assert row["caption"]["en"] == "a cat"
    shown = marsam("show", run)
    assert "a cat" in shown
    assert "marsam-7.png" in shown
    out = tmp_path / "out"
    marsam("export", run, "--out", str(out))
    assert {path.name for path in out.iterdir()} == {"marsam-7.png", "marsam-8.png", "run.json"}
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["state"] == "interrupted"
    marsam("delete", run)
    assert marsam("list") == ""


def test_the_command_line_resumes_a_run(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Studio, "load", lambda *_, **__: fake_studio())
    run = interrupted(journal)
    english, arabic, *painted = marsam("resume", run).splitlines()
    assert (english, arabic) == ("a cat", "[arb_Arab] a cat")
    assert [Path(path).name for path in painted] == ["marsam-9.png", "marsam-10.png"]
    assert journal.run(None, run).state == "finished"
    assert marsam("prune", "--days", "0").strip() == "1"


def test_a_failed_resume_stores_its_error(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = replace(fake_studio(), painter=FakePainter(error=OutOfMemory("Too little memory.")))
    monkeypatch.setattr(Studio, "load", lambda *_, **__: failing)
    run = interrupted(journal)
    with pytest.raises(OutOfMemory):
        marsam("resume", run)
    assert marsam("show", run).startswith("State:   failed: Too little memory.\n")


def test_the_seconds_of_a_prompt_translation_are_stored(journal: Journal) -> None:
    class Slow(FakeTranslator):
        def translate(self, text: str, options: TranslateOptions) -> Translation:
            time.sleep(0.02)
            return super().translate(text, options)

    studio = replace(fake_studio(), translator=Slow())
    run = create_run(studio, journal, replace(NEW, prompt="قطة"))
    list(execute_and_record(studio, journal, run))
    assert journal.run(None, run.id).seconds["translate"] >= 0.02


def test_a_run_of_the_command_line_is_stored(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Studio, "load", lambda *_, **__: fake_studio())
    out = str(tmp_path / "out")
    words = ["run", "--prompt", "a cat", "-n", "2", "--out", out]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    (run,) = journal.runs(None)
    assert run.state == "finished"
    assert run.prompt_text == "a cat"
    assert len(run.pictures) == 2
    assert run.options is not None
    assert run.options.paint.seed == run.pictures[0].seed


def test_a_run_is_executed_even_if_it_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Studio, "load", lambda *_, **__: fake_studio())
    (tmp_path / "data").write_text("a file where a folder should be")
    out = tmp_path / "out"
    words = ["run", "--prompt", "a cat", "-n", "1", "--out", str(out)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "not stored" in result.output
    assert len(list(out.iterdir())) == 1


def test_a_journal_of_an_unreleased_version_is_one_sentence(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as old:
        old.executescript(
            """
            CREATE TABLE layout (version INTEGER NOT NULL);
            INSERT INTO layout VALUES (1);
            CREATE TABLE runs (id VARCHAR(32) NOT NULL PRIMARY KEY, visitor VARCHAR(64) NOT NULL);
            INSERT INTO runs VALUES ('r1', 'amal');
            """
        )
    old.close()
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(JournalError, match=r"journal\.db was written by an unreleased version"):
        Journal(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == before
    (tmp_path / "journal.db").unlink()
    for _ in range(2):  # a new journal, and the same again
        journal = Journal(tmp_path)
        assert journal.runs(None) == ()
        journal.close()


@pytest.mark.parametrize("name", ["what?now", "a%20b", "100% #1&"])
def test_a_data_folder_of_any_name_holds_its_journal(tmp_path: Path, name: str) -> None:
    journal = Journal(tmp_path / name)
    run = journal.insert(NewRun(client="amal", prompt="a cat"))
    journal.close()
    assert (tmp_path / name / "journal.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [kept.id for kept in Journal(tmp_path / name).runs("amal")] == [run.id]


def test_an_owner_lock_tells_dead_processes_from_living_ones(tmp_path: Path) -> None:
    one, other = FileOwnerLock(tmp_path), FileOwnerLock(tmp_path)
    assert other.is_alive(one.owner_id)
    assert one.is_alive(one.owner_id)
    assert not one.is_alive("unknown")
    assert not one.is_alive(None)
    name = one.owner_id
    one.close()
    assert not other.is_alive(name)


def test_partial_files_of_a_dead_process_are_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    run = journal.insert(NEW).id
    half = tmp_path / "runs" / run / ".marsam-7.png.partial"
    half.write_bytes(b"half")
    assert Journal(tmp_path).run(None, run).state == "running"
    assert half.exists()  # its process may still be writing
    journal.close()
    assert Journal(tmp_path).run(None, run).state == "interrupted"
    assert not half.exists()


def test_garbage_collection_leaves_unknown_folders_alone(tmp_path: Path) -> None:
    """Its rows may be in another database, or its database was moved away."""
    journal = Journal(tmp_path)
    run = interrupted(journal)
    journal.close()
    (tmp_path / "journal.db").unlink()
    place = tmp_path / "runs" / run
    os.utime(place, (0, 0))
    again = Journal(tmp_path)
    assert again.runs(None) == ()
    assert len(list(place.iterdir())) == 2


def test_garbage_collection_removes_folders_without_a_row(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    known = interrupted(journal)
    for run in (known, "never"):
        (tmp_path / "runs" / run).mkdir(exist_ok=True)
        mark = tmp_path / "pending" / run
        mark.touch()
        os.utime(mark, (0, 0))
    journal.interrupt_orphans()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [known]
    assert list((tmp_path / "pending").iterdir()) == []


def test_an_unchecked_picture_is_checked_when_the_run_is_resumed(journal: Journal) -> None:
    options = RunOptions(paint=PaintOptions(pictures=1, seed=7), keep_best=1)
    run = journal.insert(NewRun(client="amal", prompt="a cat", options=options)).id
    with closing(execute_run(fake_studio(), journal, journal.run(None, run))) as events:  # type: ignore[type-var]
        next(event for event in events if isinstance(event, Painted))
    journal.finish(run, "interrupted")
    assert journal.run(None, run).pictures[0].fidelity is None
    (event,) = execute_run(fake_studio(), journal, journal.claim(None, run))
    assert isinstance(event, Checked)
    assert journal.run(None, run).pictures[0].fidelity is not None


def test_a_run_is_resumed_by_the_same_models_only(journal: Journal) -> None:
    studio = fake_studio()
    run = create_run(studio, journal, NEW)
    require_same_models(journal.run(None, run.id), studio)
    other = Studio(
        captioner=studio.captioner,
        translator=studio.translator,
        painter=FakePainter(name="another-painter"),
    )
    with pytest.raises(OptionError, match="fake-painter"):
        require_same_models(journal.run(None, run.id), other)


def test_a_run_is_resumed_by_the_same_scheduler_only(journal: Journal) -> None:
    class OtherPainter(FakePainter):
        def sampling(self, recipe: Recipe) -> SamplingConfig:
            return replace(super().sampling(recipe), scheduler="LCMScheduler")

    studio = fake_studio()
    stopped = journal.run(None, interrupted(journal))
    assert stopped.pictures
    require_same_models(stopped, studio)
    with pytest.raises(OptionError, match="painted with Fake. The painter here would use LCM"):
        require_same_models(stopped, replace(studio, painter=OtherPainter()))


def test_a_run_created_from_a_finished_prompt_stores_its_models(journal: Journal) -> None:
    """As the page creates runs: with the prompt that its texts show."""
    studio = fake_studio()
    prompt = studio.run(prompt="a cat", pictures=1).prompt
    scheduler = Scheduler(studio, journal)
    run_id = scheduler.enqueue_run(replace(NEW, prompt=prompt, image=Image.new("RGB", (8, 8))))
    scheduler.wait(run_id)
    scheduler.close()
    assert journal.run("amal", run_id).models == studio.names
    other = Scheduler(replace(studio, painter=FakePainter(name="another-painter")), journal)
    with pytest.raises(OptionError, match="fake-painter"):
        other.resume("amal", run_id)
    other.close()


def test_pictures_are_added_to_a_described_run_with_the_models_that_paint_them(
    journal: Journal,
) -> None:
    first = fake_studio()
    run = create_run(first, journal, NewRun(client="amal", image=Image.new("RGB", (8, 8))))
    with RunRecorder(journal, run):
        prompt = next(e.prompt for e in execute_run(first, journal, run) if isinstance(e, Prompted))
    painter = replace(first, painter=FakePainter(name="another-painter"))
    new = replace(NEW, prompt=prompt)
    same = create_run(painter, journal, new, described=run.id)
    assert same.id == run.id
    assert same.models == painter.names
    list(execute_and_record(painter, journal, same))
    assert create_run(painter, journal, new, described=run.id).id != run.id  # it has pictures now


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (None, "finished", None),
        (Cancelled("x"), "stopped", None),
        (GeneratorExit(), "stopped", None),
        (KeyboardInterrupt(), "stopped", None),
        (OutOfMemory("x"), "failed", "out_of_memory"),
        (MemoryError(), "failed", "out_of_memory"),
        (ZeroDivisionError("x"), "failed", "marsam_error"),
    ],
    ids=repr,
)
def test_the_recorder_stores_how_a_run_ended(
    journal: Journal, error: BaseException | None, state: str, code: str | None
) -> None:
    run = create_run(fake_studio(), journal, NEW)
    with suppress(BaseException), RunRecorder(journal, run) as recorder:
        recorder.seconds["paint"] = 2.0
        if error is not None:
            raise error
    stored = journal.run(None, run.id)
    assert (stored.state, stored.error and stored.error.code) == (state, code)
    assert stored.seconds == {"paint": 2.0}


def test_an_error_is_raised_even_if_its_end_cannot_be_stored(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bool:
        raise DiskFull("The disk is full.")

    run = create_run(fake_studio(), journal, NEW)
    monkeypatch.setattr(journal, "finish", full)
    with pytest.raises(OutOfMemory), RunRecorder(journal, run):
        raise OutOfMemory("x")
    with pytest.raises(DiskFull), RunRecorder(journal, run):
        pass


def test_painting_starts_only_on_a_clients_own_run_without_pictures(journal: Journal) -> None:
    studio = fake_studio()
    prompt = studio.run(prompt="a cat", pictures=1).prompt
    paint = NewRun(client="amal", prompt=prompt, options=OPTIONS, models=studio.names)
    run = journal.insert(NewRun(client="amal", prompt="a cat")).id
    assert not journal.start_painting(run, paint)  # it is active
    journal.finish(run, "finished")
    assert not journal.start_painting(run, replace(paint, client="basim"))
    assert journal.start_painting(run, paint)
    assert journal.run(None, run).state == "running"
    assert journal.run(None, run).models == studio.names
    assert not journal.start_painting(run, paint)
    painted = interrupted(journal)
    assert not journal.start_painting(painted, paint)


def test_the_seed_of_the_last_picture_counts_too() -> None:
    PaintOptions(pictures=2, seed=2**32 - 2)
    with pytest.raises(OptionError):
        PaintOptions(pictures=2, seed=2**32 - 1)


def test_a_variation_that_was_interrupted_goes_on_from_its_picture(journal: Journal) -> None:
    photo = Image.effect_noise((90, 60), 80).convert("RGB")
    paint = PaintOptions(pictures=3, seed=7, strength=0.5)
    for prompt in (None, "a dog"):
        new = NewRun(client="amal", options=RunOptions(paint=paint), image=photo, prompt=prompt)
        whole, part = (create_run(fake_studio(), journal, new).id for _ in range(2))
        list(execute_run(fake_studio(), journal, journal.run(None, whole)))
        with closing(execute_run(fake_studio(), journal, journal.run(None, part))) as events:  # type: ignore[type-var]
            next(event for event in events if isinstance(event, Painted))
        journal.finish(part, "interrupted")
        list(execute_run(fake_studio(), journal, journal.claim(None, part)))
        theirs, mine = (journal.run(None, run).pictures for run in (whole, part))
        assert len(mine) == len(theirs) == 3
        for one, other in zip(mine, theirs, strict=True):
            assert one.path is not None
            assert other.path is not None
            assert open_picture(one.path) == open_picture(other.path)
            record, again = read_record(one.path), read_record(other.path)
            assert record is not None
            assert record == again
            assert (record.strength, len(record.start_sha256)) == (0.5, 64)


def test_a_picture_beside_a_typed_prompt_is_what_the_run_starts_from(journal: Journal) -> None:
    photo = Image.new("RGB", (30, 30), "red")
    run = create_run(fake_studio(), journal, replace(NEW, image=photo))
    assert run.options is not None
    assert run.options.paint.strength == DEFAULT_STRENGTH
    assert run.image_path is not None
    with pytest.raises(OptionError, match="needs a picture"):
        create_run(
            fake_studio(), journal, replace(NEW, options=RunOptions(paint=PaintOptions(strength=1)))
        )
