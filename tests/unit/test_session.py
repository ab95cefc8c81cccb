"""The state of an open page, and which files may be put into it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from marsam.errors import PictureError
from marsam.results import Caption, Captioned, Prompted
from marsam.testing import fake_studio
from marsam.web.session import Session, uploaded_path


def described() -> Session:
    """A session with a picture, whose hash is "cat", and its captions."""
    session = Session(image_sha256="cat")
    for event in fake_studio().stream(Path(__file__).parents[2] / "docs" / "mini-things.png"):
        if isinstance(event, Captioned):
            session.captions = event.candidates
        elif isinstance(event, Prompted):
            session.prompt = event.prompt
    return session


def test_a_session_matches_the_picture_that_its_captions_describe() -> None:
    session = described()
    assert session.matches("cat")
    assert not session.matches("dog")
    session.edited = "en"
    assert not session.matches("cat")
    session.edited, session.captions = "", (Caption(text="a dog"),)  # painted from another prompt
    assert not session.matches("cat")
    session.described.clear()  # the description is under way
    assert session.matches("cat")


def test_only_uploaded_files_are_opened(tmp_path: Path) -> None:
    cache, other = tmp_path / "cache", tmp_path / "other.png"
    (cache / "1").mkdir(parents=True)
    for path in (cache / "1" / "cat.png", other):
        path.write_bytes(b"x")
    (cache / "link.png").symlink_to(other)
    component = SimpleNamespace(GRADIO_CACHE=str(cache))
    upload = cache / "1" / "cat.png"
    assert uploaded_path({"path": str(upload)}, component) == upload
    assert uploaded_path(None, component) is None
    for bad in (other, cache / ".." / "other.png", cache / "link.png", "/dev/zero", ""):
        with pytest.raises(PictureError):
            uploaded_path({"path": str(bad)}, component)
