"""Batches: tables, sidecars, the cache, and the pipeline on fake models."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from PIL import Image
from pyarrow import parquet

from marsam import CaptionOptions, PaintOptions, Studio
from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.discovery import find_images
from marsam.batch.engine import CAPTION_BATCH_SIZE, LocalEngine, bisect_on_error
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.review import Review, digest
from marsam.batch.rows import Row
from marsam.batch.tables import (
    AtomicOutput,
    CsvWriter,
    JsonLinesWriter,
    ParquetWriter,
    map_write_errors,
    read_rows,
)
from marsam.errors import DiskFull, JournalError, OptionError, OutOfMemory, PictureError
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.notices import Notice
from marsam.options import BatchOptions
from marsam.recipes import recipes
from marsam.results import Caption
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator, fake_studio
from tests.helpers.commands import marsam
from tests.helpers.folders import make_folder

CAT = "a cat on a blue background"
QITTA = "قطة على خلفية زرقاء"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    steps = recipes()[PaintOptions.recipe].steps  # of a real painter
    one = replace(fake_studio(), painter=FakePainter(steps=steps))
    monkeypatch.setattr(Studio, "load", lambda *a, **k: one)
    return one


def caption_calls(studio: Studio) -> int:
    """How many images were captioned so far."""
    assert isinstance(studio.captioner, FakeCaptioner)
    return len(studio.captioner.calls)


def test_all_formats_have_the_same_rows(studio: Studio) -> None:
    make_folder(Path("photos"), 12)
    names = ("a.csv", "a.xlsx", "a.jsonl", "a.parquet", "a.html")
    assert marsam("batch", "photos", *(part for name in names for part in ("--out", name))) == 0
    rows = list(read_rows(Path("a.csv")))
    assert len(rows) == 12
    for name in names[1:4]:
        assert rows == list(read_rows(Path(name)))
    assert dict(rows[0].texts) == {"eng_Latn": CAT, "arb_Arab": QITTA}
    assert (rows[0].width, rows[0].height, rows[0].path) == (144, 144, "0/picture 0.png")
    page = Path("a.html").read_text(encoding="utf-8")
    assert page.count(f'<p lang="ar" dir="rtl">{QITTA}</p>') == 12
    assert 'src="./photos/0/picture%200.png"' in page


def test_the_table_opens_in_excel(studio: Studio) -> None:
    """With a byte order mark, or Excel misreads Arabic; and with formulas escaped."""
    folder = Path("photos")
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "=1+1.png")
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert Path("a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with Path("a.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["path"] == "'=1+1.png"
    assert next(read_rows(Path("a.csv"))).path == "=1+1.png"


def test_a_workbook_shows_texts_as_texts_and_arabic_from_right_to_left(studio: Studio) -> None:
    folder = Path("photos")
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "=1+1.png")
    assert marsam("batch", "photos", "--out", "a.xlsx") == 0
    header, row = load_workbook("a.xlsx").worksheets[0].iter_rows()
    columns = {str(cell.value): index for index, cell in enumerate(header)}
    assert (row[columns["path"]].value, row[columns["path"]].data_type) == ("=1+1.png", "s")
    assert row[columns["ar"]].value == QITTA
    assert row[columns["ar"]].alignment.readingOrder == 2
    assert row[columns["en"]].alignment.readingOrder != 2


def edit(table: Path, **changes: str) -> None:
    """Change cells of the first row as a spreadsheet does."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0].update(changes)
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def edit_lines(table: Path, **changes: str) -> None:
    first, *rest = table.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = json.dumps(json.loads(first) | changes, ensure_ascii=False) + "\n"
    table.write_text("".join((changed, *rest)), encoding="utf-8")


def edit_parquet(table: Path, **changes: str) -> None:
    rows = parquet.read_table(table).to_pylist()
    rows[0].update(changes)
    parquet.write_table(pyarrow.Table.from_pylist(rows), table)


def edit_workbook(table: Path, **changes: str) -> None:
    book = load_workbook(table)
    header, row = list(book.worksheets[0].iter_rows())[:2]
    for name, cell in zip(header, row, strict=True):
        if name.value in changes:
            cell.value = changes[str(name.value)]
    book.save(table)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a.csv", edit),
        ("a.jsonl", edit_lines),
        ("a.parquet", edit_parquet),
        ("a.xlsx", edit_workbook),
    ],
)
@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"en": "My kitten Mishmish"}, {"eng_Latn": "My kitten Mishmish", "arb_Arab": QITTA}),
        ({"ar": "قطتي مشمش"}, {"eng_Latn": CAT, "arb_Arab": "قطتي مشمش"}),
        ({"ar": ""}, {"eng_Latn": CAT, "arb_Arab": ""}),
        ({"en": "Mishmish", "state": "Draft"}, {"eng_Latn": "Mishmish", "arb_Arab": QITTA}),
    ],
)
def test_words_that_a_person_edited_in_a_table_are_never_overwritten(
    studio: Studio,
    capsys: pytest.CaptureFixture[str],
    name: str,
    change: Callable[..., None],
    changes: dict[str, str],
    kept: dict[str, str],
) -> None:
    make_folder(Path("photos"), 2)
    assert marsam("batch", "photos", "--out", name) == 0
    change(Path(name), **changes)
    for _ in range(2):
        assert marsam("batch", "photos", "--out", name) == 0
        assert "wrote or approved, and that were kept: 1." in capsys.readouterr().err
        edited, other = read_rows(Path(name))
        assert (dict(edited.texts), edited.reviewed) == (kept, True)
        assert (dict(other.texts), other.reviewed) == ({"eng_Latn": CAT, "arb_Arab": QITTA}, False)


