"""The check of a model set against known answers, with the bundled set."""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from tools.prove import MINI, KnownPicture, prove


def test_the_bundled_set_is_as_expected(tmp_path: Path) -> None:
    report = prove("mini", MINI, tmp_path)
    assert report.failures == []
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.count("as expected") == 2 * len(MINI.pictures) + len(MINI.texts) + 2
    for name in ("picture-0.png", "painted-0-7.png", "painted-0-8.png"):
        assert f"![]({name})" in text
        with Image.open(tmp_path / name) as picture:
            picture.load()


def test_a_wrong_answer_is_a_failure(tmp_path: Path) -> None:
    car = KnownPicture(MINI.pictures[1].source, ("cat|dog", "green"), ("سيارة",))
    report = prove("mini", replace(MINI, pictures=(car,), texts=(), prompts=()), tmp_path)
    (failure,) = report.failures
    assert "lacks cat|dog" in failure
    assert failure.startswith("English caption")
