"""What a stranger may do to the studio page: its real server, on fake stages."""

import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marsam.imaging.image_io import MAX_BYTES
from marsam.ui.limits import MAX_BODY_BYTES, NOT_FETCHED, TOO_MANY_EVENTS
from marsam.ui.uploads import ONE_FILE, SIGNATURE_BYTES, TOO_MANY_UPLOADS
from tests.helpers.page import Page
from tests.service.conftest import Service

OWN, OTHER, THIRD = (f"the key of visitor {i}" for i in (1, 2, 3))
UPLOADS = 40
"""What each of them may upload in a day."""
BOUNDARY = "boundary"
A_CAT = {"english": "a cat", "number": 1, "recipe": "draft"}


def png(colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(buffer, "PNG")
    return buffer.getvalue()


def form(content: bytes, *, name: str = "files", file: str = "cat.png", end: bool = True) -> bytes:
    """A form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"'
    tail = f"\r\n--{BOUNDARY}--\r\n" if end else ""
    return head.encode() + b"\r\n\r\n" + content + tail.encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server for three keys."""
    folder = tmp_path_factory.mktemp("page") / "data"
    keys = ",".join((OWN, OTHER, THIRD))
    service = Service(folder, PAGE="1", KEYS=keys, UPLOADS=str(UPLOADS))
    yield service
    service.kill()


@pytest.fixture
def page(service: Service) -> Iterator[Page]:
    with Page(service.url, "a" * 32, key=OWN) as page:
        yield page


def test_a_visitor_adds_a_dozen_pictures_one_after_the_other(page: Page) -> None:
    page.load()
    for shade in range(12):
        page.call("describe", page.upload(png(f"rgb({shade * 20},0,0)")))
    assert len(page.history()) == 12


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([("files", ("a.png", png())), ("files", ("b.png", png("red")))], 400),
        ([("other", ("a.png", png()))], 400),
        ([("files", (None, "text"))], 400),
        ([("files", ("..", png()))], 400),
        ([("files", ("a.png", png() + bytes(MAX_BYTES)))], 413),
    ],
)
def test_only_one_picture_is_taken_at_a_time(
    service: Service, page: Page, files: Any, status: int
) -> None:
    kept = uploaded(service)
    response = page.http.post("/gradio_api/upload", files=files)
    assert response.status_code == status, response.text
    assert 'lang="ar"' in response.text
    assert uploaded(service) == kept


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"<html><script>", b"PK\x03\x04", b"text"])
def test_little_is_kept_of_what_is_no_picture(page: Page, content: bytes) -> None:
    """As much as the page needs to say what it is."""
    path = Path(page.upload(content + bytes(3_000_000))["path"])
    assert path.read_bytes() == (content + bytes(3_000_000))[:SIGNATURE_BYTES]
    page.call("describe", {"path": str(path)})


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", form(png())),
        (f"multipart/form-data; boundary={'x' * 300}", form(png())),
        (f"multipart/form-data; boundary={BOUNDARY}", b"garbage"),
        (f"multipart/form-data; boundary={BOUNDARY}", form(png(), end=False)),
        (f"multipart/form-data; boundary={BOUNDARY}", form(png(), file="x" * 9000)),
        ("application/json", b"{}"),
    ],
)
def test_a_broken_upload_is_refused(
    service: Service, page: Page, kind: str, content: bytes
) -> None:
    kept = uploaded(service)
    headers = {"Content-Type": kind}
    response = page.http.post("/gradio_api/upload", content=content, headers=headers)
    assert response.status_code == 400
    assert ONE_FILE.ar in response.text
    assert uploaded(service) == kept


def uploaded(service: Service) -> list[Path]:
    """The files in the page's cache."""
    return sorted(path for path in (service.folder / "page").rglob("*") if path.is_file())


def test_an_upload_that_is_broken_off_leaves_no_file(service: Service, page: Page) -> None:
    kept = uploaded(service)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            head = (
                "POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
                f"X-API-Key: {OWN}\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
            )
            client.sendall(head.encode() + form(png() + bytes(300_000), end=False))
            while uploaded(service) == kept:  # it has arrived
                time.sleep(0.01)
        while uploaded(service) != kept:
            time.sleep(0.01)


def test_uploads_are_counted_for_each_key(service: Service, page: Page) -> None:
    with Page(service.url, "b" * 32, key=THIRD) as other:
        for _ in range(UPLOADS):
            other.upload(png())
        refused = other.http.post("/gradio_api/upload", files={"files": ("a.png", png())})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert TOO_MANY_UPLOADS.ar in refused.text
    assert page.upload(png())


def test_a_key_takes_its_share_of_the_queue_and_the_next_turn_is_for_another(
    serve: Callable[..., Service],
) -> None:
    service = serve(PAGE="1", KEYS=f"{OWN},{OTHER}", SLOW="4", SHARE="20")
    with (
        Page(service.url, "b" * 32, key=OTHER) as busy,
        Page(service.url, "a" * 32, key=OWN) as page,
    ):
        for i in range(120):
            joined = busy.join("paint_1", *busy.settings(**A_CAT), session=f"session-{i}")
            if joined.status_code != 200:
                assert joined.status_code == 429
                assert TOO_MANY_EVENTS.en in joined.json()["detail"]
                assert TOO_MANY_EVENTS.ar in joined.json()["detail"]
        for _ in range(300):  # on a busy machine the events are read one after the other
            if (waiting := page.http.get("/readyz").json()["waiting"]) > 10:
                break
            time.sleep(0.1)
        assert 10 < waiting <= 20
        page.call("paint_1", *page.settings(**A_CAT))
        # Its run was the next one: those of the other key are still there.
        assert page.http.get("/readyz").json()["waiting"] > 10


