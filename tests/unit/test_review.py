"""Review of a table: no correction is lost, and corrections can be exported."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from marsam import Studio
from marsam.batch import review as review_module
from marsam.batch.cache import FileInfo, ResultCache, ScannedFile
from marsam.batch.corrections import Correction, Corrections
from marsam.batch.images import MissingImage, RowImages
from marsam.batch.outputs import TABLE_WRITERS
from marsam.batch.review import Review, digest
from marsam.batch.rows import Row
from marsam.batch.strings import progress
from marsam.batch.tables import AtomicOutput, CsvWriter, read_rows
from marsam.errors import DiskFull, OptionError, PromptError
from marsam.imaging.image_io import open_picture
from marsam.review.export import export
from marsam.testing import fake_studio
from marsam.text.glossary import load_glossary
from tests.helpers.commands import marsam
from tests.helpers.folders import make_folder

CODES = ["eng_Latn", "arb_Arab"]
CAT = {"eng_Latn": "a cat on a blue background", "arb_Arab": "قطة على خلفية زرقاء"}
TOM = {"eng_Latn": "a tom cat", "arb_Arab": "قط"}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def some_rows(count: int) -> list[Row]:
    one = Row(path="", width=9, height=9, texts=CAT, models={"captioner": "b", "translator": "n"})
    return [replace(one, path=f"{n}.png", sha256=f"{n:064x}") for n in range(count)]


def write(path: Path, rows: list[Row]) -> Path:
    output = AtomicOutput(path, lambda file: TABLE_WRITERS[path.suffix](file, CODES, ()))
    for row in rows:
        output.write(row)
    output.commit()
    return path


@pytest.fixture
def table() -> Path:
    return write(Path("a.csv"), some_rows(5))


@pytest.fixture
def review(table: Path) -> Iterator[Review]:
    one = Review(table)
    yield one
    one.close()


def save(review: Review, index: int, texts: dict[str, str]) -> bool:
    return review.save(index, texts, digest(review.rows[index]))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_correction_is_written_to_the_table(suffix: str) -> None:
    rows = some_rows(5)
    rows[2] = replace(rows[2], warnings=("looping",))
    table = write(Path(f"a{suffix}"), rows)
    review = Review(table)
    assert save(review, 2, {"eng_Latn": " a tom  cat ", "arb_Arab": "قط"})
    after = list(read_rows(table))
    assert dict(after[2].texts) == TOM
    assert (after[2].reviewed, after[2].warnings) == (True, ())
    assert [*after[:2], *after[3:]] == [*rows[:2], *rows[3:]]
    assert after == review.rows
    (line,) = Path("a.corrections.jsonl").read_text(encoding="utf-8").splitlines()
    kept = json.loads(line)
    assert (kept["path"], kept["sha256"]) == ("2.png", rows[2].sha256)
    assert (kept["before"], kept["texts"], kept["state"]) == (CAT, TOM, "reviewed")
    review.close()
    assert {path.name for path in Path().iterdir()} == {f"a{suffix}", "a.corrections.jsonl"}


def test_an_edit_that_is_not_approved_yet_is_a_persons_all_the_same(review: Review) -> None:
    row = replace(review.rows[1], texts={**CAT, "eng_Latn": "a tom cat"}, edited=True)
    assert review.save(1, row.texts, digest(review.rows[1]), reviewed=False)
    assert list(read_rows(review.table))[1] == row
    # The models' words again are a draft again.
    assert review.save(1, CAT, digest(row), reviewed=False)
    assert list(read_rows(review.table))[1].state == "draft"
    assert save(review, 1, TOM)
    assert list(read_rows(review.table))[1].reviewed
    assert review.corrections.drafts(row.sha256) == CAT


def test_a_decorative_picture_gets_its_texts_back(review: Review) -> None:
    save(review, 1, TOM)
    for index, texts, state in ((0, CAT, "draft"), (1, TOM, "reviewed")):
        row = review.rows[index]
        assert review.mark_decorative(index, digest(row))
        marked = list(read_rows(review.table))[index]
        assert (marked.state, set(marked.texts.values()), marked.reviewed) == (
            "decorative",
            {""},
            True,
        )
        assert not review.mark_decorative(index, "of another page", decorative=False)
        assert review.mark_decorative(index, digest(marked), decorative=False)
        back = list(read_rows(review.table))[index]
        assert (dict(back.texts), back.state) == (texts, state)
        assert not back.decorative


def test_taking_the_approval_back_keeps_the_words(review: Review) -> None:
    save(review, 0, TOM)
    save(review, 1, CAT)
    for index, state in ((0, "edited"), (1, "draft")):
        assert review.reopen(index, digest(review.rows[index]))
        assert review.rows[index].state == state
    assert dict(review.rows[0].texts) == TOM
    assert review.mark_decorative(0, digest(review.rows[0]))
    assert review.reopen(0, digest(review.rows[0]))
    assert (dict(review.rows[0].texts), review.rows[0].state) == (TOM, "edited")


def test_a_row_is_removed_from_the_table(review: Review) -> None:
    save(review, 3, TOM)
    review.remove("1.png")
    assert [row.path for row in review.rows] == ["0.png", "2.png", "3.png", "4.png"]
    assert list(read_rows(review.table)) == review.rows
    assert save(review, 0, TOM)
    assert [row.reviewed for row in review.rows] == [True, False, True, False]


def test_a_table_grows_while_it_is_reviewed() -> None:
    table, rows = Path("new.csv"), some_rows(4)
    review = Review(table, CODES)
    assert (review.rows, review.codes) == ([], CODES)
    for row in rows[:3]:
        review.append(row)
    save(review, 1, TOM)
    review.append(rows[3])
    review.close()
    again = Review(table, CODES)
    assert [row.path for row in again.rows] == [f"{n}.png" for n in range(4)]
    assert [row.reviewed for row in again.rows] == [False, True, False, False]
    assert dict(again.rows[1].texts) == TOM
    again.close()


def test_a_later_batch_keeps_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Studio, "load", lambda *a, **k: fake_studio())
    make_folder(Path("photos"), 3)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    review = Review(Path("a.csv"))
    save(review, 1, TOM)
    review.close()
    before = Path("a.csv").read_bytes()
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert Path("a.csv").read_bytes() == before
    assert dict(list(read_rows(Path("a.csv")))[1].texts) == TOM


def test_no_correction_is_lost_in_a_crash() -> None:
    table = write(Path("a.csv"), some_rows(200))
    code = """
