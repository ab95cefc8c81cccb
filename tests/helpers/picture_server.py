"""A web server with pictures, which says what it was asked for."""

import contextlib
import io
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


def _picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 32), 90).save(file, "PNG")
    return file.getvalue()


class PictureServer(ThreadingHTTPServer):
    """Serves ``/cat.png`` and what may go wrong.

    Attributes:
        asked: the paths that were requested.
        headers: of the last request.
        picture: the picture.
        redirects: where a path leads.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.picture = _picture()
        self.redirects: dict[str, str] = {}
        self.scheme = "http"

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PictureServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(self.path)
        self.server.headers = dict(self.headers.items())
        if path in self.server.redirects:
            self._head(302, Location=self.server.redirects[path], Content_Length="0")
        elif path == "/slow.png":
            self._head(200, Content_Length="1000")
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b".")
                    time.sleep(0.01)
        elif path == "/slow-head.png":
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    self.wfile.write(b".")
                    time.sleep(0.01)
        elif path == "/large.png":
            self._head(200, Transfer_Encoding="chunked")
            with contextlib.suppress(OSError):
                while True:  # without an end, and without a length that says so
                    self.wfile.write(b"ffff\r\n" + bytes(0xFFFF) + b"\r\n")
        elif path == "/half.png":
            self._head(200, Content_Length="1000")
            self.wfile.write(self.server.picture[:20])
            self.close_connection = True
        elif path == "/page":
            self._answer(b"<html>Log in first</html>")
        elif path.endswith("cat.png"):
            self._answer(self.server.picture)
        else:
            self._head(404, Content_Length="0")

    def _answer(self, data: bytes) -> None:
        self._head(200, Content_Length=str(len(data)), Set_Cookie="visitor=1")
        self.wfile.write(data)

    def _head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[PictureServer]:
    """Run a server during a block."""
    with PictureServer() as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            server.scheme = "https"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
