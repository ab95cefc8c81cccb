"""A fake model hub on localhost: the endpoints a download needs, with every request recorded."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from marsam import environment

LARGE = ("*.safetensors", "*.bin", "*.h5", "*.ckpt", "*sentencepiece.bpe.model")
"""Files the hub keeps outside git, named by their SHA-256."""


@dataclass
class Repository:
    """A repository: its files, and the errors it simulates.

    Attributes:
        gated: the list of files is public and downloads are refused, as on the real hub.
        forged: wrong contents sent instead of the files; a shorter one is a truncated download.
        cut: files whose connection breaks half-way; later requests for them get an error.
    """

    files: dict[str, bytes]
    gated: bool = False
    forged: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    @property
    def commit(self) -> str:
        names = sorted((name, self.etag(name)) for name in self.files)
        return hashlib.sha1(repr(names).encode(), usedforsecurity=False).hexdigest()

    def is_large(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in LARGE)

    def git_id(self, name: str) -> str:
        content = self.files[name]
        git = b"blob %d\0" % len(content) + content
        return hashlib.sha1(git, usedforsecurity=False).hexdigest()

    def etag(self, name: str) -> str:
        if self.is_large(name):
            return hashlib.sha256(self.files[name]).hexdigest()
        return self.git_id(name)


class FakeHub:
    """Serves repositories on 127.0.0.1 while it is open.

    While it is open, an empty manifest is used, in this process and its children, because the
    files it serves differ from the pinned ones. Tests of pinning set a manifest of their own.

    Attributes:
        requests: ``"GET /path"``, in the order of arrival.
        status: an HTTP error status for every response.
        page: an HTML page for every response, like a captive portal's login page.
        delay: seconds before each file is sent.
    """

    def __init__(self, repositories: dict[str, Repository]) -> None:
        self.repositories = repositories
        self.requests: list[str] = []
        self.status: int | None = None
        self.page: bytes | None = None
        self.delay = 0.0
        self._open = ExitStack()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def downloaded(self, repo: str) -> list[str]:
        """The downloaded files of a repository, sorted; a resumed download is listed again."""
        start = f"GET /{repo}/resolve/"
        paths = [r.removeprefix(start) for r in self.requests if r.startswith(start)]
        return sorted(path.partition("/")[2] for path in paths)

    def __enter__(self) -> Self:
        self._thread.start()
        self._open.enter_context(_no_pins())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self.close()

    def close(self) -> None:
        """Stop the server: the port refuses connections from now on."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@contextmanager
def _no_pins() -> Iterator[None]:
    before = os.environ.get(environment.MANIFEST.name)
    with TemporaryDirectory() as folder:
        empty = Path(folder, "manifest.json")
        empty.write_text('{"models": {}}', encoding="utf-8")
        os.environ[environment.MANIFEST.name] = str(empty)
        try:
            yield
        finally:
            if before is None:
                del os.environ[environment.MANIFEST.name]
            else:
                os.environ[environment.MANIFEST.name] = before


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection."""


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(f"{self.command} {path}")
            if hub.status is not None:
                return self._send(b"", status=hub.status)
            if hub.page is not None:
                return self._send(hub.page, {"Content-Type": "text/html"})
            api = path.startswith("/api/models/")
            parts = path.removeprefix("/api/models/").strip("/").split("/")
            name = "/".join(parts[:2])
            repository = hub.repositories.get(name)
            if repository is None:
                # Without a login, the real hub does not reveal that a private repository exists.
                return self._send(b"", {"X-Error-Code": "RepoNotFound"}, status=401)
            verb = parts[2] if len(parts) > 2 else "revision"
            revision = parts[3] if len(parts) > 3 else "main"
            if revision not in ("main", repository.commit):
                return self._send(b"", {"X-Error-Code": "RevisionNotFound"}, status=404)
            if api:
                listing = _tree(repository) if verb == "tree" else _info(name, repository)
                return self._send(json.dumps(listing).encode())
            return self._file(repository, path, "/".join(parts[4:]))

        def _file(self, repository: Repository, path: str, name: str) -> None:
            if name not in repository.files:
                return self._send(b"", {"X-Error-Code": "EntryNotFound"}, status=404)
            if repository.gated:
                return self._send(b"", {"X-Error-Code": "GatedRepo"}, status=401)
            headers = {
                "ETag": f'"{repository.etag(name)}"',
                "X-Repo-Commit": repository.commit,
                "X-Linked-Size": str(len(repository.files[name])),
                "Accept-Ranges": "bytes",
            }
            if self.command == "GET":
                time.sleep(hub.delay)
            content = repository.forged.get(name, repository.files[name])
            if name in repository.cut and self.command == "GET":
                if sum(request == f"GET {path}" for request in hub.requests) > 1:
                    return self._send(b"", status=503)
                return self._send(content, headers, keep=len(content) // 2)
            byte_range = self.headers.get("Range")
            if byte_range is None:
                return self._send(content, headers)
            start = int(byte_range.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self._send(content[start:], headers, status=206)

        def _send(
            self,
            body: bytes,
            headers: dict[str, str] | None = None,
            *,
            status: int = 200,
            keep: int | None = None,
        ) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(body[:keep])
            if keep is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)

    return Handler


def _info(name: str, repository: Repository) -> dict[str, Any]:
    siblings = [
        {
            "rfilename": file["path"],
            "size": file["size"],
            "blobId": file["oid"],
            **({"lfs": _lfs(file["lfs"])} if "lfs" in file else {}),
        }
        for file in _tree(repository)
        if file["type"] == "file"
    ]
    return {
        "id": name,
        "sha": repository.commit,
        "gated": "manual" if repository.gated else False,
        "private": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": siblings,
    }


def _lfs(lfs: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}


def _tree(repository: Repository) -> list[dict[str, Any]]:
    folders = {name.rpartition("/")[0] for name in repository.files} - {""}
    listing: list[dict[str, Any]] = [
        {"type": "directory", "oid": "0" * 40, "size": 0, "path": folder} for folder in folders
    ]
    for name, content in repository.files.items():
        entry = {"type": "file", "oid": repository.git_id(name), "size": len(content), "path": name}
        if repository.is_large(name):
            entry["lfs"] = {"oid": repository.etag(name), "size": len(content), "pointerSize": 134}
        listing.append(entry)
    return listing