@pytest.mark.parametrize(
    ("state", "reviewed"),
    [
        *((state, True) for state in ("Reviewed", " REVIEWED ", "مراجَع", "تمت المراجعة", "done")),
        *((state, False) for state in ("draft", "DRAFT", "", "مسودة", "Edited", "معدّل")),
    ],
)
def test_the_state_is_read_in_any_case_and_in_arabic(
    studio: Studio, state: str, reviewed: bool
) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    edit(Path("a.csv"), state=state)
    assert next(read_rows(Path("a.csv"))).reviewed is reviewed


def test_words_that_are_not_approved_yet_are_kept_by_the_next_batch(
    studio: Studio, capsys: pytest.CaptureFixture[str], exiftool: str
) -> None:
    path, _ = make_folder(Path("photos"), 2)
    outs = ("--out", "a.csv", "--out", "a.html")
    assert marsam("batch", "photos", *outs) == 0
    review = Review(Path("a.csv"))
    texts = {**review.rows[0].texts, "eng_Latn": "a tom cat"}
    assert review.save(0, texts, digest(review.rows[0]), reviewed=False)
    review.close()
    Path("a.corrections.jsonl").unlink()  # the table alone says it, too
    for _ in range(2):
        capsys.readouterr()
        assert marsam("batch", "photos", *outs, "--sidecar", "txt", "--embed", "copies") == 0
        assert "wrote or approved, and that were kept: 1." in capsys.readouterr().err
        rows = list(read_rows(Path("a.csv")))
        assert [(row.english, row.state) for row in rows] == [
            ("a tom cat", "edited"),
            (CAT, "draft"),
        ]
        sheet = Path("a.html").read_text(encoding="utf-8")
        assert "a tom cat" in sheet
        assert "Edited, not reviewed</span>" in sheet
        assert "Not reviewed</span>" in sheet
        assert (
            path.with_name(f"{path.name}.txt").read_text(encoding="utf-8").startswith("a tom cat")
        )
    # The copy's text is a person's: a captioner does not write it again.
    assert (
        open_picture(Path("copies") / path.relative_to("photos")).info["alt_texts"]["eng_Latn"]
        == "a tom cat"
    )


def test_a_decorative_picture_has_an_empty_alt_text_everywhere(studio: Studio) -> None:
    path, _ = make_folder(Path("photos"), 2)
    outs = ("--out", "a.csv", "--out", "a.xlsx", "--out", "a.html")
    assert marsam("batch", "photos", *outs) == 0
    review = Review(Path("a.csv"))
    assert review.mark_decorative(0, digest(review.rows[0]))
    review.close()
    for _ in range(2):
        command = ("batch", "photos", *outs, "--to", "ar", "--to", "fr", "-n", "1")
        assert marsam(*command, "--sidecar", "xmp") == 0
        for name in ("a.csv", "a.xlsx"):
            row, other = read_rows(Path(name))
            assert (row.state, set(row.texts.values()), row.pictures) == ("decorative", {""}, ())
            assert row.reviewed
            assert other.texts["fra_Latn"]
        sheet = Path("a.html").read_text(encoding="utf-8")
        assert f'aria-label="{path.relative_to("photos").as_posix()}"' in sheet
        assert 'alt="" lang="en"' in sheet
        assert "screen readers skip it" in sheet
        packet = path.with_name(f"{path.name}.xmp").read_text(encoding="utf-8")
        assert "<marsam:decorative>True</marsam:decorative>" in packet
        assert CAT not in packet
    # It is no training data.
    assert marsam("review", "a.csv", "--export", "pairs.jsonl") == 1


def test_a_spreadsheet_can_mark_a_picture_as_decorative(studio: Studio) -> None:
    make_folder(Path("photos"), 2)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    edit(Path("a.csv"), state="للزينة")
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    row, _ = read_rows(Path("a.csv"))
    assert (row.state, set(row.texts.values())) == ("decorative", {""})
    # Words that a person wrote win over the mark.
    edit(Path("a.csv"), state="decorative", en="my own words")
    row, _ = read_rows(Path("a.csv"))
    assert (row.state, row.english) == ("reviewed", "my own words")


