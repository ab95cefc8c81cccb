"""The journal stores runs, and returns them to their client only."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from marsam import Painted, PaintOptions, RunOptions
from marsam.errors import JournalError, RunMissing
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.database import NEW_IN_2
from marsam.journal.journal import Journal
from marsam.journal.records import Draft, NewRun
from marsam.notices import Notice
from marsam.results import Caption, Captioned, Checked, Prompted
from marsam.testing import fake_studio
from marsam.text.fidelity import compare

PHOTO = Image.new("RGB", (40, 30), (200, 120, 40))
OPTIONS = RunOptions(paint=PaintOptions(pictures=2, seed=7))


def painted(journal: Journal, client: str, *, blocked: frozenset[int] = frozenset()) -> str:
    """A whole run of two pictures, as the page keeps it."""
    run = journal.insert(NewRun(client=client, image=PHOTO, options=OPTIONS)).id
    captions: tuple[Caption, ...] = ()
    prompt = None
    for event in fake_studio(blocked_seeds=blocked).stream(PHOTO, pictures=2, seed=7):
        match event:
            case Captioned():
                captions = event.candidates
            case Prompted():
                prompt = event.prompt
                journal.save_text(run, captions, prompt)
            case Painted():
                journal.save_picture(run, event, prompt)
            case Checked():
                journal.save_check(run, event)
    journal.finish(run, "finished")
    return run


def test_a_run_reads_back_equal_after_a_restart(tmp_path: Path) -> None:
    run = painted(Journal(tmp_path), "amal")
    (kept,) = Journal(tmp_path).runs("amal")
    assert kept.id == run
    assert kept.state == "finished"
    assert kept.options == OPTIONS
    assert [c.text for c in kept.captions] == ["a cat on a blue background"]
    assert kept.prompt is not None
    assert kept.prompt.arabic == "قطة على خلفية زرقاء"
    assert kept.image_path is not None
    assert open_picture(kept.image_path).size == PHOTO.size
    assert [p.seed for p in kept.pictures] == [7, 8]
    for picture in kept.pictures:
        assert picture.path is not None
        record = read_record(picture.path)
        assert record is not None
        assert record.seed == picture.seed
        assert picture.fidelity == compare(
            kept.prompt.english, "a cat on a blue background", arabic=lambda words: ""
        )


def test_a_warning_is_stored_with_its_caption(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    caption = Caption(text="a bald man", score=-0.5, warnings=(Notice.LOOP_COLLAPSED,))
    run = journal.insert(NewRun(client="amal", captions=(caption,))).id
    assert journal.run("amal", run).captions == (caption,)


def test_a_blocked_picture_is_listed_without_a_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    run = painted(journal, "amal", blocked=frozenset({8}))
    assert [p.path is None for p in journal.run("amal", run).pictures] == [False, True]


def test_clients_cannot_see_or_delete_each_others_runs(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    run = painted(journal, "amal")
    assert journal.runs("basim") == ()
    with pytest.raises(RunMissing):
        journal.run("basim", run)
    with pytest.raises(RunMissing):
        journal.delete("basim", run)
    assert len(journal.run("amal", run).pictures) == 2


def test_a_deleted_run_leaves_no_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    run = painted(journal, "amal")
    journal.delete("amal", run)
    assert journal.runs("amal") == ()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_picture_of_a_deleted_run_leaves_no_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    run = journal.insert(NewRun(client="amal", prompt="a cat", options=OPTIONS)).id
    event = next(e for e in fake_studio().stream(PHOTO, OPTIONS) if isinstance(e, Painted))
    journal.delete("amal", run)
    with pytest.raises(RunMissing):
        journal.save_picture(run, event, None)
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_active_run_of_a_dead_process_is_interrupted(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    run = first.insert(NewRun(client="amal", image=PHOTO)).id
    assert Journal(tmp_path).run("amal", run).state == "running"  # by another process
    first.close()
    assert Journal(tmp_path).run("amal", run).state == "interrupted"


def test_a_journal_of_the_version_before_is_brought_up_to_date(tmp_path: Path) -> None:
    run = painted(Journal(tmp_path), "amal")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'journal.db'}")
    with engine.begin() as database:
        for column in NEW_IN_2:
            table = column.table.name
            database.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column.name}"))
        database.execute(sa.text("UPDATE schema_version SET version = 1"))
    engine.dispose()
    kept = Journal(tmp_path).run("amal", run)
    assert len(kept.pictures) == 2
    assert (kept.draft, kept.random_seed) == (None, False)
    Journal(tmp_path)  # and opens once more


def test_corrected_texts_are_stored_beside_the_pictures_of_the_earlier_ones(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    prompt = fake_studio().prompts.pair("a red cat", "قطة حمراء", RunOptions())
    described = journal.insert(NewRun(client="amal", image=PHOTO)).id
    assert not journal.correct_text("amal", described, prompt)  # in progress
    journal.finish(described, "finished")
    draft = Draft(english="a red", arabic="قطة حمراء", edited="en", prompt=prompt)
    journal.save_draft("amal", described, draft)
    assert journal.run("amal", described).draft == draft
    assert not journal.correct_text("basim", described, prompt)
    assert journal.correct_text("amal", described, prompt)
    kept = journal.run("amal", described)
    assert (kept.prompt, kept.draft) == (prompt, None)
    # The words of a picture are those that it was painted from.
    run = painted(journal, "amal")
    assert not journal.correct_text("amal", run, prompt)
    journal.save_draft("basim", run, draft)
    assert journal.run("amal", run).draft is None
    journal.save_draft("amal", run, draft)
    kept = journal.run("amal", run)
    assert kept.draft == draft
    assert kept.prompt != prompt


def test_a_newer_journal_is_refused_and_not_changed(tmp_path: Path) -> None:
    Journal(tmp_path)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'journal.db'}")
    with engine.begin() as database:
        database.execute(sa.text("UPDATE schema_version SET version = 99"))
    engine.dispose()
    with pytest.raises(JournalError, match="newer Marsam"):
        Journal(tmp_path)


def test_a_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database at all" * 99)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path)
    assert (tmp_path / "journal.db").read_bytes().startswith(b"not a database")
