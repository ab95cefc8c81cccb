"""Requests that arrive slowly or never are ended; others are not: real sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from marsam.server import request_timeouts
from marsam.server.request_timeouts import RequestTimeouts

TIMEOUT_S = 0.5
HEAD = b"GET / HTTP/1.1\r\nX: "
BODY = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n"


async def counting(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes of the body; ``/slow`` takes its time."""
    if scope["path"] == "/slow":
        await asyncio.sleep(4 * TIMEOUT_S)
    body = await Request(scope, receive).body()
    headers = [(b"content-length", b"8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"%8d" % len(body)})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(request_timeouts, "REQUEST_TIMEOUT_S", TIMEOUT_S)
    config = uvicorn.Config(counting, http=RequestTimeouts, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def send_bytewise(connection: socket.socket, start: bytes) -> None:
    """Send the start of a request and then a byte now and then, for much longer than allowed."""
    connection.sendall(start)
    for _ in range(600):
        connection.sendall(b"a")
        time.sleep(TIMEOUT_S / 10)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_a_head_that_does_not_arrive(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""


@pytest.mark.parametrize("start", [HEAD, BODY], ids=["head", "body"])
def test_what_arrives_byte_by_byte(port: int, start: bytes) -> None:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
        pytest.raises(OSError, match=r"reset|pipe"),
    ):
        send_bytewise(connection, start)


def test_a_head_without_an_end(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + 80_000 * b"a")
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_a_slow_network_and_a_slow_response(port: int) -> None:
    piece, pieces = 8 * request_timeouts.MIN_BODY_BYTES, 20
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {piece * pieces}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode())
        for _ in range(pieces):  # several times the limit
            connection.sendall(piece * b"a")
            time.sleep(TIMEOUT_S / 5)
        assert connection.recv(65_536).endswith(b"%8d" % (piece * pieces))
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(connection).endswith(b"%8d" % 0)