from pathlib import Path
from marsam.batch.review import Review, digest
review = Review(Path("a.csv"))
for index, row in enumerate(review.rows):
    texts = {"eng_Latn": f"cat {index}", "arb_Arab": f"قطة {index}"}
    assert review.save(index, texts, digest(row))
    print(index, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(7):
            process.stdout.readline()
        time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        saved = 7 + len(process.stdout.readlines())
    assert len(list(read_rows(table))) == 200  # never half a file
    review = Review(table)
    review.close()
    for rows in (review.rows, list(read_rows(table))):
        assert [row.english for row in rows[:saved]] == [f"cat {n}" for n in range(saved)]
        assert all(row.reviewed for row in rows[:saved])
        assert not any(row.reviewed for row in rows[saved + 1 :])


def test_corrections_that_did_not_reach_the_table_are_applied(
    review: Review, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(CsvWriter, "write", full)
        assert save(review, 0, TOM)  # it is in the corrections file,
        assert "No space left" in str(
            review.write_error
        )  # and the page shows why the table is not written
        assert not next(read_rows(table)).reviewed
        assert not list(Path().glob(".*.partial"))
    review.close()
    again = Review(table)
    assert dict(again.rows[0].texts) == TOM
    again.close()
    assert dict(next(read_rows(table)).texts) == TOM


def test_a_correction_on_a_full_disk_is_an_error(
    review: Review, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("marsam.batch.corrections.os.fsync", full)
        with pytest.raises(DiskFull, match=r"Cannot write a\.corrections\.jsonl"):
            save(review, 0, TOM)
    assert not review.rows[0].reviewed
    assert save(review, 0, TOM)
    assert len(Path("a.corrections.jsonl").read_bytes().splitlines()) == 1
    assert next(read_rows(table)).reviewed


def test_a_truncated_line_affects_no_other(review: Review, table: Path) -> None:
    save(review, 0, TOM)
    with Path("a.corrections.jsonl").open("ab") as file:
        file.write(b'{"path": "1.png", "sha')
    save(review, 1, TOM)
    review.close()
    Path("a.csv").unlink()
    write(Path("a.csv"), some_rows(5))
    again = Review(table)
    assert [row.reviewed for row in again.rows] == [True, True, False, False, False]
    again.close()


def test_a_large_table_is_written_after_a_delay(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_module, "SYNC_WRITE_MAX_ROWS", 3)
    monkeypatch.setattr(review_module, "MIN_WRITE_DELAY_S", 0.1)
    review = Review(table)
    save(review, 0, TOM)
    save(review, 1, TOM)
    assert not next(read_rows(table)).reviewed
    deadline = time.monotonic() + 10
    while not next(read_rows(table)).reviewed:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    monkeypatch.setattr(review_module, "MIN_WRITE_DELAY_S", 60)
    save(review, 2, TOM)
    review.close()  # which writes without the delay
    assert sum(row.reviewed for row in read_rows(table)) == 3


def test_two_tabs_do_not_overwrite_each_other(review: Review) -> None:
    expected = digest(review.rows[0])
    assert review.save(0, TOM, expected)
    assert not review.save(0, {**TOM, "arb_Arab": "هرّ"}, expected)
    assert dict(review.rows[0].texts) == TOM
    assert save(review, 0, {**TOM, "arb_Arab": "هرّ"})  # now with the current digest


def test_a_table_under_review_is_locked(
    review: Review, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("review", "a.csv") == 1
    assert capsys.readouterr().err == (
        "a.csv is being written or reviewed by another Marsam process; "
        "wait for it to finish, or stop it.\n"
    )
    save(review, 0, TOM)  # the first process is not affected
    review.close()
    Review(table).close()


def test_copies_of_an_image_are_reviewed_once() -> None:
    rows = some_rows(3)
    rows[2] = replace(rows[2], sha256=rows[0].sha256)
    review = Review(write(Path("a.csv"), rows))
    save(review, 0, TOM)
    assert [row.reviewed for row in review.rows] == [True, False, True]
    review.close()


def test_reopening_restores_the_warnings() -> None:
    rows = [replace(row, warnings=("looping",)) for row in some_rows(1)]
    table = write(Path("a.csv"), rows)
    review = Review(table)
    save(review, 0, TOM)
    save(review, 0, {**TOM, "arb_Arab": "هرّ"})
    assert review.reopen(0, digest(review.rows[0]))
    (row,) = read_rows(table)
    assert (row.reviewed, row.warnings, row.texts["arb_Arab"]) == (False, ("looping",), "هرّ")
    review.close()


def test_changes_by_other_programs_are_kept(review: Review, table: Path) -> None:
    save(review, 0, TOM)
    # A spreadsheet: another row is changed, and one is new.
    rows = list(read_rows(table))
    rows[1] = replace(rows[1], texts={**CAT, "eng_Latn": "by hand"}, reviewed=True)
    write(table, [*rows, replace(rows[4], path="new.png", sha256="f" * 64)])
    assert not review.save(1, TOM, digest(some_rows(2)[1]))  # not the row that this reviewer saw
    save(review, 2, TOM)
    after = list(read_rows(table))
    assert [row.english for row in after[:3]] == ["a tom cat", "by hand", "a tom cat"]
    assert after[5].path == "new.png"
    # A batch that started earlier writes drafts again, but corrections are applied to them.
    write(table, some_rows(5))
    review.close()
    again = Review(table)
    assert [row.reviewed for row in again.rows] == [True, False, True, False, False]
    again.close()


def test_tables_of_one_name_share_corrections(table: Path) -> None:
    """A batch writes several tables; an image is reviewed once for all."""
    other = write(Path("a.jsonl"), some_rows(5))
    review = Review(table)
    save(review, 0, {**TOM, "fra_Latn": "un matou"})  # a language without a column
    with pytest.raises(OptionError, match="reviewed by another"):
        Review(other)
    review.close()
    Review(other).close()
    wanted = {**TOM, "fra_Latn": "un matou"}
    assert dict(next(read_rows(table)).texts) == dict(next(read_rows(other)).texts) == wanted


def test_texts_must_not_be_all_empty_or_too_long(review: Review) -> None:
    for texts in ({"eng_Latn": " ", "arb_Arab": ""}, {"eng_Latn": "a" * 2001, "arb_Arab": ""}):
        with pytest.raises(PromptError):
            save(review, 0, texts)
    assert save(review, 0, {"eng_Latn": "", "arb_Arab": "قط"})
    assert dict(review.rows[0].texts) == {"eng_Latn": "", "arb_Arab": "قط"}
    assert list(read_rows(review.table)) == review.rows


def test_an_unreadable_file_has_no_texts_but_an_image_without_caption_may() -> None:
    one = replace(some_rows(1)[0], texts={})
    failed = replace(one, path="bad.png", sha256="", error="This picture is damaged.")
    hard = replace(one, path="hard.png", error="This one cannot be described.")
    table = write(Path("a.csv"), [failed, hard])
    review = Review(table)
    with pytest.raises(OptionError):
        save(review, 0, TOM)
    assert save(review, 1, TOM)
    review.close()
    first, second = read_rows(table)
    assert first == failed
    assert (second.error, second.reviewed, dict(second.texts)) == ("", True, TOM)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "File not found: none.csv."),
        (
            "a.ods",
            "x",
            "Cannot read a.ods: supported table formats are .csv, .xlsx, .jsonl and .parquet.",
        ),
        ("a.csv", "name,phone\nMona,1\n", "This table was not written by marsam batch."),
        ("a.csv", "", "a.csv has no rows. Create it with: marsam batch FOLDER --out a.csv"),
        ("a.jsonl", "", "a.jsonl has no rows. Create it with: marsam batch FOLDER --out a.jsonl"),
        ("a.jsonl", "{", "a.jsonl is damaged, or not a table of marsam batch."),
        ("a.parquet", "x", "a.parquet is damaged, or not a table of marsam batch."),
    ],
)
@pytest.mark.parametrize("more", [(), ("--export", "pairs.jsonl")])
def test_a_file_that_is_no_batch_table_is_one_sentence(
    name: str,
    content: str | None,
    message: str,
    more: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path(name).write_text(content, encoding="utf-8")
    assert marsam("review", name, *more) == 1
    assert capsys.readouterr().err == f"{message}\n"
    assert not list(Path().glob(".*"))


def test_other_machines_need_a_key(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert marsam("review", "a.csv", "--host", "0.0.0.0") == 1
    assert "Set MARSAM_KEY" in capsys.readouterr().err
    assert marsam("review", "a.csv", "--folder", "nowhere") == 1
    assert capsys.readouterr().err == "Folder not found: nowhere.\n"


def test_a_foreign_corrections_file_is_not_changed(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.corrections.jsonl").write_text('{"mine": 1}\n', encoding="utf-8")
    assert marsam("review", "a.csv") == 1
    assert "not written by marsam review" in capsys.readouterr().err
    assert Path("a.corrections.jsonl").read_text(encoding="utf-8") == '{"mine": 1}\n'


# Images.


def image_row(path: Path, folder: Path) -> Row:
    data = path.read_bytes()
    name = path.relative_to(folder).as_posix()
    return Row(path=name, sha256=hashlib.sha256(data).hexdigest(), texts=dict(CAT))


def test_images_are_found_in_the_folders_and_through_the_cache() -> None:
    photos = Path("photos")
    made = make_folder(photos, 2)
    row = image_row(made[0], photos)
    assert RowImages([Path("nowhere"), photos], None).find(row) == made[0]
    data = RowImages([photos], None).jpeg(row)
    assert data is not None
    assert open_picture(data).size == (144, 144)
    moved = Path("elsewhere.png").resolve()
    made[0].rename(moved)
    cache = ResultCache(Path("captions.db"))
    state = moved.stat()
    info, stat = FileInfo(row.sha256, 144, 144), (state.st_size, state.st_mtime_ns)
    cache.record_files([ScannedFile(path=moved, info=info, stat=stat)])
    assert RowImages([photos], cache).find(row) == moved
    assert RowImages([photos], None).find(row) is MissingImage.MISSING
    cache.close()


def test_a_changed_image_is_not_shown() -> None:
    photos = Path("photos")
    made = make_folder(photos, 1)
    row = image_row(made[0], photos)
    Image.new("RGB", (20, 20), "red").save(made[0])
    pictures = RowImages([photos], None)
    assert pictures.find(row) is MissingImage.CHANGED
    assert pictures.jpeg(row) is None


def test_a_table_cannot_make_the_page_show_other_files() -> None:
    photos = Path("photos")
    make_folder(photos, 1)
    secret = Path("secret.png")
    Image.new("RGB", (20, 20), "red").save(secret)
    words = Path("photos/words.txt")
    words.write_text("not a picture", encoding="utf-8")
    pictures = RowImages([photos], None)
    inside = image_row(secret, Path())
    for path in ("../secret.png", str(secret.resolve())):
        assert pictures.jpeg(replace(inside, path=path)) is None
    assert pictures.jpeg(image_row(words, photos)) is None
    if hasattr(os, "mkfifo"):
        os.mkfifo("photos/pipe.png")
        assert pictures.jpeg(replace(inside, path="pipe.png")) is None


def test_a_large_image_is_scaled_down() -> None:
    path = Path("large.jpg")
    Image.new("RGB", (4000, 2000)).save(path)
    data = RowImages([Path()], None).jpeg(image_row(path, Path()))
    assert data is not None
    assert open_picture(data).size == (1600, 800)


# Exports.


def test_training_pairs_come_from_reviewed_rows(review: Review, table: Path) -> None:
    save(review, 0, {**CAT, "arb_Arab": "قط"})
    save(review, 1, CAT)  # unchanged
    save(review, 2, TOM)
    review.reopen(2, digest(review.rows[2]))
    assert marsam("review", "a.csv", "--export", "pairs.jsonl") == 0
    lines = Path("pairs.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = map(json.loads, lines)
    english = CAT["eng_Latn"]
    assert first == {
        "path": "0.png",
        "sha256": f"{0:064x}",
        "texts": {"eng_Latn": english, "arb_Arab": "قط"},
        "drafts": {"arb_Arab": CAT["arb_Arab"]},
        "translations": [
            {"source": "eng_Latn", "target": "arb_Arab", "text": english, "translation": "قط"}
        ],
    }
    assert (second["texts"], second["drafts"], second["translations"]) == (CAT, {}, [])


def test_a_glossary_has_the_corrected_arabic_texts(
    review: Review, capsys: pytest.CaptureFixture[str]
) -> None:
    save(review, 0, {**CAT, "arb_Arab": "قط"})
    save(review, 1, {**CAT, "arb_Arab": "هرّ"})  # the same English: the last one counts
    save(review, 2, {**CAT, "eng_Latn": "a tom cat"})
    save(review, 3, {"eng_Latn": 'a "big"\ncat \\ = [x]', "arb_Arab": 'قط "كبير"\nجدًّا'})
    assert marsam("review", "a.csv", "--export", "g.toml", "--export", "pairs.jsonl") == 0
    assert capsys.readouterr().out == "g.toml\npairs.jsonl\n"
    terms = {term.term: term.arabic for term in load_glossary(Path("g.toml")).terms}
    assert terms == {CAT["eng_Latn"]: "هرّ", 'a "big" cat \\ = [x]': 'قط "كبير" جدًّا'}
    # A later export replaces it.
    save(review, 1, {**CAT, "arb_Arab": "سنّور"})
    assert marsam("review", "a.csv", "--export", "g.toml") == 0
    assert "سنّور" in Path("g.toml").read_text(encoding="utf-8")


@given(english=st.text(min_size=1, max_size=50), arabic=st.text(min_size=1, max_size=50))
def test_any_text_makes_a_valid_glossary(
    tmp_path_factory: pytest.TempPathFactory, english: str, arabic: str
) -> None:
    home = tmp_path_factory.mktemp("export")
    table = write(home / "a.jsonl", some_rows(1))
    review = Review(table)
    try:
        save(review, 0, {"eng_Latn": english, "arb_Arab": arabic})
        export(table, [home / "g.toml"])
    except (PromptError, OptionError):
        return  # only white space and marks
    finally:
        review.close()
    (term,) = load_glossary(home / "g.toml").terms
    assert term.arabic == " ".join(review.rows[0].texts["arb_Arab"].split())


@pytest.mark.parametrize("name", ["mine.toml", "mine.jsonl", "a.csv", "a.corrections.jsonl"])
def test_an_export_overwrites_no_foreign_file(
    review: Review, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(review, 0, TOM)
    for mine in ("mine.toml", "mine.jsonl"):
        Path(mine).write_text("[[term]]\n", encoding="utf-8")
    before = Path(name).read_bytes()
    assert marsam("review", "a.csv", "--export", name) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert Path(name).read_bytes() == before


def test_without_reviewed_rows_there_is_no_export(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("review", "a.csv", "--export", "pairs.jsonl") == 1
    assert capsys.readouterr().err == "Nothing in a.csv has been reviewed yet.\n"
    review = Review(table)
    save(review, 0, CAT)
    review.close()
    assert marsam("review", "a.csv", "--export", "g.toml") == 1
    assert "no terms" in capsys.readouterr().err
    assert not Path("g.toml").exists()


def test_corrections_are_applied_in_order(table: Path) -> None:
    """Whichever of them the table has after a crash: none, some or all."""
    texts = [CAT, TOM, {**CAT, "arb_Arab": "هرّ"}]
    corrections = Corrections(table)
    for number, (before, after) in enumerate(pairwise(texts)):
        was = "reviewed" if number else "draft"
        corrections.add(
            Correction(
                path="0.png", sha256="0" * 64, before=before, texts=after, was=was, state="reviewed"
            )
        )
    for number, words in enumerate(texts):
        row = replace(some_rows(1)[0], texts=words, reviewed=number > 0)
        assert dict(corrections.apply(row).texts) == texts[-1]


def test_reopening_removes_a_cleared_text(review: Review) -> None:
    save(review, 0, {**TOM, "arb_Arab": ""})
    assert review.reopen(0, digest(review.rows[0]))
    assert dict(review.rows[0].texts) == {"eng_Latn": "a tom cat"}
    assert list(read_rows(review.table)) == review.rows


def test_a_new_empty_column_does_not_change_a_row(review: Review, table: Path) -> None:
    """Another program adds a language: the reviewer can still save."""
    save(review, 0, TOM)
    expected = digest(review.rows[0])
    output = AtomicOutput(table, lambda file: CsvWriter(file, [*CODES, "fra_Latn"]))
    for row in review.rows:
        output.write(row)
    output.commit()
    assert review.save(0, {**TOM, "arb_Arab": "هرّ"}, expected)


# Strings of the page.


@pytest.mark.parametrize(
    ("done", "arabic"),
    [
        (0, "لم تُراجَع بعد أي صورة من 340"),
        (1, "رُوجعت صورة واحدة من 340"),
        (2, "رُوجعت صورتان من 340"),
        (5, "رُوجعت 5 صور من 340"),
        (12, "رُوجعت 12 صورة من 340"),
        (104, "رُوجعت 104 صور من 340"),
        (200, "رُوجعت 200 صورة من 340"),
    ],
)
def test_progress_is_counted_as_arabic_counts(done: int, arabic: str) -> None:
    assert progress(done, 340) == (f"{done} of 340 reviewed", arabic)
