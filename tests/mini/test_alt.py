"""``marsam alt`` with the bundled models: check, fill, review, write back."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pptx
import pytest

from marsam.batch.review import Review, digest
from marsam.batch.rows import Row
from marsam.batch.tables import read_rows
from tests.helpers.commands import marsam
from tests.helpers.picture_server import serving

EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"
CAR, CAR_ARABIC = "a car on a green background", "سيارة على خلفية خضراء"
CAT, CAT_ARABIC = "a cat on a blue background", "قطة على خلفية زرقاء"
ARABIC_PAGE = """<!doctype html>
<html lang="ar" dir="rtl">
<title>من نحن</title>
<h1>سياراتنا</h1>
<p>نوصل الطلبات كل يوم. <img src="/images/car.png"> وهذه قطتنا:
<img src='../images/cat.png' alt='كلماتي أنا'>
<a href="shop.html"><img SRC=images/cat.png></a>
<img src="/images/line.png" alt="">
<img src="data:image/png;base64,{data}">
<p lang=en>In English: <img src="/images/car.png"/></p>
</html>
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small website in two languages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARSAM_DATA", str(tmp_path / "data"))
    folder = tmp_path / "site"
    for images in (folder / "images", folder / "ar" / "images"):
        images.mkdir(parents=True)
        for name in ("car", "cat"):
            shutil.copy(EXAMPLES / f"{name}.png", images)
    data = base64.b64encode((EXAMPLES / "cat.png").read_bytes()).decode()
    page = ARABIC_PAGE.replace("{data}", data)
    (folder / "ar" / "about.html").write_text(page, encoding="utf-8")
    (folder / "notes.md").write_text("# Our cars\n\n![](images/car.png)\n", encoding="utf-8")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Run a command with ``--json``; its exit code and its document."""
    capsys.readouterr()
    code = marsam(*arguments, "--json")
    return code, json.loads(capsys.readouterr().out)


def problems(document: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["rule"], one["line"]) for one in document["findings"]]


def fill(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[int, Any]:
    return run(capsys, "alt", "fill", str(path), "--models", "mini", *options)


def test_check_lists_what_is_missing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(capsys, "alt", "check", str(site), "--sarif", "found.sarif")
    assert code == 1
    notes, about = found["documents"]
    assert problems(about) == [
        ("missing", 5),
        ("link-without-text", 7),
        ("decorative", 8),
        ("missing", 9),
        ("missing", 10),
    ]
    assert problems(notes) == [("missing", 3)]
    assert [one["language"] for one in about["findings"]] == ["ar", "ar", "ar", "ar", "en"]
    assert about["findings"][0]["context"]["heading"] == "سياراتنا"
    results = json.loads(Path("found.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert len(results) == 6
    assert marsam("alt", "check", str(site)) == 1
    output = capsys.readouterr()
    assert "without alt text: 5" in output.err
    assert "site/notes.md" in output.out


def test_style_sheets_are_checked_and_never_written(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "style.css").write_text("a {\n background: url(images/car.png)\n}", encoding="utf-8")
    documents = run(capsys, "alt", "check", str(site))[1]["documents"]
    (found,) = [one for one in documents if one["path"].endswith("style.css")]
    assert problems(found) == [("background", 2)]
    assert fill(capsys, site, "--out", "filled")[0] == 0
    assert not Path("filled/style.css").exists()


@pytest.mark.parametrize(
    ("language", "name", "words"), [("en", "slide 2", "Our car"), ("ar", "الشريحة 2", "هذه سيارة")]
)
def test_slides_are_called_as_people_call_them(
    site: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    name: str,
    words: str,
) -> None:
    monkeypatch.setenv("MARSAM_LANGUAGE", language)
    presentation = pptx.Presentation()
    for layout in presentation.slide_layouts[6], presentation.slide_layouts[6]:
        slide = presentation.slides.add_slide(layout)
    slide.shapes.add_picture(str(site / "images" / "car.png"), 0, 0)
    slide.shapes[0]._element.nvPicPr.cNvPr.set("descr", "")
    slide.shapes.add_textbox(0, 0, 9, 9).text_frame.text = words
    presentation.save("deck.pptx")
    assert marsam("alt", "check", "deck.pptx") == 1
    assert name in capsys.readouterr().out
    _, found = run(capsys, "alt", "check", "deck.pptx", "--sarif", "found.sarif")
    (finding,) = found["documents"][0]["findings"]
    part = "ppt/slides/slide2.xml"
    assert (finding["part"], finding["part_name"]) == (part, "slide 2")
    (result,) = json.loads(Path("found.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert result["locations"][0]["logicalLocations"] == [
        {"fullyQualifiedName": part, "name": "slide 2"}
    ]
    assert fill(capsys, Path("deck.pptx"), "--table", "alt.csv")[0] == 0
    (row,) = read_rows(Path("alt.csv"))
    assert row.context.startswith(f"deck.pptx | {name} | ")


def test_fill_writes_copies_in_the_language_of_each_place(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    code, found = fill(capsys, site, "--out", "filled")
    assert code == 0
    assert [one["filled"] for one in found["documents"]] == [1, 4]
    page = Path("filled/ar/about.html").read_text(encoding="utf-8")
    assert page.count(f'alt="{CAR_ARABIC}"') == 1
    assert page.count(f'alt="{CAT_ARABIC}"') == 2
    assert page.count(f'alt="{CAR}"') == 1
    assert "alt='كلماتي أنا'" in page
    assert Path("filled/notes.md").read_text(encoding="utf-8") == (
        f"# Our cars\n\n![{CAR}](images/car.png)\n"
    )
    # All else is as it was, and so are the originals.
    alts = (f'"{CAR_ARABIC}"', f'"{CAT_ARABIC}"', f'"{CAR}"')
    for alt in alts:
        page = page.replace(f" alt={alt}", "")
    assert page == (site / "ar" / "about.html").read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    assert run(capsys, "alt", "check", "filled")[0] == 0
    # Filling again changes nothing.
    filled = {path: path.read_bytes() for path in Path("filled").rglob("*") if path.is_file()}
    code, found = fill(capsys, Path("filled"), "--in-place")
    assert code == 0
    assert [one["out"] for one in found["documents"]] == [None, None]
    assert {path: path.read_bytes() for path in filled} == filled


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--language", "ar"), CAR_ARABIC),
        (("--language", "both"), f"{CAR} · {CAR_ARABIC}"),
        (("--mark",), f"Described by a model: {CAR}"),
        (("--mark", "--language", "ar"), f"وصف آلي: {CAR_ARABIC}"),
    ],
)
def test_the_language_and_the_mark_are_chosen(
    site: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], wanted: str
) -> None:
    assert fill(capsys, site / "notes.md", "--in-place", *options)[0] == 0
    assert f"![{wanted}](" in (site / "notes.md").read_text(encoding="utf-8")


def test_bad_texts_are_replaced_only_when_asked(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = site / "bad.html"
    images = ("car.png", "image", "my own words")
    tags = "".join(f'<img src="images/car.png" alt="{alt}">\n' for alt in images)
    page.write_text(tags, encoding="utf-8")
    for overwrite, wanted in (
        ("nothing", list(images)),
        ("bad", [CAR, CAR, "my own words"]),
        ("all", [CAR, CAR, CAR]),
    ):
        fill(capsys, page, "--out", overwrite, "--overwrite", overwrite)
        lines = (Path(overwrite) / "bad.html").read_text(encoding="utf-8").splitlines()
        assert lines == [f'<img src="images/car.png" alt="{alt}">' for alt in wanted]


def test_a_person_reviews_a_table_and_the_words_are_written_back(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Path("alt.csv")
    before = (site / "ar" / "about.html").read_bytes()
    code, found = fill(capsys, site, "--table", str(table))
    assert (code, found["table"]) == (0, "alt.csv")
    assert (site / "ar" / "about.html").read_bytes() == before
    rows = {row.english: row for row in read_rows(table)}
    assert set(rows) == {CAR, CAT}
    assert rows[CAR].context == "site/notes.md:3 | Our cars (+2)"
    assert rows[CAT].context.startswith("site/ar/about.html:7 | سياراتنا | → shop.html")
    assert all(Path(row.path).is_file() for row in rows.values())
    # Drafts in the documents give way to what a person approves afterwards.
    assert fill(capsys, site, "--table", str(table), "--in-place")[0] == 0
    approve(table, CAR, {"eng_Latn": "Our delivery van", "arb_Arab": "سيارة التوصيل"})
    code, found = fill(capsys, site, "--table", str(table), "--in-place", "--reviewed")
    assert code == 0
    page = (site / "ar" / "about.html").read_text(encoding="utf-8")
    assert 'alt="سيارة التوصيل"' in page
    assert 'alt="Our delivery van"' in page
    assert "![Our delivery van](" in (site / "notes.md").read_text(encoding="utf-8")
    reviewed = {row.english for row in read_rows(table) if row.reviewed}
    assert reviewed == {"Our delivery van"}
    assert {row.english for row in read_rows(table)} == {"Our delivery van", CAT}


def approve(table: Path, english: str, texts: dict[str, str]) -> None:
    review = Review(table)
    index = next(i for i, row in enumerate(review.rows) if row.english == english)
    assert review.save(index, texts, digest(review.rows[index]))
    review.close()


def test_a_decorative_picture_is_written_as_one(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = site / "page.html"
    page.write_text('<p>Text <img src="images/car.png"></p>', encoding="utf-8")
    table = Path("alt.jsonl")
    assert fill(capsys, page, "--table", str(table))[0] == 0
    review = Review(table)
    assert review.mark_decorative(0, digest(review.rows[0]))
    review.close()
    assert fill(capsys, page, "--table", str(table), "--in-place")[0] == 0
    assert page.read_text(encoding="utf-8") == '<p>Text <img src="images/car.png" alt=""></p>'


def test_an_image_that_cannot_be_decorative_costs_no_other(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = site / "two.md"
    page.write_text("![](images/car.png)\n\n![](images/cat.png)\n", encoding="utf-8")
    table = Path("alt.csv")
    assert fill(capsys, page, "--table", str(table))[0] == 0
    review = Review(table)
    (index,) = (i for i, row in enumerate(review.rows) if row.english == CAR)
    assert review.mark_decorative(index, digest(review.rows[index]))
    review.close()
    code, found = fill(capsys, page, "--table", str(table), "--in-place")
    assert code == 1
    (document,) = found["documents"]
    assert "decorative" in document["images"][0]["reason"]
    text = page.read_text(encoding="utf-8")
    assert text == f"![](images/car.png)\n\n![{CAT}](images/cat.png)\n"


def test_there_is_nothing_to_review_where_nothing_is_missing(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = site / "whole.md"
    page.write_text("![our own words](images/car.png)\n", encoding="utf-8")
    assert marsam("alt", "review", str(page), "--in-place", "--models", "mini") == 0
    assert "No image in these documents lacks an alt text." in capsys.readouterr().out


def test_only_reviewed_texts_are_written(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = Path("alt.csv")
    before = (site / "notes.md").read_bytes()
    code, found = fill(capsys, site, "--table", str(table), "--in-place", "--reviewed")
    assert code == 0
    assert (site / "notes.md").read_bytes() == before
    reasons = {one["reason"] for each in found["documents"] for one in each["images"]}
    assert reasons == {"not reviewed yet"}
    assert not any(row.reviewed for row in read_rows(table))


def test_what_cannot_be_described_is_named_and_left(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "images" / "broken.png").write_bytes(b"no image")
    (site / "page.html").write_text(
        '<html lang="en"><img src="images/missing.png"><img src="images/broken.png">'
        '<img src="https://example.org/a.png"><img src="../../secret.png">'
        '<p lang="fr"><img src="images/car.png"></p></html>',
        encoding="utf-8",
    )
    before = (site / "page.html").read_bytes()
    code, found = fill(capsys, site / "page.html", "--in-place")
    assert code == 1
    (document,) = found["documents"]
    assert document["filled"] == 0
    reasons = [one["reason"] for one in document["images"]]
    assert "French" in reasons[-1]
    assert all(reasons)
    assert (site / "page.html").read_bytes() == before


def test_images_are_fetched_from_a_named_origin_once(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as server:
        server.picture = (site / "images" / "car.png").read_bytes()
        page = f"<html lang=en><img src={server.origin}/cat.png><img src=https://example.org/b.png>"
        for name in ("one", "two"):
            (site / f"{name}.html").write_text(page, encoding="utf-8")
        files = (str(site / "one.html"), str(site / "two.html"), "--models", "mini")
        command = ("alt", "fill", *files, "--table", "alt.csv", "--out", "filled")
        code, found = run(capsys, *command)
        assert (code, server.asked) == (1, [])
        code, found = run(capsys, *command, "--fetch-from", server.origin)
        assert (code, server.asked) == (1, ["/cat.png"])
        for document in found["documents"]:
            described, other = document["images"]
            assert described["text"] == CAR
            assert "https://example.org, which --fetch-from does not name" in other["reason"]
        (row,) = read_rows(Path("alt.csv"))
        assert Path(row.path).read_bytes() == server.picture  # for the page of the review
        page = Path("filled/two.html").read_text(encoding="utf-8")
        assert f'/cat.png alt="{CAR}">' in page
    assert marsam(*command, "--fetch-from", "example.org") == 1
    assert "--fetch-from must be like" in capsys.readouterr().err


def test_what_was_reviewed_is_written_though_the_origin_is_gone(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = site / "page.html"

    def reviewed(table: Path, **_: object) -> None:
        approve(table, CAR, {"eng_Latn": "Our delivery van"})
        server.asked.append("closed")
        server.server_close()

    monkeypatch.setattr("marsam.cli.review.review", reviewed)
    with serving() as server:
        server.picture = (site / "images" / "car.png").read_bytes()
        page.write_text(f"<html lang=en><img src={server.origin}/cat.png>", encoding="utf-8")
        origin = ("--fetch-from", server.origin)
        command = ("alt", "review", str(page), "--in-place", "--models", "mini", *origin)
        assert marsam(*command) == 0, capsys.readouterr().err
        assert server.asked == ["/cat.png", "closed"]
    assert page.read_text(encoding="utf-8").endswith('/cat.png alt="Our delivery van">')


def test_refusals_are_sentences(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, sentence in (
        (("fill", str(site)), "Choose what to write"),
        (("fill", str(site), "--out", "a", "--in-place"), "Choose one"),
        (("fill", str(site), "--in-place", "--reviewed"), "--reviewed needs --table"),
        (("fill", str(site), "--out", str(site)), "choose another folder"),
        (("fill", str(site), "--table", "a.txt"), "supported table formats"),
        (("check", "nowhere"), "Folder not found"),
    ):
        assert marsam("alt", *arguments) == 1
        assert sentence in capsys.readouterr().err
    (site / "other.txt").write_text("text")
    assert marsam("alt", "check", str(site / "other.txt")) == 1
    assert "no document that Marsam reads" in capsys.readouterr().err
    monkeypatch.setenv("MARSAM_LANGUAGE", "ar")
    assert marsam("alt", "check", str(site / "notes.md")) == 1
    assert "بلا نص بديل" in capsys.readouterr().out


def test_rows_keep_their_context_in_every_table(tmp_path: Path) -> None:
    from marsam.batch.outputs import open_outputs
    from marsam.batch.rows import CONTEXT_COLUMN

    row = Row(path="a.png", sha256="1" * 64, texts={"eng_Latn": "a car"}, context="page.html:3")
    tables = [tmp_path / f"alt{suffix}" for suffix in (".csv", ".xlsx", ".jsonl")]
    with open_outputs(tables, ["eng_Latn"], tmp_path, tmp_path, optional=[CONTEXT_COLUMN]) as out:
        for one in out:
            one.write(row)
    for table in tables:
        (read,) = read_rows(table)
        assert (read.context, read.state) == ("page.html:3", "draft")
