"""Styles: the words that they add, what stays the user's, and what is recorded and repeated."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from marsam import OptionError, PaintOptions, RunOptions, Studio
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import Record, infotext, read_record
from marsam.journal.journal import Journal
from marsam.notices import Notice
from marsam.runs.repeat import repeat_options, repeat_prompt
from marsam.styles import STYLES, in_style, negative_in_style, without_style
from marsam.testing import FakeCaptioner, FakePainter, fake_studio
from tests.helpers.commands import marsam

CLAY = "a clay model of a cat, plasticine, studio light"


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Studio:
    one = fake_studio()
    monkeypatch.setattr(Studio, "load", lambda *a, **k: one)
    monkeypatch.chdir(tmp_path)
    return one


def record_of_file(path: str) -> Record:
    record = read_record(Path(path))
    assert record is not None
    return record


@pytest.mark.parametrize("key", STYLES)
def test_a_style_has_both_names_and_leaves_room_for_the_prompt(key: str) -> None:
    style = STYLES[key]
    assert style.key == key
    assert re.fullmatch(r"[A-Z][a-z -]+", style.en)
    assert re.fullmatch("[\u0621-\u0652 ]+", style.ar)
    words = f"{style.before} {style.after} {style.negative}"
    assert re.fullmatch(r"[a-z0-9, -]+", words)  # nothing that the syntax of prompts would read
    assert len(f"{style.before} {style.after}".split()) <= 12  # of the 77 tokens


def test_the_guide_lists_every_style() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "styles.md").read_text(encoding="utf-8")
    rows = [
        f"| `{style.key}` | {style.en} | {style.ar} | {style.before} …, {style.after} |"
        for style in STYLES.values()
    ]
    assert re.findall(r"^\| `.*", guide, re.MULTILINE) == rows


def test_names_are_told_apart() -> None:
    for name in ("en", "ar", "before"):
        assert len({getattr(style, name) for style in STYLES.values()}) == len(STYLES)


@pytest.mark.parametrize("key", STYLES)
@pytest.mark.parametrize("words", ["a cat", "(a cat:1.3) (black)", r"a \(black\) (cat:1.2)"])
def test_the_prompt_is_found_in_what_was_painted(key: str, words: str) -> None:
    painted = in_style(words, key), negative_in_style("a dog", key)
    assert without_style(*painted, key) == (words, "a dog")
    assert without_style(painted[0], "", key) == (words, "")  # painted without guidance
    other = "clay" if key != "clay" else "mosaic"
    assert without_style(*painted, other) is None
    assert without_style(*painted, "style of a newer version") is None


def test_the_words_of_the_user_stay_and_the_painter_reads_those_of_the_style() -> None:
    studio = fake_studio(caption="a clay model of a cat", translations={"a cat": "قطة"})
    result = studio.run(prompt="a cat", style="clay", pictures=1, seed=7)
    assert (result.prompt.english, result.prompt.arabic) == ("a cat", "قطة")
    assert (result.prompt.given, result.prompt.words) == ("a cat", "a cat")
    assert result.prompt.for_painter == CLAY
    (picture,) = result.pictures
    assert (picture.prompt, picture.style) == (CLAY, "clay")
    assert picture.negative_prompt == STYLES["clay"].negative
    # Everything that was asked for is there: that it is a model of clay is no addition.
    assert result.fidelity[0] is not None
    assert result.fidelity[0].score == 1
    plain = studio.run(prompt="a cat", pictures=1, seed=7)
    assert plain.fidelity[0] is not None
    assert plain.fidelity[0].added == ("clay model",)


def test_a_caption_is_painted_in_a_style() -> None:
    studio = fake_studio(caption="A cat sleeps.")
    result = studio.run(Image.new("RGB", (8, 8)), style="oil", pictures=1)
    assert result.caption is not None
    assert result.caption.text == result.prompt.english == "A cat sleeps."
    before, after = STYLES["oil"].before, STYLES["oil"].after
    assert result.pictures[0].prompt == f"{before} A cat sleeps, {after}"


def test_weights_and_what_the_user_does_not_want_go_with_a_style() -> None:
    options = RunOptions(paint=PaintOptions(pictures=1, style="mosaic", negative_prompt="red"))
    result = fake_studio().run(prompt="(a cat:1.3) --no dog", options=options)
    mosaic = STYLES["mosaic"]
    assert result.pictures[0].prompt == f"{mosaic.before} (a cat:1.3), {mosaic.after}"
    assert result.pictures[0].negative_prompt == f"red, dog, {mosaic.negative}"
    assert result.prompt.negative == "dog"


def test_the_length_is_that_of_the_text_with_the_style() -> None:
    studio = replace(fake_studio(), painter=FakePainter(limit=12))
    words = "one two three four five six"
    assert studio.run(prompt=words, pictures=1).prompt.length.tokens == 8
    prompt = studio.run(prompt=words, style="clay", pictures=1).prompt
    assert prompt.length.tokens == len(prompt.for_painter.split()) + 2 == 15
    assert prompt.length.cut == "plasticine, studio light"
    assert Notice.PROMPT_CUT in prompt.warnings
    # The same prompt without the style fits.
    again = studio.run(prompt=prompt, pictures=1).prompt
    assert (again.style, again.length.cut) == ("", "")
    assert Notice.PROMPT_CUT not in again.warnings


def test_an_unknown_style_is_refused_with_those_that_exist() -> None:
    with pytest.raises(OptionError, match="no style 'cubism'; choose one of photo, watercolour"):
        PaintOptions(style="cubism")


def test_a_painter_without_styles_says_so_before_any_work() -> None:
    captioner, painter = FakeCaptioner(), FakePainter(styles=False)
    studio = replace(fake_studio(), captioner=captioner, painter=painter)
    with pytest.raises(OptionError, match="knows no styles") as refused:
        studio.run(Image.new("RGB", (8, 8)), style="clay")
    assert "الأساليب" in refused.value.ar
    assert not captioner.calls
    assert not painter.calls
    with pytest.raises(OptionError, match="knows no styles"):
        list(painter.paint("a cat", PaintOptions(style="clay")))


def test_a_picture_in_a_style_is_recorded_and_repeated(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("paint", "(a cat:1.3).", "--style", "clay", "--negative", "red", "--seed", "7")
    assert marsam(*command, "-n", "1") == 0
    file = "pictures/marsam-7.png"
    record = record_of_file(file)
    assert (record.english, record.style) == ("a cat.", "clay")
    assert record.prompt == CLAY.replace("a cat", "(a cat:1.3)")
    assert record.negative_prompt == f"red, {STYLES['clay'].negative}"
    assert infotext(record).startswith("a clay model of (a cat:1.3), plasticine, studio light\n")
    with closing(Journal()) as journal:
        (run,) = journal.runs(None)
    assert run.options is not None
    assert run.options.paint.style == "clay"
    assert run.prompt is not None
    assert run.prompt.for_painter == record.prompt

    capsys.readouterr()
    assert marsam("run", "--like", file, "--out", "again") == 0
    assert record_of_file("again/marsam-7.png") == record
    assert open_picture("again/marsam-7.png") == open_picture(file)
    assert marsam("run", "--like", file, "--style", "mosaic") == 1
    assert "as it is recorded; remove --style" in capsys.readouterr().err
    assert marsam("show", file) == 0
    assert "Style:           clay\n" in capsys.readouterr().out


@pytest.mark.parametrize("recorded", ["clay", "style of a newer version"])
def test_the_words_that_another_version_had_for_a_style_are_painted_again(recorded: str) -> None:
    picture = fake_studio().run(prompt="a cat", style="clay", pictures=1, seed=3).pictures[0]
    data = {"english": "a cat", "arabic": "قطة", "width": 64, "height": 64, "version": "9"}
    names = ("negative_prompt", "seed", "steps", "scheduler", "guidance_scale", "painter", "recipe")
    data |= {name: getattr(picture, name) for name in names}
    record = Record(**data, prompt="in clay: a cat", style=recorded)  # type: ignore[arg-type]
    studio = fake_studio()
    options = RunOptions(paint=repeat_options(record))
    prompt = repeat_prompt(record, studio.painter)
    (again,) = studio.run(prompt=prompt, options=options).pictures
    assert again.prompt == "in clay: a cat"
    assert again.negative_prompt == picture.negative_prompt


def test_a_folder_is_painted_in_each_style_once(studio: Studio) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (32, 32), "red").save("photos/one.png")
    assert isinstance(studio.painter, FakePainter)
    command = ("batch", "photos", "--out", "a.csv", "-n", "1", "--seed", "3")
    for style in ("clay", "mosaic", "clay"):
        assert marsam(*command, "--style", style) == 0
    files = sorted(Path("a-pictures").iterdir())
    assert {record_of_file(str(file)).style for file in files} == {"clay", "mosaic"}
    assert len(studio.painter.calls) == 2


def test_a_style_without_pictures_has_no_effect_and_is_refused(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (32, 32), "red").save("photos/one.png")
    assert marsam("batch", "photos", "--out", "a.csv", "--style", "clay") == 1
    assert "ask for them with -n" in capsys.readouterr().err