def test_a_table_of_an_earlier_version_has_no_checksums(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.jsonl") == 0
    row = json.loads(Path("a.jsonl").read_text(encoding="utf-8"))
    del row["checksum"]
    Path("a.jsonl").write_text(json.dumps(row) + "\n")
    assert not next(read_rows(Path("a.jsonl"))).reviewed


@pytest.mark.parametrize(
    ("encoding", "separator", "first_line"),
    [
        ("utf-8-sig", ";", ""),
        ("utf-8", "\t", ""),
        ("utf-16", "\t", ""),
        ("cp1256", ";", ""),
        ("cp1256", ",", ""),
        ("utf-8-sig", ";", "sep=;\r\n"),
    ],
)
def test_tables_come_back_from_spreadsheets(
    studio: Studio, encoding: str, separator: str, first_line: str
) -> None:
    make_folder(Path("photos"), 3)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    with Path("a.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["ar"] = "قطتي مشمش، وهي جميلة"
    with Path("a.csv").open("w", encoding=encoding, newline="") as file:
        file.write(first_line)
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    first, *others = read_rows(Path("a.csv"))
    assert (first.reviewed, first.texts["arb_Arab"]) == (True, "قطتي مشمش، وهي جميلة")
    assert not any(row.reviewed for row in others)


def test_european_letters_come_back_from_a_spreadsheet(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr") == 0
    edit(Path("a.csv"), fr="Un château à l'été")
    text = Path("a.csv").read_text(encoding="utf-8-sig")
    Path("a.csv").write_bytes(text.encode("cp1252"))
    assert next(read_rows(Path("a.csv"))).texts["fra_Latn"] == "Un château à l'été"


def test_a_table_saved_without_its_arabic_letters_is_refused(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    saved = Path("a.csv").read_text(encoding="utf-8-sig").encode("cp1252", errors="replace")
    Path("a.csv").write_bytes(saved)
    assert marsam("batch", "photos", "--out", "a.csv") == 1
    assert "saved without its Arabic letters" in capsys.readouterr().err
    assert Path("a.csv").read_bytes() == saved


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_tables_round_trip_any_text(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    home = tmp_path_factory.mktemp("tables")
    rows = [
        Row(path="a.png", sha256="0" * 64, width=1, height=1, texts={"eng_Latn": text})
        for text in texts
    ]
    for suffix, kind in (
        (".csv", CsvWriter),
        (".jsonl", JsonLinesWriter),
        (".parquet", ParquetWriter),
    ):
        writer = kind(home / f"a{suffix}", ["eng_Latn"])
        for row in rows:
            writer.write(row)
        writer.close()
        # Every character survives in every format.
        assert [dict(row.texts) for row in read_rows(home / f"a{suffix}")] == [
            dict(row.texts) for row in rows
        ]


def test_bad_files_are_rows_with_an_error(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 20, bad=0.2)
    assert marsam("batch", "photos", "--out", "a.csv", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["pictures"], report["described"], report["failed"]) == (20, 16, 4)
    rows = list(read_rows(Path("a.csv")))
    failed = [row for row in rows if row.error]
    assert len(failed) == 4
    assert {row.error for row in failed} <= {
        "Not a supported image: use JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP.",
        "This is a text file, not a picture.",
        "The file is empty; copy or download it again.",
        "The image is damaged or incomplete.",
    }
    assert all(not row.texts for row in failed)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_unicode_is_a_row_with_an_error(studio: Studio) -> None:
    (path,) = make_folder(Path("photos"), 1)
    os.link(path, b"photos/\xff.png")
    names = ("a.csv", "a.xlsx", "a.jsonl", "a.parquet", "a.html")
    assert marsam("batch", "photos", *(part for name in names for part in ("--out", name))) == 1
    errors = [(row.path, row.error) for row in read_rows(Path("a.csv"))]
    assert errors == [
        ("\\xff.png", "The name of this file is not valid Unicode; rename the file."),
        ("0/picture 0.png", ""),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_not_unicode_has_a_contact_sheet(studio: Studio) -> None:
    folder = Path(os.fsdecode(b"photos \xff"))
    make_folder(folder, 1)
    assert marsam("batch", str(folder), "--out", "a.csv", "--out", "a.html") == 1
    (row,) = read_rows(Path("a.csv"))
    assert row.error == "The name of this file is not valid Unicode; rename the file."
    assert "<title>photos \\xff</title>" in Path("a.html").read_text(encoding="utf-8")


def test_a_broken_link_is_a_row_with_an_error(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    Path("photos/loop.png").symlink_to("loop.png")
    assert marsam("batch", "photos", "--out", "a.csv", "--out", "a.html") == 1
    errors = [(row.path, row.error) for row in read_rows(Path("a.csv"))]
    assert errors == [
        ("loop.png", "Cannot read loop.png: Too many levels of symbolic links."),
        ("0/picture 0.png", ""),
    ]


def test_a_folder_that_cannot_be_read_is_an_error(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_folder(Path("photos"), 2)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    before, scan = Path("a.csv").read_bytes(), os.scandir

    def unreadable(path: str) -> Any:
        if Path(path) == made[1].parent:
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", unreadable)
    capsys.readouterr()
    assert marsam("batch", "photos", "--out", "a.csv") == 1
    message = f"Cannot read {made[1].parent}: Permission denied.\n"
    assert capsys.readouterr().err == message
    assert Path("a.csv").read_bytes() == before


def test_a_cluster_batch_does_not_paint(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "-n", "1", "--cluster", "local") == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert "without --cluster" in message


def test_no_image_is_captioned_twice(studio: Studio) -> None:
    made = make_folder(Path("photos"), 10)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    first = Path("a.csv").read_bytes()
    assert caption_calls(studio) == 10
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert caption_calls(studio) == 10
    assert Path("a.csv").read_bytes() == first
    # Moved, copied, or with another language: the cache knows the image by its checksum.
    made[0].rename("photos/moved.png")
    Path("photos/copy.png").write_bytes(made[1].read_bytes())
    assert marsam("batch", "photos", "--out", "b.csv", "--to", "ar", "--to", "fr") == 0
    assert caption_calls(studio) == 10
    assert {row.texts["fra_Latn"] for row in read_rows(Path("b.csv"))} == {f"[fra_Latn] {CAT}"}


def test_a_changed_image_is_captioned_again(studio: Studio) -> None:
    made = make_folder(Path("photos"), 3)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    Image.new("RGB", (50, 40), "red").save(made[1])
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert caption_calls(studio) == 4
    assert [row.width for row in read_rows(Path("a.csv"))] == [144, 50, 144]


def test_copies_of_an_image_are_captioned_once(studio: Studio) -> None:
    made = make_folder(Path("photos"), 1)
    for number in range(5):
        Path(f"photos/{number}.png").write_bytes(made[0].read_bytes())
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert caption_calls(studio) == 1
    assert len(list(read_rows(Path("a.csv")))) == 6


def test_reviewed_texts_are_kept(studio: Studio) -> None:
    make_folder(Path("photos"), 4)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    rows = list(read_rows(Path("a.csv")))
    better = replace(rows[2], texts={"eng_Latn": "a tom cat", "arb_Arab": "قط"}, reviewed=True)
    _write(Path("a.csv"), [*rows[:2], better, rows[3]], ["eng_Latn", "arb_Arab"])
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr") == 0
    again = list(read_rows(Path("a.csv")))
    # The new language is translated from the reviewed English text; the Arabic text is kept.
    assert dict(again[2].texts) == {
        "eng_Latn": "a tom cat",
        "arb_Arab": "قط",
        "fra_Latn": "[fra_Latn] a tom cat",
    }
    assert [row.reviewed for row in again] == [False, False, True, False]


def test_reviewed_texts_are_kept_where_a_language_cannot_be_added(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    (row,) = read_rows(Path("a.csv"))
    words = {"eng_Latn": "a tom cat", "arb_Arab": "قط"}
    _write(Path("a.csv"), [replace(row, texts=words, reviewed=True)], list(words))
    assert isinstance(studio.translator, FakeTranslator)
    studio.translator.error = OutOfMemory("There is not enough memory.")
    marsam("batch", "photos", "--out", "a.csv", "--to", "fr")
    (again,) = read_rows(Path("a.csv"))
    assert (dict(again.texts), again.state) == ({**words, "fra_Latn": ""}, "reviewed")


def test_a_failed_translation_is_not_mistaken_for_a_cleared_text(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    _correct(Path("a.csv"), "a tom cat")
    assert isinstance(studio.translator, FakeTranslator)
    studio.translator.error = OutOfMemory("There is not enough memory.")
    marsam("batch", "photos", "--out", "a.csv", "--to", "fr")
    studio.translator.error = None
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr") == 0
    (row,) = read_rows(Path("a.csv"))
    assert row.texts["fra_Latn"] == "[fra_Latn] a tom cat"


@pytest.mark.parametrize("where", ["page", "spreadsheet"])
def test_a_text_that_a_reviewer_cleared_stays_empty(studio: Studio, where: str) -> None:
    (path,) = make_folder(Path("photos"), 1)
    names = ("a.csv", "a.jsonl", "a.parquet")
    outs = [part for name in (*names, "a.html") for part in ("--out", name)]
    assert marsam("batch", "photos", *outs) == 0
    if where == "page":
        _correct(Path("a.csv"), "a tom cat", arabic="")
    else:
        (row,) = read_rows(Path("a.csv"))
        read = replace(row, texts={"eng_Latn": "a tom cat"}, reviewed=True)
        _write(Path("a.csv"), [read], ["eng_Latn", "arb_Arab"])
    # A batch without this language keeps its column.
    for to in ("ar", "fr", "ar"):
        assert marsam("batch", "photos", *outs, "--to", to, "--sidecar", "txt") == 0
        for name in names:
            (row,) = read_rows(Path(name))
            assert (row.reviewed, row.texts["arb_Arab"]) == (True, "")
    assert QITTA not in Path("a.html").read_text(encoding="utf-8")
    sidecar = path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")
    assert sidecar == "a tom cat\n[fra_Latn] a tom cat\n"
    assert marsam("review", "a.csv", "--export", "pairs.jsonl") == 0
    exported = json.loads(Path("pairs.jsonl").read_text(encoding="utf-8"))
    assert exported["texts"] == {"eng_Latn": "a tom cat", "fra_Latn": "[fra_Latn] a tom cat"}


def test_a_cluster_starts_no_actors_for_a_text_that_a_reviewer_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from marsam.cluster import Plan
    from marsam.cluster.batch_engine import ClusterEngine

    (path,) = make_folder(Path("photos"), 1)
    here = pipeline(FakeCaptioner())
    (row,) = here.rows([path])
    read = replace(row, texts={"eng_Latn": "a tom cat", "arb_Arab": ""}, reviewed=True)
    context = replace(here.context, kept={row.sha256: read})
    monkeypatch.setitem(sys.modules, "marsam.cluster.ray_data", None)
    engine = ClusterEngine(plan=Plan(studio="marsam.testing:fake_studio"), context=context)
    assert list(replace(here, engine=engine, context=context).rows([path])) == [read]


@pytest.mark.parametrize("names", [("c.csv", "c.jsonl"), ("c.csv", "d.jsonl")])
def test_the_latest_correction_counts_whichever_table_it_was_made_in(
    studio: Studio, names: tuple[str, str]
) -> None:
    make_folder(Path("photos"), 1)
    tables = [Path(name) for name in names]
    command = ("batch", "photos", *(part for name in names for part in ("--out", name)))

    def current() -> list[tuple[str, str]]:
        assert marsam(*command) == 0
        return [(row.english, row.state) for table in tables for row in read_rows(table)]

    current()
    for number, english in enumerate(("first", "second", "third", "fourth")):
        _correct(tables[number % 2 if number > 1 else 0], english)
        assert current() == [(english, "reviewed")] * 2
    # A spreadsheet writes no corrections: the table that was modified last counts.
    (row,) = read_rows(tables[0])
    _write(tables[0], [replace(row, texts={**row.texts, "eng_Latn": "fifth"})], list(row.texts))
    later = tables[1].stat().st_mtime_ns + 1_000_000_000
    os.utime(tables[0], ns=(later, later))
    assert current() == [("fifth", "reviewed")] * 2
    review = Review(tables[0])
    assert review.reopen(0, digest(review.rows[0]))
    review.close()
    assert current() == [("fifth", "edited")] * 2  # still a person's words


def test_a_correction_that_did_not_reach_its_table_is_kept(studio: Studio) -> None:
    """As after a crash of the review."""
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    before = Path("a.csv").read_bytes()
    _correct(Path("a.csv"), "a tom cat")
    Path("a.csv").write_bytes(before)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert [row.english for row in read_rows(Path("a.csv"))] == ["a tom cat"]


def _correct(table: Path, english: str, arabic: str = "قط") -> None:
    """Correct the first row of a table as the page does."""
    review = Review(table)
    texts = {**review.rows[0].texts, "eng_Latn": english, "arb_Arab": arabic}
    assert review.save(0, texts, digest(review.rows[0]))
    review.close()


def test_an_empty_column_of_the_user_is_ignored(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    text = Path("a.csv").read_text(encoding="utf-8").replace(",draft", ",reviewed")
    head, *rest = text.rstrip().split("\n")
    wider = [f"{head.rstrip()},notes,", *(f"{line.rstrip()},," for line in rest)]
    Path("a.csv").write_text("\r\n".join(wider) + "\r\n", encoding="utf-8")
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    (row,) = read_rows(Path("a.csv"))
    assert (row.state, row.english) == ("reviewed", CAT)


def _write(path: Path, rows: Sequence[Row], codes: Sequence[str]) -> None:
    output = AtomicOutput(path, lambda file: CsvWriter(file, codes))
    for row in rows:
        output.write(row)
    output.commit()


@pytest.mark.parametrize("name", ["taken.csv", "taken.jsonl", "taken.parquet", "taken.html"])
def test_a_foreign_file_is_not_overwritten(
    studio: Studio, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    Path(name).write_text("name,phone\nMona,1\n", encoding="utf-8")
    assert marsam("batch", "photos", "--out", name) == 1
    assert "choose another name" in capsys.readouterr().err
    assert Path(name).read_text(encoding="utf-8") == "name,phone\nMona,1\n"
    assert caption_calls(studio) == 0


def test_mistakes_are_one_sentence(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(Path("photos"), 1)
    for wrong in (("nowhere", "a.csv"), ("photos", "a.ods"), ("photos/0/picture 0.png", "a.csv")):
        assert marsam("batch", wrong[0], "--out", wrong[1]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path("a.csv").exists()


def test_sidecars_contain_the_texts(studio: Studio) -> None:
    (path,) = make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "txt") == 0
    text = path.with_name(f"{path.name}.txt")
    assert text.read_text(encoding="utf-8") == f"{CAT}\n{QITTA}\n"
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "xmp") == 0
    xmp = path.with_name(f"{path.name}.xmp")
    items = ElementTree.fromstring(xmp.read_text(encoding="utf-8")).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
    )
    assert [li.text for li in items] == [CAT, CAT, QITTA] * 2
    # Marsam's own sidecar is updated; a foreign one is not changed.
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr", "--sidecar", "txt") == 0
    assert text.read_text(encoding="utf-8") == f"{CAT}\n[fra_Latn] {CAT}\n"
    xmp.write_text("edited in another program", encoding="utf-8")
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "xmp") == 0
    assert xmp.read_text(encoding="utf-8") == "edited in another program"


def test_a_caption_outside_of_the_models_world_is_not_offered_as_alt_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captioner = FakeCaptioner(warnings=(Notice.OUT_OF_WORLD,))
    studio = replace(fake_studio(), captioner=captioner)
    monkeypatch.setattr(Studio, "load", lambda *a, **k: studio)
    (path,) = make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "xmp") == 0
    (row,) = read_rows(Path("a.csv"))
    assert row.warnings == ("out_of_world",)
    xmp = path.with_name(f"{path.name}.xmp").read_text(encoding="utf-8")
    assert CAT in xmp
    assert "<marsam:warnings>out_of_world</marsam:warnings>" in xmp
    assert "AltText" not in xmp
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "txt") == 0
    text = path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")
    assert Notice.OUT_OF_WORLD.en in text
    assert Notice.OUT_OF_WORLD.ar in text


def test_a_sidecar_that_cannot_be_written_does_not_stop_the_batch(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_folder(Path("photos"), 3)
    write = Path.write_bytes

    def locked(self: Path, data: bytes) -> int:
        if self.parent == made[1].parent:
            raise OSError(30, "Read-only file system")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", locked)
    command = ("batch", "photos", "--out", "a.csv", "--sidecar", "txt")
    assert marsam(*command) == 1
    messages = capsys.readouterr().err.splitlines()
    sidecars = [path.with_name(f"{path.name}.txt") for path in made]
    assert messages[0] == f"Cannot write {sidecars[1]}: Read-only file system."
    assert messages[-1] == "Sidecars or copies that could not be written: 1."
    assert [path.exists() for path in sidecars] == [True, False, True]
    assert [row.error for row in read_rows(Path("a.csv"))] == [""] * 3
    assert marsam(*command, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["failed"], report["sidecars_failed"]) == (0, 1)


def test_sidecars_are_named_by_a_pattern(studio: Studio) -> None:
    (path,) = make_folder(Path("photos"), 1)
    command = ("batch", "photos", "--out", "a.csv", "--sidecar")
    assert marsam(*command, "{stem}.txt", "--sidecar-language", "en") == 0
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == f"{CAT}\n"
    assert marsam(*command, "{stem}.xmp") == 0
    assert QITTA in path.with_suffix(".xmp").read_text(encoding="utf-8")
    assert marsam(*command, "{stem}.{language}.txt") == 0
    for tag, text in (("en", CAT), ("ar", QITTA)):
        assert path.with_suffix(f".{tag}.txt").read_text(encoding="utf-8") == f"{text}\n"


@pytest.mark.parametrize(
    "pattern",
    ["photo.txt", "{stem}.csv", "../{stem}.txt", "{stem}/a.txt", "{nope}.txt", "{name", "{0}.txt"],
)
def test_a_pattern_of_sidecars_names_the_image(
    studio: Studio, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", pattern) == 1
    assert capsys.readouterr().err.startswith("--sidecar is txt, xmp or a file name such as")


def test_two_images_do_not_share_a_sidecar(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = make_folder(Path("photos"), 1)
    Image.effect_noise((90, 90), 80).save(path.with_suffix(".gif"))
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "{stem}.txt") == 1
    said = capsys.readouterr().err
    assert "would belong to picture 0.gif and picture 0.png" in said
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == f"{CAT}\n{QITTA}\n"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif"])
def test_copies_carry_the_texts_and_keep_all_else(
    studio: Studio, suffix: str, exiftool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("photos/deep/صورة" + suffix)
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    image = Image.effect_noise((90, 60), 80).convert("RGB")
    options: dict[str, Any] = {} if suffix == ".gif" else {"exif": exif}
    image.save(path, **options)
    before = path.read_bytes()
    command = ["batch", "photos", "--out", "a.csv", "--embed", "photos/copies"]
    subprocess.run(
        [exiftool, "-q", "-overwrite_original", "-XMP-dc:Description-de=Katze", str(path)],
        check=True,
    )
    before = path.read_bytes()
    for _ in range(2):  # the copies are no images of the folder, and are written again
        assert marsam(*command) == 0
        assert "Captioned 1 of 1" in capsys.readouterr().err
    assert path.read_bytes() == before
    copy = Path("photos/copies/deep", path.name)
    assert open_picture(copy).tobytes() == open_picture(path).tobytes()
    done = subprocess.run([exiftool, "-j", "-G1", str(copy)], capture_output=True, check=True)
    (found,) = json.loads(done.stdout)
    for name in ("XMP-dc:Description", "XMP-iptcCore:AltTextAccessibility"):
        assert (found[name], found[f"{name}-en"], found[f"{name}-ar"]) == (CAT, CAT, QITTA)
    assert suffix == ".gif" or found["IFD0:Make"] == "A camera"
    assert found["XMP-dc:Description-de"] == "Katze"
    assert "alt_texts" not in open_picture(copy).info  # a model wrote it, no person
    edit = [exiftool, "-q", "-overwrite_original", "-XMP-iptcCore:AltTextAccessibility-en=Mine"]
    subprocess.run([*edit, str(copy)], check=True)
    kept = open_picture(copy).info.get("alt_texts", {})
    assert suffix == ".gif" or kept["eng_Latn"] == "Mine"  # Pillow reads no XMP of a GIF
    copy.write_bytes(before)  # by a person
    assert marsam(*command) == 0
    assert "Sidecars or copies kept that another program wrote: 1." in capsys.readouterr().err
    assert copy.read_bytes() == before


def test_a_language_that_no_text_has_is_no_sidecar(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    command = ["batch", "photos", "--out", "a.csv", "--sidecar", "txt", "--sidecar-language", "fr"]
    assert marsam(*command) == 1
    assert "add it with --to" in capsys.readouterr().err


def test_copies_never_replace_the_images(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--embed", "photos/.") == 1
    assert "Choose another folder" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "")
    assert marsam("batch", "photos", "--out", "a.csv", "--embed", "copies") == 1
    assert capsys.readouterr().err == "--embed needs ExifTool; install it from exiftool.org.\n"


def test_an_alt_text_that_an_image_carries_is_kept(
    studio: Studio, exiftool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both, english, arabic, plain = make_folder(Path("photos"), 4)
    tag = "-XMP-iptcCore:AltTextAccessibility"
    for path, *texts in (
        (both, f"{tag}-en=Mishmish", f"{tag}-ar=مشمش"),
        (english, f"{tag}={CAT}, Mishmish"),
        (arabic, f"{tag}-ar=قطتي مشمش"),
    ):
        command = [exiftool, "-q", "-overwrite_original", *texts, str(path)]
        subprocess.run(command, check=True)
    for _ in range(2):  # the second time from the cache
        assert marsam("batch", "photos", "--out", "a.csv") == 0
        rows = {Path("photos", row.path): row for row in read_rows(Path("a.csv"))}
        found = {path: (row.english, row.texts["arb_Arab"]) for path, row in rows.items()}
        assert found == {
            both: ("Mishmish", "مشمش"),
            english: (f"{CAT}, Mishmish", f"[arb_Arab] {CAT}, Mishmish"),
            arabic: (CAT, "قطتي مشمش"),
            plain: (CAT, QITTA),
        }
        assert [rows[path].reviewed for path in (both, english, arabic, plain)] == [
            *(True, False, False, False)
        ]
        assert rows[english].warnings == ("alt_text_kept",)
        assert (rows[english].models["captioner"], rows[plain].warnings) == ("", ())
        said = capsys.readouterr().err
        assert "Pictures whose texts a person wrote or approved, and that were kept: 3." in said


@pytest.mark.parametrize(("letters", "fits"), [(244, True), (248, False)])
def test_an_image_may_have_a_long_name(studio: Studio, letters: int, fits: bool) -> None:
    (path,) = make_folder(Path("photos"), 1)
    path = path.rename(path.with_name(f"{'a' * letters}.png"))
    status = marsam("batch", "photos", "--out", "a.csv", "--sidecar", "txt")
    assert status == (0 if fits else 1)
    assert [row.english for row in read_rows(Path("a.csv"))] == [CAT]
    assert len(list(path.parent.iterdir())) == (2 if fits else 1)


def test_exiftool_reads_the_sidecar(studio: Studio, exiftool: str) -> None:
    (path,) = make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv", "--sidecar", "xmp") == 0
    command = [exiftool, "-j", "-XMP-iptcCore:AltTextAccessibility-ar", f"{path}.xmp"]
    (tags,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert tags["AltTextAccessibility-ar"] == QITTA


def test_new_pictures_are_painted_once(studio: Studio) -> None:
    make_folder(Path("photos"), 2)
    options = ("batch", "photos", "--out", "photos/a.jsonl", "-n", "3")
    assert marsam(*options) == 0
    rows = list(read_rows(Path("photos/a.jsonl")))
    painted = [Path("photos") / name for row in rows for name in row.pictures]
    assert len(painted) == len(set(painted)) == 6
    before = {path: path.stat().st_mtime_ns for path in painted}
    pixels = open_picture(painted[0]).tobytes()
    painted[0].unlink()  # as if it had been killed before
    assert marsam(*options) == 0
    assert list(read_rows(Path("photos/a.jsonl"))) == rows
    assert open_picture(painted[0]).tobytes() == pixels
    assert all(path.stat().st_mtime_ns == before[path] for path in painted[1:])
    record = read_record(painted[0])
    assert record is not None
    assert (record.english, record.arabic) == (CAT, QITTA)


def test_new_pictures_with_other_options_are_other_pictures(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    command = ["batch", "photos", "--out", "a.csv", "-n", "1"]
    options = ["--steps", "3", "--size", "64x64", "--guidance", "5", "--negative", "(blurry:1.2)"]
    assert marsam(*command, *options) == 0
    (path,) = Path("a-pictures").iterdir()
    record = read_record(path)
    assert record is not None
    assert (record.steps, record.guidance_scale) == (3, 5.0)
    assert record.negative_prompt == "(blurry:1.2)"
    first = path.stat().st_mtime_ns
    assert marsam(*command, *options) == 0
    assert path.stat().st_mtime_ns == first
    for fewer in (options[:-2], options[2:], []):
        assert marsam(*command, *fewer) == 0
        (row,) = read_rows(Path("a.csv"))
        (shown,) = row.pictures
        again = read_record(Path(shown))
        assert again is not None
        assert (again.steps, again.negative_prompt) != (3, "(blurry:1.2)")
    assert len(list(Path("a-pictures").iterdir())) == 4
    capsys.readouterr()
    assert marsam(*command[:-2], "--steps", "3") == 1
    assert capsys.readouterr().err == (
        "These options are for new pictures; ask for them with -n.\n"
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["batch", "photos", "--out", "nodir/a.csv"], "/nodir."),
        (["batch", "photos", "--out", "nodir/a.html"], "/nodir."),
        (["batch", "nowhere", "--out", "a.csv"], "Folder not found: nowhere."),
        (
            ["batch", "photos/0/picture 0.png", "--out", "a.csv"],
            "photos/0/picture 0.png is a file. To caption single pictures, use: "
            "marsam caption 'photos/0/picture 0.png'",
        ),
        (["paint", "a cat", "--out", "nodir/new"], "Folder not found: nodir."),
        (
            ["paint", "a cat", "--out", "cat.png"],
            "--out names a folder, and cat.png is the name of a picture.",
        ),
    ],
)
def test_a_mistyped_path_makes_no_folder(
    studio: Studio, command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 1)
    assert marsam(*command) == 1
    assert capsys.readouterr().err.endswith(f"{said}\n")
    assert not any(Path(name).exists() for name in ("nodir", "nowhere", "cat.png"))


def test_a_contact_sheet_in_another_folder_shows_the_new_pictures(studio: Studio) -> None:
    make_folder(Path("photos"), 1)
    Path("data").mkdir()
    Path("web").mkdir()
    assert marsam("batch", "photos", "--out", "data/c.csv", "--out", "web/c.html", "-n", "1") == 0
    page = Path("web/c.html").read_text(encoding="utf-8")
    shown = [Path("web", unquote(one)) for one in re.findall('<img src="([^"]+)"', page)]
    assert len(shown) == 2
    assert all(path.is_file() for path in shown)


def test_new_pictures_are_not_captioned_however_the_folder_is_named(studio: Studio) -> None:
    make_folder(Path("photos"), 2)
    Path("link").symlink_to("photos")
    for folder in ("photos", str(Path("photos").absolute()), "link"):
        assert marsam("batch", folder, "--out", "photos/a.jsonl", "-n", "2") == 0
        assert len(list(read_rows(Path("photos/a.jsonl")))) == 2


@dataclass
class FailingCaptioner(FakeCaptioner):
    """Fails for batches above ``max_batch_size``, and for images ``bad_width`` pixels wide."""

    max_batch_size: int = 100
    bad_width: int = 0
    batch_sizes: list[int] = field(default_factory=list)

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        self.batch_sizes.append(len(images))
        if len(images) > self.max_batch_size:
            raise OutOfMemory("There is not enough memory.")
        if any(image.width == self.bad_width for image in images):
            raise PictureError("This one cannot be described.")
        return super().caption_many(images, options)


def pipeline(captioner: FakeCaptioner, **options: Any) -> BatchPipeline:
    studio = replace(fake_studio(), captioner=captioner)
    context = BatchContext(
        cache=ResultCache(Path("captions.db")),
        options=BatchOptions(**options),
        models=models_of(studio),
    )
    return BatchPipeline(
        engine=LocalEngine(studio=studio, context=context),
        context=context,
        painter=studio.painter,
        folder=Path("photos"),
        pictures_folder=Path("album"),
    )


def test_captions_that_know_what_is_around_are_kept_apart_from_those_of_folders() -> None:
    of_folders = pipeline(FakeCaptioner()).context
    of_documents = replace(of_folders, has_contexts=True)
    around = replace(of_folders, options=BatchOptions(caption=CaptionOptions(context="A trip")))
    keys = {one.caption_key("0" * 64) for one in (of_folders, of_documents, around)}
    assert len(keys) == 3


def test_out_of_memory_halves_the_batch() -> None:
    make_folder(Path("photos"), 8)
    captioner = FailingCaptioner(max_batch_size=3)
    rows = list(pipeline(captioner).rows(find_images(Path("photos"))))
    assert [row.english for row in rows] == [CAT] * 8
    assert captioner.batch_sizes == [8, 4, 2, 2, 4, 2, 2]


def test_a_failing_image_affects_no_other() -> None:
    made = make_folder(Path("photos"), 8)
    Image.new("RGB", (77, 10)).save(made[3])
    rows = list(pipeline(FailingCaptioner(bad_width=77)).rows(find_images(Path("photos"))))
    assert sorted(row.error for row in rows) == [""] * 7 + ["This one cannot be described."]


def test_bisection_isolates_errors_and_raises_fatal_ones() -> None:
    def invert(numbers: Sequence[int]) -> list[float]:
        return [1 / number for number in numbers]

    *first, error = bisect_on_error(invert, [1, 2, 4, 0], catch=Exception)
    assert first == [1, 0.5, 0.25]
    assert isinstance(error, ZeroDivisionError)
    assert bisect_on_error(invert, [], catch=Exception) == []
    with pytest.raises(ZeroDivisionError):
        bisect_on_error(invert, [1, 0], catch=Exception, fatal=(ArithmeticError,))
    with pytest.raises(ZeroDivisionError):
        bisect_on_error(invert, [1, 0], catch=OSError)


def test_images_are_read_only_a_little_early() -> None:
    """Memory does not grow with the folder."""
    made = make_folder(Path("photos"), 200)
    read: list[Path] = []

    def counted() -> Iterator[Path]:
        for path in made:
            read.append(path)
            yield path

    rows = pipeline(FakeCaptioner()).rows(counted())
    for _ in range(10):
        next(rows)
    assert len(read) <= 10 + 9 * CAPTION_BATCH_SIZE["cpu"]
    rows.close()
    assert len(read) < 200


def test_a_full_disk_leaves_the_earlier_table(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 3)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    before = Path("a.csv").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(CsvWriter, "write", full)
        assert marsam("batch", "photos", "--out", "a.csv") == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "Cannot write a.csv: No space left on device."
    )
    assert Path("a.csv").read_bytes() == before
    assert not list(Path().glob("*.partial"))


@pytest.mark.parametrize(("number", "kind"), [(28, DiskFull), (30, OptionError)])
def test_only_a_full_disk_is_reported_as_full(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error, map_write_errors("space.csv"):
        raise OSError(number, os.strerror(number))
    assert error.type is kind
    assert str(error.value) == f"Cannot write space.csv: {os.strerror(number)}."


def test_an_interrupted_batch_can_be_resumed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(Path("photos"), 4)
    write: Callable[[CsvWriter, Row], None] = CsvWriter.write

    def interrupted(self: CsvWriter, row: Row) -> None:
        if row.path.endswith("2.png"):
            raise KeyboardInterrupt
        write(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(CsvWriter, "write", interrupted)
        assert marsam("batch", "photos", "--out", "a.csv") == 130
    assert (
        "2 of 4 pictures are done. Run the same command again to resume." in capsys.readouterr().err
    )
    assert not Path("a.csv").exists()
    done = caption_calls(studio)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    assert caption_calls(studio) == 4 >= done


def test_a_table_under_review_is_locked(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(Path("photos"), 2)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    before = Path("a.csv").read_bytes()
    table = Review(Path("a.csv"))
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr") == 1
    assert "reviewed by another" in capsys.readouterr().err
    assert Path("a.csv").read_bytes() == before
    table.close()
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "fr") == 0


def test_a_sidecar_leaves_out_characters_that_xml_forbids(studio: Studio) -> None:
    """A reviewer may type or paste any character."""
    (path,) = make_folder(Path("photos"), 1)
    assert marsam("batch", "photos", "--out", "a.csv") == 0
    (row,) = read_rows(Path("a.csv"))
    odd = replace(row, texts={"eng_Latn": "a <cat> \x0b & a dog"}, reviewed=True)
    _write(Path("a.csv"), [odd], ["eng_Latn", "arb_Arab"])
    assert marsam("batch", "photos", "--out", "a.csv", "--to", "en", "--sidecar", "xmp") == 0
    text = path.with_name(f"{path.name}.xmp").read_text(encoding="utf-8")
    assert "a <cat>  & a dog" in "".join(ElementTree.fromstring(text).itertext())


def test_a_damaged_cache_is_one_sentence() -> None:
    Path("captions.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(JournalError, match=r"captions\.db cannot be used"):
        ResultCache(Path("captions.db"))


def test_variations_of_a_folder_start_from_each_picture(studio: Studio) -> None:
    make_folder(Path("photos"), 2)
    command = ("batch", "photos", "--out", "a.csv", "-n", "1", "--seed", "3")
    for strength in ((), ("--strength", "0.5"), ("--strength", "0.25")):
        assert marsam(*command, *strength) == 0
    rows = list(read_rows(Path("a.csv")))
    records = [read_record(Path(name)) for row in rows for name in row.pictures]
    assert [record and record.strength for record in records] == [0.25, 0.25]
    assert len({record.start_sha256 for record in records if record}) == 2
    assert len(list(Path("a-pictures").iterdir())) == 6  # 2 of each strength
