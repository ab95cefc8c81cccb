"""A terminal that runs ``marsam`` and Python in one process, so that libraries load once.

``python -m tests.mini.terminal SOCKET`` is that process.
"""

import contextlib
import io
import json
import os
import shutil
import socket
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, ClassVar, Self
from unittest.mock import patch

import httpx
import uvicorn

from marsam.server import listen
from tests.helpers.commands import marsam

ROOT = Path(__file__).parents[2]
_SHIM = """#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
request["input"] = sys.stdin.read() if "-" in sys.argv else ""
connection.sendall(json.dumps(request).encode() + b"\\n")
response = json.loads(connection.makefile().readline())
sys.stdout.buffer.write(response["out"].encode())
sys.stderr.buffer.write(response["err"].encode())
sys.exit(response["code"])
"""
_INTERRUPT = """
from marsam import PaintOptions, RunOptions, Studio
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.runs.execution import create_run

journal = Journal()
options = RunOptions(paint=PaintOptions(pictures=1, seed=7))
new = NewRun(client="command-line", options=options, prompt="a cat")
run = create_run(Studio.load(), journal, new)
journal.finish(run.id, "interrupted")
print(run.id)
"""


class Terminal:
    """A folder of programs: ``marsam``, and a ``make`` that only prints its commands.

    A server is started, sent one request, and stopped.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="marsam-"))  # a socket's name must be short
        self._address = str(self.folder / "socket")
        self._program("marsam", _SHIM.format(python=sys.executable, address=self._address))
        make = shutil.which("make") or "make"
        self._program("make", f'#!/bin/sh\nexec {make} --dry-run -C "{ROOT}" "$@"\n')

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.mini.terminal", self._address]
        self._process = subprocess.Popen(command, cwd=ROOT)
        while not Path(self._address).exists():
            assert self._process.poll() is None, "the terminal ended by itself"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.folder)

    def environment(self, place: Path) -> dict[str, str]:
        """The environment of a shell in that folder, which is also the home folder."""
        own = {
            "PATH": os.pathsep.join((str(self.folder), os.environ["PATH"])),
            "NO_PROXY": "127.0.0.1",
            "HOME": str(place),
            "MARSAM_MODELS": "mini",
            "MARSAM_DATA": str(place / "data"),
        }
        return os.environ | own

    def python(self, place: Path, text: str, name: str) -> str:
        """Run Python code and return its output; code in the same folder shares its variables."""
        environment = self.environment(place)
        request = {"python": text, "name": name, "folder": str(place), "environment": environment}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address)
            connection.sendall(json.dumps(request).encode() + b"\n")
            response = json.loads(connection.makefile().readline())
        assert response["code"] == 0, response["err"]
        return str(response["out"])

    def latest(self, address: str) -> str:
        """The id of the latest run of a service."""
        return str(httpx.get(f"{address}/v1/runs").json()["runs"][0]["id"])

    def interrupted(self, place: Path) -> str:
        """The id of a new, interrupted run, which can be resumed."""
        return self.python(place, _INTERRUPT, "interrupted").strip()


class _Handler(socketserver.StreamRequestHandler):
    """Runs one command, in the folder and with the environment of the client."""

    names: ClassVar[dict[str, dict[str, Any]]] = {}

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        variables = {
            name: value
            for name, value in request["environment"].items()
            if name.startswith("MARSAM_") or name in ("PORT", "HOME")
        }
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(request["folder"]),
            patch.dict(os.environ, variables),
            patch.object(sys, "argv", sys.argv),
            patch.object(
                sys, "stdin", io.TextIOWrapper(io.BytesIO(request.get("input", "").encode()))
            ),
            patch.object(listen, "_bind", _bind_free_port),
            patch.object(uvicorn.Server, "run", _request_and_stop),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = self._do(request)
            except Exception:
                code = 70
                err.write(traceback.format_exc())
        answer = {"out": out.getvalue(), "err": err.getvalue(), "code": code}
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _do(self, request: dict[str, Any]) -> int:
        if "python" not in request:
            return marsam(*request["arguments"])
        names = self.names.setdefault(request["folder"], {"__name__": "__main__"})
        exec(compile(request["python"], request["name"], "exec"), names)
        return 0


_serve = uvicorn.Server.run


def _bind_free_port(*_: Any) -> list[socket.socket]:
    """Bind a free port, because the requested one may be in use."""
    return [socket.create_server(("127.0.0.1", 0))]


def _request_and_stop(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    """Serve one request, then stop."""
    guard: Any = server.config.app
    while not hasattr(guard, "keys"):  # around it are middlewares that know of no keys
        guard = guard.app
    keys = [key.decode() for key in guard.keys._keys]
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=_serve, args=(server, sockets))
    thread.start()
    try:
        _request(address, thread, keys[0] if keys else "")
    finally:
        server.should_exit = True
        thread.join()


def _request(address: str, thread: threading.Thread, key: str) -> None:
    for _ in range(600):
        try:
            answer = httpx.get(address, headers={"X-API-Key": key}, timeout=30)
        except httpx.TransportError:
            assert thread.is_alive(), "the service ended by itself"
            time.sleep(0.05)
        else:
            assert answer.status_code == 200, answer.text
            return
    raise AssertionError("the service did not answer")


if __name__ == "__main__":
    socketserver.UnixStreamServer(sys.argv[1], _Handler).serve_forever()
