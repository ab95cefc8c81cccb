"""Documents in a list of pictures: their images are described, and they get the texts."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docx
import gradio as gr
import pytest
from PIL import Image

from marsam import Studio
from marsam.batch.review import digest
from marsam.documents.uploads import MAX_IMAGES
from marsam.errors import DocumentError, OptionError
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.testing import CAPTION, FakeCaptioner, fake_studio
from marsam.web.many import documents
from marsam.web.many import picture_list as module
from marsam.web.many.files import write_file
from marsam.web.many.handlers import ManyHandlers
from marsam.web.many.lists import Lists
from marsam.web.many.picture_list import PictureList
from marsam.web.many.work import Describer
from marsam.web.session import Sessions
from tests.unit.test_many import ANNA, wait_for

ARABIC = "قطة على خلفية زرقاء"
MARK, ARABIC_MARK = "Described by a model: ", "وصف آلي: "


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner(arabic=ARABIC)  # reads requests


@pytest.fixture
def scheduler(tmp_path: Path, captioner: FakeCaptioner) -> Iterator[Scheduler]:
    fakes = fake_studio()
    studio = Studio(captioner=captioner, translator=fakes.translator, painter=fakes.painter)
    one = Scheduler(studio, Journal(tmp_path / "data"))
    yield one
    one.close()


@pytest.fixture
def lists(scheduler: Scheduler) -> Lists:
    return Lists(scheduler.journal.folder)


def picture(path: Path, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((side, 30), 80).save(path)
    return path


def word(path: Path, *pictures: Path) -> Path:
    document = docx.Document()
    document.add_heading("Our trip")
    for one in pictures:
        document.add_picture(str(one))
    document.save(str(path))
    return path


def described(scheduler: Scheduler, one: PictureList) -> None:
    Describer(scheduler).start(one)
    wait_for(lambda: not one.waiting and not one.working)


def documents_of(one: PictureList) -> dict[str, bytes]:
    path = write_file(one, "documents", 1)
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def alt_texts(data: bytes) -> list[str]:
    shapes = docx.Document(io.BytesIO(data)).inline_shapes
    return [shape._inline.docPr.get("descr") or "" for shape in shapes]


def test_the_pictures_of_a_document_are_described_and_written_back(
    tmp_path: Path, scheduler: Scheduler, lists: Lists, captioner: FakeCaptioner
) -> None:
    cat, dog = picture(tmp_path / "cat.png"), picture(tmp_path / "dog.png", 50)
    report = word(tmp_path / "report.docx", cat, dog, cat)
    one = lists.find_or_create(ANNA, ANNA)
    found = one.add_document(report, "work/report.docx")
    assert found is not None
    (place,) = {image.place for image in found.images}
    assert place.startswith("work/report.docx |")
    assert place.endswith("| Our trip")
    # The same picture is in the list once.
    assert one.waiting == ["work/report.docx/1.png", "work/report.docx/2.png"]
    described(scheduler, one)
    assert [options.context for options in captioner.asked] == ["Our trip"] * 2
    assert [row.context for row in one.rows] == [place] * 2
    assert alt_texts(documents_of(one)["work/report.docx"]) == [MARK + CAPTION] * 3
    assert one.review.save(
        0, {"eng_Latn": "Our cat Tom.", "arb_Arab": ""}, digest(one.review.rows[0])
    )
    assert one.review.mark_decorative(1, digest(one.review.rows[1]))
    (content,) = documents_of(one).values()
    assert alt_texts(content) == ["Our cat Tom.", "", "Our cat Tom."]
    csv = write_file(one, "csv", 2)
    assert csv is not None
    assert place in csv.read_text(encoding="utf-8-sig")


def test_a_page_finds_the_pictures_that_were_added_with_it(
    tmp_path: Path, scheduler: Scheduler, lists: Lists
) -> None:
    page = tmp_path / "index.html"
    page.write_text(
        '<html lang="ar"><h1>رحلتنا</h1><img src="pictures/cat.png"><img src="/pictures/cat.png">'
        '<img src="pictures/missing.png"><p lang="fr"><img src="pictures/cat.png"></p>'
        '<img src="../../secret.png"></html>',
        encoding="utf-8",
    )
    one = lists.find_or_create(ANNA, ANNA)
    one.add(picture(tmp_path / "cat.png"), "site/pictures/cat.png")
    picture(one.folder / "secret.png")
    described(scheduler, one)
    before = one.changes(0).version
    found = one.add_document(page, "site/index.html")
    assert found is not None
    assert (len(found.images), found.unreadable, found.foreign) == (2, 2, 1)
    assert not one.waiting
    # An open page learns what is around the picture.
    (changed,) = one.changes(before).rows
    assert changed.context == "site/index.html:1 | رحلتنا"
    text = documents_of(one)["site/index.html"].decode()
    assert text.count(f'alt="{ARABIC_MARK}{ARABIC}"') == 2
    assert text.replace(f' alt="{ARABIC_MARK}{ARABIC}"', "") == page.read_text(encoding="utf-8")


def test_a_document_is_known_replaced_removed_and_found_after_a_restart(
    tmp_path: Path, lists: Lists
) -> None:
    one = lists.find_or_create(ANNA, ANNA)
    report = word(tmp_path / "a.docx", picture(tmp_path / "cat.png"))
    assert one.add_document(report, "a.docx") is not None
    size = one.bytes
    assert one.add_document(report, "a.docx") is None
    word(report, picture(tmp_path / "dog.png", 50))
    assert one.add_document(report, "a.docx") is not None
    assert (len(one.documents), len(one.waiting)) == (1, 2)
    one.close()
    again = PictureList(one.folder, one.copies)
    assert [document.name for document in again.documents] == ["a.docx"]
    assert again.bytes == one.bytes > size
    assert again.remove_document(module.key_of("a.docx")) == "a.docx"
    assert again.remove_document("0" * 12) is None
    assert len(again.documents) == 0
    assert len(again.waiting) == 2
    again.close()


def test_what_lacks_nothing_is_damaged_or_too_much_is_not_kept(
    tmp_path: Path, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = lists.find_or_create(ANNA, ANNA)
    done, broken = tmp_path / "done.html", tmp_path / "broken.docx"
    done.write_text('<img src="a.png" alt="A cat.">')
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    found = one.add_document(done, "done.html")
    assert found is not None
    assert not found.images
    with pytest.raises(DocumentError):
        one.add_document(broken, "broken.docx")
    many = tmp_path / "many.html"
    many.write_text('<img src="a.png">' * (MAX_IMAGES + 1))
    with pytest.raises(DocumentError, match=f"at most {MAX_IMAGES}"):
        one.add_document(many, "many.html")
    large = word(tmp_path / "large.docx", *[picture(tmp_path / "cat.png")] * 3)
    with monkeypatch.context() as patch:
        patch.setattr(documents, "MAX_IMAGE_BYTES", 3_000)
        with pytest.raises(DocumentError, match="larger"):
            one.add_document(large, "large.docx")
    monkeypatch.setattr(module, "MAX_PICTURES", 1)
    pictures = [picture(tmp_path / f"{side}.png", side) for side in (40, 50)]
    with pytest.raises(OptionError, match="full"):
        one.add_document(word(tmp_path / "two.docx", *pictures), "two.docx")
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 0)
    with pytest.raises(OptionError, match="full"):
        one.add_document(word(tmp_path / "one.docx", pictures[0]), "one.docx")
    assert len(one) == len(one.documents) == 0


def test_the_page_is_told_what_became_of_a_document(tmp_path: Path, scheduler: Scheduler) -> None:
    sessions = Sessions(scheduler)
    component = gr.HTML()
    component.GRADIO_CACHE = str(tmp_path)
    view: Any = SimpleNamespace(
        components=SimpleNamespace(many=component), journal=scheduler.journal, scheduler=scheduler
    )
    handlers = ManyHandlers(view, sessions)
    request: Any = SimpleNamespace(session_hash="s", request=None)

    def send(**values: Any) -> dict[str, Any]:
        event: Any = SimpleNamespace(_data={"client": ANNA, **values})
        return dict(json.loads(handlers.act(event, request)))

    report = word(tmp_path / "a.docx", picture(tmp_path / "cat.png"))
    reply = send(do="add", path=str(report), name="a.docx")
    assert (reply["notes"], reply["complete"], reply["documents"]) == ([], False, 1)
    wait_for(lambda: not send(do="poll")["working"])
    panel = send(do="poll", list=reply["list"])["panel"]
    assert "a.docx" in panel
    assert "Images with a text: <bdi>1</bdi> of <bdi>1</bdi>" in panel
    assert send(do="add", path=str(report), name="a.docx")["known"] is True
    broken = tmp_path / "b.docx"
    broken.write_bytes(b"nothing")
    assert "damaged" in send(do="add", path=str(broken), name="b.docx")["refused"]
    done = tmp_path / "c.html"
    done.write_text('<img src="a.png" alt="A cat."><img src="b.png">')
    (note,) = send(do="add", path=str(done), name="c.html")["notes"]
    assert "could not be read" in note
    assert "تعذّرت قراءتها" in note
    done.write_text('<img src="a.png" alt="A cat.">')
    assert send(do="add", path=str(done), name="c.html")["complete"] is True
    key = module.key_of("a.docx")
    assert "a.docx" in send(do="remove_document", row=key, list=reply["list"])["message"]
    assert send(do="poll", list=reply["list"])["documents"] == 0
