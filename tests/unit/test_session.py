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
from marsam.web.session import (
    MAX_SESSIONS,
    MAX_SESSIONS_PER_ACCOUNT,
    Session,
    Sessions,
    cached_path,
    create_cache,
    uploaded_path,
)
from marsam.web.view import View


def described() -> Session:
    """A session with a picture, whose hash is "cat", and its captions."""
    session = Session(image_sha256="cat")
    for event in fake_studio().stream(Path(__file__).parents[2] / "docs" / "mini-things.png"):
        if isinstance(event, Captioned):
            session.captions = event.candidates
        elif isinstance(event, Prompted):
            session.set_prompt(event.prompt)
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
    names = [
        "history",
        "gallery",
        "image",
        "download",
        "download_kept",
        "more",
        "resume",
        "sheet",
        "copy_link",
        "print",
    ]
    components: Any = SimpleNamespace(**dict.fromkeys(names, cache))
    view = View(components, scheduler)
    session.load_run(run)
    assert session.image is None
    shown = view.gallery.round(run.id, run.prompt, run.pictures, None)
    assert [tile.name for tile in shown.pictures] == ["marsam-8.png"]
    (work,) = view.gallery.works([run])
    assert work.url is not None
    assert work.url.endswith("marsam-8.png")
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
        ("en", "(a cat:1.21)", "((قطة))", []),
        ("en", "a cat", "((قطة))", ["en"]),
        ("ar", "(a cat:1.21)", "قطة", ["ar"]),
        ("ar", "two cats", "قطتان", ["ar", "en"]),
    ],
)
def test_weights_can_be_removed(
    language: str, english: str, arabic: str, edited: list[str]
) -> None:
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
    session = Session(prompt=prompt, texts={"en": english, "ar": arabic}, edited=language)
    assert session.edited_languages == edited


def _request(name: str, account: str) -> Any:
    state = SimpleNamespace(client=account)
    return SimpleNamespace(session_hash=name, request=SimpleNamespace(state=state))


def test_open_pages_of_one_client_are_bounded(tmp_path: Path) -> None:
    """A client chooses the hash of its session, and may never close one."""
    scheduler = Scheduler(fake_studio(), Journal(tmp_path))
    sessions = Sessions(scheduler)
    others = sessions.of(_request("others", "key:other"))
    for i in range(10_000):
        newest = sessions.of(_request(f"page {i}", "key:own"))
    assert len(sessions._sessions) == 1 + MAX_SESSIONS_PER_ACCOUNT
    assert sessions.of(_request("others", "key:other")) is others
    assert sessions.of(_request("page 9999", "key:own")) is newest
    for i in range(1_000):
        sessions.of(_request("page", f"address:{i}"))
        sessions.of(_request(f"page {i}", f"address:{i}"))
    assert len(sessions._sessions) == MAX_SESSIONS
    scheduler.close()


def test_copies_for_the_page_are_deleted_with_the_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "data")
    scheduler = Scheduler(fake_studio(), journal)
    gallery = SimpleNamespace(GRADIO_CACHE=str(create_cache(journal.folder)))
    run = scheduler.wait(
        scheduler.enqueue_run(NewRun(client="amal", options=RunOptions(), prompt="a cat"))
    )
    scheduler.close()
    copies = [Path(cached_path(picture.path, gallery)) for picture in run.pictures if picture.path]
    archive = tmp_path / "marsam.zip"
    archive.write_bytes(b"PK")
    copies.append(Path(cached_path(archive, gallery, folder=run.id)))
    assert all(copy.is_file() for copy in copies)
    assert all(copy.is_relative_to(tmp_path / "data") for copy in copies)
    assert (tmp_path / "data" / "page").stat().st_mode & 0o077 == 0
    journal.delete("amal", run.id)
    assert not any(copy.exists() for copy in copies)
