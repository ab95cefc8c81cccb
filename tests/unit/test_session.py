"""The state of an open page, and which files may be put into it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from marsam.errors import PictureError
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.options import PaintOptions, RunOptions
from marsam.results import Caption, Captioned, Prompt, Prompted, PromptLength
from marsam.runs.scheduler import Scheduler
from marsam.testing import fake_studio
from marsam.web.describe import edited_language
from marsam.web.session import Session, uploaded_path
from marsam.web.view import View


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


def test_a_run_with_a_deleted_file_is_shown_without_it(tmp_path: Path) -> None:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path / "data"))
    options = RunOptions(paint=PaintOptions(pictures=2, seed=7))
    session = Session(client="amal")
    image = Image.new("RGB", (8, 8))
    run = scheduler.wait(
        scheduler.enqueue_run(NewRun(client=session.client, options=options, image=image))
    )
    scheduler.close()
    assert run.image_path is not None
    run.image_path.unlink()
    assert run.pictures[0].path is not None
    run.pictures[0].path.unlink()
    cache = gr.File(render=False)
    cache.GRADIO_CACHE = str(tmp_path / "cache")
    components: Any = SimpleNamespace(history=cache, gallery=cache, image=cache, download=cache)
    view = View(components, scheduler)
    session.load_run(run)
    assert session.image is None
    assert [Path(path).name for path, _ in view.gallery_items(session)] == ["marsam-8.png"]
    assert [Path(path).name for path, _ in view.history_thumbnails(session)] == ["marsam-8.png"]
    assert view.show_image(session)
    assert view.show_zip(session)


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


@pytest.mark.parametrize(
    ("language", "english", "arabic", "edited"),
    [
        ("en", "(a cat:1.21)", "((قطة))", ""),
        ("en", "a cat", "((قطة))", "en"),
        ("ar", "(a cat:1.21)", "قطة", "ar"),
    ],
)
def test_weights_can_be_removed(language: str, english: str, arabic: str, edited: str) -> None:
    """The boxes show the weights, so a text without them is edited."""
    prompt = Prompt(
        english="a cat",
        weighted="(a cat:1.21)",
        arabic="قطة",
        given="((قطة))",
        language="arb_Arab",
        back=None,
        length=PromptLength(tokens=4, limit=77),
    )
    session = Session(prompt=prompt, edited=language)
    assert edited_language(session, english, arabic) == edited
