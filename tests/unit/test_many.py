"""Lists of pictures on the page: kept, bounded, only their visitor's, and described in turns."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from marsam import Studio
from marsam.batch.review import digest
from marsam.batch.rows import Row
from marsam.errors import ModelError, OptionError
from marsam.journal.file_store import LISTS, PAGE_COPIES
from marsam.journal.journal import Journal
from marsam.journal.retention import prune_lists
from marsam.runs.scheduler import Scheduler
from marsam.testing import FakeCaptioner, fake_studio
from marsam.web.many import lists as lists_module
from marsam.web.many import picture_list
from marsam.web.many.handlers import ManyHandlers
from marsam.web.many.lists import Lists
from marsam.web.many.picture_list import PictureList, safe_name
from marsam.web.many.work import Describer
from marsam.web.session import Sessions
from tests.helpers.folders import make_folder

ANNA, BADR = "a" * 32, "b" * 32


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


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


def wait_for(condition: Callable[[], object]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it does not happen")


def squares(folder: Path, first: int, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{side}.png" for side in range(first, first + count)]
    for side, path in enumerate(paths, first):
        Image.effect_noise((side, side), 50).save(path)
    return paths


def fill(lists: Lists, client: str, files: list[Path], account: str = "") -> PictureList:
    one = lists.find_or_create(client, account or client)
    for file in files:
        one.add(file, file.name)
    return one


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.png", "cat.png"),
        ("holiday/sea/قطة 1.jpg", "holiday/sea/قطة 1.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        (r"C:\pictures\cat.png", "C:/pictures/cat.png"),
        ("/.ssh/.hidden.png", "ssh/hidden.png"),
        ("a\nb\u202e.png", "a b.png"),
        ("..", "picture"),
        ("", "picture"),
    ],
)
def test_the_name_of_a_picture_stays_in_its_list(name: str, expected: str) -> None:
    assert str(safe_name(name)) == expected


@given(st.text(max_size=3000))
def test_any_name_can_be_stored(name: str) -> None:
    path = safe_name(name)
    assert not path.is_absolute()
    for part in path.parts:
        assert part not in ("", ".", "..")
        assert not part.startswith(".")
        assert len(part.encode()) <= 255
        assert "\0" not in part


def test_a_list_is_described_and_found_again(
    scheduler: Scheduler, lists: Lists, tmp_path: Path
) -> None:
    files = make_folder(tmp_path / "photos", 5)
    one = fill(lists, ANNA, files)
    assert not one.add(files[0], files[0].name)
    Describer(scheduler).start(one)
    wait_for(lambda: not one.working)
    assert [row.path for row in one.rows] == [file.name for file in files]
    assert all(row.texts["arb_Arab"] for row in one.rows)
    assert one.review.save(2, {"eng_Latn": "mine"}, digest(one.rows[2]))
    rows = one.rows
    one.close()
    again = Lists(scheduler.journal.folder).find(ANNA)
    assert again is not None
    assert (again.rows, again.id, again.waiting) == (rows, one.id, [])
    assert lists.find(BADR) is None
    again.close()


def test_what_is_left_after_a_stop_is_done_later(
    scheduler: Scheduler, lists: Lists, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    one, describer = fill(lists, ANNA, squares(tmp_path / "a", 20, 3)), Describer(scheduler)
    captioner.error = ModelError("The captioner is missing.")
    describer.start(one)
    wait_for(lambda: not one.working)
    assert isinstance(one.error, ModelError)
    assert len(one.waiting) == 3
    captioner.error = None
    describer.start(one)
    wait_for(lambda: not one.waiting)
    assert [side for side, _ in captioner.calls[-3:]] == [20, 21, 22]
    assert one.error is None


def test_a_defect_costs_one_row_and_not_the_list(
    scheduler: Scheduler, lists: Lists, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    one = fill(lists, ANNA, squares(tmp_path / "a", 20, 1))
    captioner.error = ZeroDivisionError()
    Describer(scheduler).start(one)
    wait_for(lambda: not one.working)
    assert one.rows[0].state == "error"


def test_visitors_take_turns(
    scheduler: Scheduler, lists: Lists, captioner: FakeCaptioner, tmp_path: Path
) -> None:
    many = fill(lists, ANNA, squares(tmp_path / "a", 20, 6))
    few = fill(lists, BADR, squares(tmp_path / "b", 40, 2))
    describer = Describer(scheduler)
    with many.busy:  # the first picture of the many is in progress
        describer.start(many)
        describer.start(few)
    wait_for(lambda: not many.waiting and not few.waiting)
    sides = [side for side, _ in captioner.calls]
    assert max(map(sides.index, (40, 41))) <= 4
    assert sorted(sides) == [*range(20, 26), 40, 41]


def test_a_removed_picture_leaves_the_others_in_their_place(
    scheduler: Scheduler, lists: Lists, tmp_path: Path
) -> None:
    files = squares(tmp_path / "a", 20, 4)
    one, describer = fill(lists, ANNA, files), Describer(scheduler)
    keys = one.changes(0).keys
    assert one.remove(keys[3]) == "23.png"  # it still waits
    describer.start(one)
    wait_for(lambda: not one.working)
    assert one.review.save(2, {"eng_Latn": "mine"}, digest(one.rows[2]))
    version, _, before = one.changes(0)
    assert before == keys[:3]
    bytes_before, copy = one.bytes, one.image(one.rows[0])
    assert copy is not None
    assert one.remove(keys[0]) == "20.png"
    assert one.remove(keys[0]) is None
    after = one.changes(version)
    assert (after.rows, after.keys) == ([], keys[1:3])
    assert one.index_of(keys[2]) == 1
    assert (one.rows[1].english, one.rows[1].reviewed) == ("mine", True)
    assert one.bytes == bytes_before - files[0].stat().st_size
    assert not (one.pictures / "20.png").exists()
    assert not copy.exists()
    # The same picture can be added again; after a restart the rest is as it was.
    assert one.add(files[0], files[0].name)
    assert one.waiting == ["20.png"]
    one.close()
    again = Lists(scheduler.journal.folder).find(ANNA)
    assert again is not None
    assert [row.path for row in again.rows] == ["21.png", "22.png", "20.png"]
    again.close()


def test_a_picture_that_is_removed_while_it_is_described_does_not_come_back(
    lists: Lists, tmp_path: Path
) -> None:
    one = fill(lists, ANNA, squares(tmp_path / "a", 20, 2))
    first = Row(path=one.waiting[0], sha256="a" * 64, texts={"eng_Latn": "a cat"})
    assert one.remove(one.changes(0).keys[0])
    one.finish(first)
    assert [row.path for row in one.rows] == ["21.png"]
    one.close()


def test_a_full_list_takes_no_more(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_list, "MAX_PICTURES", 2)
    files = squares(tmp_path / "a", 20, 3)
    one = fill(lists, ANNA, files[:2])
    with pytest.raises(OptionError, match="full") as caught:
        one.add(files[2], "third.png")
    assert "امتلأت" in caught.value.ar
    assert len(one) == 2
    monkeypatch.setattr(picture_list, "MAX_PICTURES", 9)
    monkeypatch.setattr(picture_list, "MAX_BYTES", one.bytes)
    with pytest.raises(OptionError, match="full"):
        one.add(files[2], "third.png")


def test_the_lists_of_an_account_and_of_all_are_bounded(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists_module, "MAX_LISTS", 4)
    for number in range(2):
        lists.find_or_create(f"{number:032x}", "address:10.0.0.1")
    with pytest.raises(OptionError, match="Too many lists"):
        lists.find_or_create(ANNA, "address:10.0.0.1")
    lists.find_or_create(ANNA, "address:10.0.0.2")
    lists.find_or_create(BADR, "address:10.0.0.3")
    with pytest.raises(OptionError, match="Too many lists"):
        lists.find_or_create("c" * 32, "address:10.0.0.4")
    lists.delete(ANNA)
    lists.find_or_create("c" * 32, "address:10.0.0.4")


def test_deletion_and_age_remove_everything(
    scheduler: Scheduler, lists: Lists, tmp_path: Path
) -> None:
    data, files = scheduler.journal.folder, make_folder(tmp_path / "photos", 1)
    for client in (ANNA, BADR):
        one = fill(lists, client, files)
        Describer(scheduler).start(one)
        wait_for(lambda one=one: not one.working)  # type: ignore[misc]
    assert len(list((data / PAGE_COPIES).glob("*/*.jpg"))) == 2
    lists.delete(ANNA)
    assert lists.find(ANNA) is None
    assert len(list((data / PAGE_COPIES).glob("*/*.jpg"))) == 1
    old = time.time() - 31 * 86_400
    for file in (data / LISTS).rglob("*"):
        os.utime(file, (old, old))
    prune_lists(data, days=32)
    assert lists.find(BADR) is not None
    prune_lists(data, days=30)
    assert lists.find(BADR) is None
    assert not list((data / LISTS).iterdir())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"do": "open", "since": "x", "list": 3, "client": ["a"]},
        {"do": "save", "row": -1, "texts": [], "digest": None},
        {"do": "save", "row": True, "texts": {"eng_Latn": 7}, "list": "x"},
        {"do": "decorative", "row": {}, "decorative": "yes"},
        {"do": "remove", "row": 3, "list": "x"},
        {"do": "add", "path": "/etc/passwd", "name": {}},
        {"do": "add", "path": "", "name": None},
        {"do": "download", "kind": "../x"},
        {"do": "_add", "id": {"a": [1]}},
    ],
)
def test_whatever_a_page_sends_gets_an_answer(scheduler: Scheduler, values: dict[str, Any]) -> None:
    component = gr.HTML()
    component.GRADIO_CACHE = str(scheduler.journal.folder / PAGE_COPIES)
    view: Any = SimpleNamespace(
        components=SimpleNamespace(many=component), journal=scheduler.journal, scheduler=scheduler
    )
    handlers = ManyHandlers(view, Sessions(scheduler))
    event: Any = SimpleNamespace(_data=values)
    request: Any = SimpleNamespace(session_hash="s", request=None)
    reply = json.loads(handlers.act(event, request))
    assert reply["id"] == values.get("id")
    assert reply.get("failed") or reply["keys"] == []
