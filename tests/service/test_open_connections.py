"""Connections that stay open are bounded, for each client and in all: real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from marsam.api.dependencies import MAX_EVENT_STREAMS
from marsam.ui.limits import MAX_HEARTBEATS, MAX_STREAMS
from tests.helpers.page import Page
from tests.service.conftest import Service

GREEDY, OTHER = "the key of the greedy", "the key of another one"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with the page, on which runs do not end."""
    folder = tmp_path_factory.mktemp("open") / "data"
    service = Service(folder, PAGE="1", KEYS=f"{GREEDY},{OTHER}", SLOW="60")
    yield service
    service.kill()


@contextmanager
def opened(service: Service, path: str, key: str) -> Iterator[str]:
    """Open a connection; the head of the response."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{service.port}", f"X-API-Key: {key}")
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65_536)
            assert received, head
            head += received
        yield head.decode()


def status(head: str) -> int:
    return int(head.split()[1])


def refusal(service: Service, path: str, *, language: str) -> str:
    """The sentence with which another connection of the greedy one is refused."""
    headers = {"X-API-Key": GREEDY, "Accept-Language": language}
    response = httpx.get(f"{service.url}{path}", headers=headers, timeout=30)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    said = response.json()
    return str(said.get("message") or said["detail"])


def require_bounded(service: Service, number: int, paths: dict[str, str]) -> None:
    """Open connections of one client until one is refused; ``paths`` are those of each client."""
    with ExitStack() as stack:
        for _ in range(number // 2):
            head = stack.enter_context(opened(service, paths[GREEDY], GREEDY))
            assert status(head) == 200
            assert "text/event-stream" in head
        assert "connections are open already" in refusal(service, paths[GREEDY], language="en")
        assert "اتصالاتك المفتوحة كثيرة" in refusal(service, paths[GREEDY], language="ar")
        with opened(service, paths[OTHER], OTHER) as head:
            assert status(head) == 200
        assert httpx.get(f"{service.url}/healthz", timeout=30).status_code == 200
    for _ in range(300):  # a connection that was closed gives its place back
        with opened(service, paths[GREEDY], GREEDY) as head:
            if status(head) == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the places are still taken")


def test_events_of_runs(service: Service) -> None:
    paths = {}
    for key in (GREEDY, OTHER):
        body, headers = {"prompt": "a cat", "pictures": 1}, {"X-API-Key": key}
        created = httpx.post(f"{service.url}/v1/runs", json=body, headers=headers, timeout=30)
        paths[key] = f"/v1/runs/{created.raise_for_status().json()['id']}/events"
    require_bounded(service, MAX_EVENT_STREAMS, paths)


def test_results_of_the_page(service: Service) -> None:
    paths = {}
    for visitor, key in ((32 * "a", GREEDY), (32 * "b", OTHER)):
        with Page(service.url, visitor, key=key) as page:
            settings = page.settings(english="a cat", number=1)
            page.join("paint_1", *settings).raise_for_status()
            paths[key] = f"/gradio_api/queue/data?session_hash={page.session}"
    require_bounded(service, MAX_STREAMS, paths)


def test_open_pages(service: Service) -> None:
    paths = {key: f"/gradio_api/heartbeat/{key[-3:]}" for key in (GREEDY, OTHER)}
    require_bounded(service, MAX_HEARTBEATS, paths)
