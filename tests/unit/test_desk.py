"""What lies on a page's desk, and what may be laid there."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from marsam.errors import LanguageError, PictureError
from marsam.results import Caption, Captioned, Prompted
from marsam.testing import fake_studio
from marsam.web.session import Desk, received, sentence
from marsam.web.strings import WORDS


def described() -> Desk:
    """A desk with a picture, whose digest is "cat", and its words."""
    desk = Desk(digest="cat")
    for event in fake_studio().stream(Path(__file__).parents[2] / "docs" / "mini-things.png"):
        if isinstance(event, Captioned):
            desk.captions = event.candidates
        elif isinstance(event, Prompted):
            desk.prompt = event.prompt
    return desk


def test_a_picture_given_again_brings_its_words_back() -> None:
    desk = described()
    assert desk.shows("cat")  # they are there
    assert not desk.shows("dog")
    desk.edited = "en"
    assert not desk.shows("cat")
    desk.edited, desk.captions = "", (Caption(text="a dog"),)  # other words were painted from
    assert not desk.shows("cat")
    desk.read.clear()  # they are on their way
    assert desk.shows("cat")


def test_only_what_was_given_to_the_page_is_opened(tmp_path: Path) -> None:
    cache, other = tmp_path / "cache", tmp_path / "other.png"
    (cache / "1").mkdir(parents=True)
    for path in (cache / "1" / "cat.png", other):
        path.write_bytes(b"x")
    (cache / "link.png").symlink_to(other)
    picture = SimpleNamespace(GRADIO_CACHE=str(cache))
    assert received({"path": str(cache / "1" / "cat.png")}, picture) == cache / "1" / "cat.png"
    assert received(None, picture) is None
    for place in (other, cache / ".." / "other.png", cache / "link.png", "/dev/zero", ""):
        with pytest.raises(PictureError):
            received({"path": str(place)}, picture)


def test_a_language_the_translator_does_not_know_is_said_so() -> None:
    assert sentence(LanguageError("x")) == "no_language"
    assert "English" in WORDS["no_language"].en