def test_the_runs_of_a_visitor_are_not_shown_to_another_key(service: Service) -> None:
    visitor = "c" * 32
    with (
        Page(service.url, visitor, key=OWN) as own,
        Page(service.url, visitor, key=OTHER) as other,  # the same session, too
        Page(service.url, visitor, session="again", key=OWN) as again,
    ):
        own.load()
        own.call("paint_1", *own.settings(**A_CAT))
        assert "a cat" in own.history()
        assert other.history() == []
        assert again.history() == own.history()


BAD_EVENTS: list[dict[str, Any]] = [
    {"fn_index": -1},
    {"fn_index": 99_999},
    {"fn_index": True},
    {"fn_index": "1"},
    {"fn_index": None},
    {"data": []},
    {"data": [None] * 50},
    {"data": "text"},
    {"data": {"a": 1}},
    {"data": None},
    {"session_hash": None},
    {"session_hash": ""},
    {"session_hash": "x" * 65},
    {"session_hash": ["a"]},
    {"session_hash": "../../x"},
    {"event_id": ["a"]},
    {"event_data": 5},
    {"event_data": [1]},
    {"trigger_id": "x"},
    {"batched": True},
]


@pytest.mark.parametrize("bad", BAD_EVENTS, ids=str)
def test_a_request_that_no_page_sends_is_refused(page: Page, bad: dict[str, Any]) -> None:
    handler = page.handler("paint_1")
    event = {"fn_index": handler["id"], "data": page.settings(**A_CAT), "session_hash": "bad"}
    response = page.http.post("/gradio_api/queue/join", json=event | bad)
    assert response.status_code == 422
    assert 'lang="ar"' in response.json()["detail"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"[" * 90_000, b'{"a":' + b"1" * 5000 + b"}", b"\xff"]
)
@pytest.mark.parametrize("path", ["queue/join", "run/load", "call/paint", "call/v2/paint"])
def test_what_is_no_json_object_is_refused(page: Page, path: str, content: bytes) -> None:
    assert page.http.post(f"/gradio_api/{path}", content=content).status_code == 400


def test_a_large_event_is_refused(page: Page) -> None:
    content = json.dumps({"data": ["x" * MAX_BODY_BYTES]})
    for path in ("queue/join", "run/load", "call/paint", "cancel"):
        assert page.http.post(f"/gradio_api/{path}", content=content).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "component_server"),
        ("POST", "process_recording"),
        ("POST", "stream/x"),
        ("POST", "vibe-edit"),
        ("GET", "deep_link?session_hash=bad"),
        ("GET", "upload_progress?upload_id=never"),
        # These would make the server ask others.
        ("GET", "file=https://example.org/a.png"),
        ("GET", "file=HTTP://example.org/a.png"),
        ("HEAD", "file=http://example.org/a.png"),
        ("GET", "file/http://example.org/a.png"),
        ("GET", "proxy=https://example.org/a.png"),
    ],
)
def test_routes_that_the_page_does_not_use_are_closed(page: Page, method: str, path: str) -> None:
    assert page.http.request(method, f"/gradio_api/{path}").status_code == 404


@pytest.mark.parametrize("address", ["https://example.org/a.png", "HTTP://example.org/a.png"])
def test_files_are_not_fetched_from_elsewhere(page: Page, address: str) -> None:
    file = {"path": address, "meta": {"_type": "gradio.FileData"}}
    describe = page.handler("describe")
    body = {"fn_index": describe["id"], "session_hash": "x"}
    for path, event in (
        ("queue/join", body | {"data": [file] * len(describe["inputs"])}),
        ("queue/join", body | {"data": [[{"image": file}]] * len(describe["inputs"])}),
        ("run/describe", body | {"data": [file] * len(describe["inputs"])}),
        ("call/caption", {"data": [file]}),
        ("call/v2/caption", {"picture": file}),
    ):
        refused = page.http.post(f"/gradio_api/{path}", json=event)
        assert refused.status_code == 422, path
        assert NOT_FETCHED.ar in refused.json()["detail"]


def test_bad_values_are_one_line_each_and_few_lines_in_all(service: Service, page: Page) -> None:
    values: list[Any] = [
        None,
        1e308,
        "x",
        [["x"]],
        {"a": [1]},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:9/x.png", "meta": {"_type": "gradio.FileData"}},
    ]
    before = len(service.log.read_text())
    for handler in page.config["dependencies"]:
        if handler["api_name"] in ("load", "close", "js_fn"):
            continue
        for value in values:
            data = [value] * len(handler["inputs"])
            event = {
                "fn_index": handler["id"],
                "data": data,
                "session_hash": "bad",
                "event_data": {"index": "x"},
            }
            page.http.post("/gradio_api/queue/join", json=event)
            page.http.post(f"/gradio_api/run/{handler['api_name']}", json=event)
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(b"\x16\x03\x01 is no HTTP\r\n\r\n")
            client.recv(100)
    assert page.call("load", page.visitor, "en", "")  # all events before it have ended
    text = service.log.read_text()[before:]
    assert "Traceback" not in text
    assert "A request to the page failed" in text
    assert len(text) < 20_000
