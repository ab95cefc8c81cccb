"""Captions, prompts and records with the real models."""

import json
from pathlib import Path

import pytest
from PIL import Image

from marsam import CaptionOptions, Notice, PaintOptions, RunOptions, Studio, open_picture
from marsam.cli import main
from marsam.imaging.metadata import read_record, record_of, save_with_record
from marsam.web.layout import EXAMPLES
from tests.helpers.photographs import write_photographs

CAT = open_picture(EXAMPLES[1])


@pytest.mark.parametrize("sampling", [False, True])
def test_candidates_are_distinct_and_sorted_by_score(studio: Studio, sampling: bool) -> None:
    options = CaptionOptions(candidates=5, sampling=sampling, seed=3)
    captions = studio.captioner.caption(CAT, options)
    texts = [caption.text for caption in captions]
    assert 1 <= len(texts) <= 5
    assert len(set(texts)) == len(texts)
    scores = [caption.score for caption in captions]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] <= 0
    assert studio.captioner.caption(CAT, options) == captions  # sampling has its own seed


def test_a_prefix_begins_the_caption(studio: Studio) -> None:
    (caption,) = studio.captioner.caption(CAT, CaptionOptions(prefix="a photograph of"))
    assert caption.text.startswith("a photograph of")
    assert len(caption.text) > len("a photograph of ")


def test_length_bounds(studio: Studio) -> None:
    (short,) = studio.captioner.caption(CAT, CaptionOptions(max_tokens=2))
    assert len(short.text.split()) <= 2
    (longer,) = studio.captioner.caption(CAT, CaptionOptions(min_tokens=12, max_tokens=12))
    assert len(longer.text) > len(short.text)


def test_the_prompt_length_matches_the_painters_token_count(studio: Studio) -> None:
    length = studio.painter.measure("a cat")
    assert (length.tokens, length.limit, length.cut) == (4, 77, "")
    long = studio.painter.measure("a cat " * 50)
    assert long.tokens == 102
    # 75 tokens fit between the start and end tokens.
    assert long.cut.split() == ["cat", *["a", "cat"] * 12]
    options = RunOptions(paint=PaintOptions(pictures=1, steps=1), check=False)
    prompt = studio.run(prompt="a cat " * 50, options=options).prompt
    assert Notice.PROMPT_CUT in prompt.warnings


def test_an_arabic_prompt_is_painted(studio: Studio) -> None:
    options = RunOptions(paint=PaintOptions(pictures=1, steps=2))
    result = studio.run(prompt="قِطَّةٌ على خلفية زرقاء", options=options)
    assert result.prompt.english == "a cat on a blue background"
    assert result.prompt.back == "قطة على خلفية زرقاء"
    assert result.pictures[0].prompt == "a cat on a blue background"


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_record_reproduces_the_picture(
    studio: Studio, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RunOptions(
        paint=PaintOptions(pictures=2, seed=41, steps=3, guidance_scale=2.5), check=False
    )
    result = studio.run(prompt="قطة على خلفية زرقاء", options=options)
    second = result.pictures[1]
    path = save_with_record(second.image, record_of(second, result.prompt), tmp_path / f"a{suffix}")  # type: ignore[arg-type]
    record = read_record(path)
    assert record is not None
    assert (record.english, record.seed) == ("a cat on a blue background", 42)

    monkeypatch.chdir(tmp_path)
    main.app(["run", "--like", str(path), "--json"], standalone_mode=False)
    with Image.open(path) as before, Image.open("pictures/marsam-42.png") as after:
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


def test_files_of_cameras_phones_scanners_and_websites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_photographs(CAT, tmp_path)
    arguments = ["caption", *map(str, paths), "--models", "mini", "--json"]
    main.app(arguments, standalone_mode=False)
    rows = json.loads(capsys.readouterr().out)["captions"]
    texts = {"en": "a cat on a blue background", "ar": "قطة على خلفية زرقاء", "warnings": []}
    assert rows == [{"path": str(path), **texts} for path in paths]


def test_json_of_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARSAM_MODELS", "mini")
    arguments = ["paint", "ثلاثة أسود", "-n", "1", "--seed", "2", "--json"]
    main.app(arguments, standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert document["caption"] == {"en": "three lions", "ar": "ثلاثة أسود"}
    assert 0 <= document["pictures"][0]["fidelity"] <= 1
