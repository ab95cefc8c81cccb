"""A terminal whose ``marsam`` and whose Python live in one process, so that libraries load once.

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
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
asked = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
asked["input"] = sys.stdin.read() if "-" in sys.argv else ""
line.sendall(json.dumps(asked).encode() + b"\\n")
told = json.loads(line.makefile().readline())
sys.stdout.buffer.write(told["out"].encode())
sys.stderr.buffer.write(told["err"].encode())
sys.exit(told["code"])
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
    """Programs in a folder of their own: ``marsam``, and a ``make`` that says what it would do.

    Whatever serves is started, asked whether it is well, and stopped.
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
        """Of a shell in that folder, which is also the reader's home."""
        own = {
            "PATH": os.pathsep.join((str(self.folder), os.environ["PATH"])),
            "NO_PROXY": "127.0.0.1",
            "HOME": str(place),
            "MARSAM_MODELS": "mini",
            "MARSAM_DATA": str(place / "data"),
        }
        return os.environ | own

    def python(self, place: Path, text: str, name: str) -> str:
        """What a piece of Python prints; the next in the same folder goes on where it ended."""
        environment = self.environment(place)
        asked = {"python": text, "name": name, "folder": str(place), "environment": environment}
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self._address)
            line.sendall(json.dumps(asked).encode() + b"\n")
            told = json.loads(line.makefile().readline())
        assert told["code"] == 0, told["err"]
        return str(told["out"])

    def latest(self, address: str) -> str:
        """The id of the latest run of a service."""
        return str(httpx.get(f"{address}/v1/runs").json()["runs"][0]["id"])

    def interrupted(self, place: Path) -> str:
        """The id of a run that can be gone on with."""
        return self.python(place, _INTERRUPT, "interrupted").strip()


class _Answering(socketserver.StreamRequestHandler):
    """Does one command, in the folder and with the settings of the shell that asked."""

    names: ClassVar[dict[str, dict[str, Any]]] = {}

    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        told = {
            name: value
            for name, value in asked["environment"].items()
            if name.startswith("MARSAM_") or name in ("PORT", "HOME")
        }
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(asked["folder"]),
            patch.dict(os.environ, told),
            patch.object(sys, "argv", sys.argv),
            patch.object(sys, "stdin", io.StringIO(asked.get("input", ""))),
            patch.object(listen, "_bind", _anywhere),
            patch.object(uvicorn.Server, "run", _ask_and_stop),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = self._do(asked)
            except Exception:
                code = 70
                err.write(traceback.format_exc())
        answer = {"out": out.getvalue(), "err": err.getvalue(), "code": code}
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _do(self, asked: dict[str, Any]) -> int:
        if "python" not in asked:
            return marsam(*asked["arguments"])
        names = self.names.setdefault(asked["folder"], {"__name__": "__main__"})
        exec(compile(asked["python"], asked["name"], "exec"), names)
        return 0


_serve = uvicorn.Server.run


def _anywhere(*_: Any) -> list[socket.socket]:
    """A port nobody has, whichever was asked for: somebody may be using that."""
    return [socket.create_server(("127.0.0.1", 0))]


def _ask_and_stop(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    """Serve for as long as it takes to be asked once."""
    guard: Any = server.config.app
    keys = [key.decode() for key in guard.keys]
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=_serve, args=(server, sockets))
    thread.start()
    try:
        _ask(address, thread, keys[0] if keys else "")
    finally:
        server.should_exit = True
        thread.join()


def _ask(address: str, thread: threading.Thread, key: str) -> None:
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
    socketserver.UnixStreamServer(sys.argv[1], _Answering).serve_forever()
