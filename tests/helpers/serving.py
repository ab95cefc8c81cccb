"""The studio as a user starts it: a process of its own, with data and caches of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served(
    folder: Path, *, command: str = "studio", module: str = "", **more: str
) -> Iterator[str]:
    """The address of ``marsam studio`` with the mini set; everything it keeps is in ``folder``.

    ``module`` is run instead, with the port.
    """
    port = free_port()
    server = start(folder, port, command=command, module=module, **more)
    try:
        yield answering(server, port)
    finally:
        server.terminate()
        server.wait(timeout=30)


def start(
    folder: Path, port: int, *, command: str = "studio", module: str = "", **more: str
) -> "subprocess.Popen[bytes]":
    """The process of a server as :func:`served` starts it."""
    own = {
        "NO_PROXY": "127.0.0.1",
        "MARSAM_DATA": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    ours = ["marsam.cli", command, "--port", str(port), "--models", "mini"]
    return subprocess.Popen(
        [sys.executable, "-m", *([module, str(port)] if module else ours)],
        stdout=subprocess.DEVNULL,
        env=os.environ | own | more,
    )


def answering(server: "subprocess.Popen[bytes]", port: int) -> str:
    """The address of a server, once it answers."""
    address = f"http://127.0.0.1:{port}"
    for _ in range(6000):  # a busy machine takes more than a minute to load everything
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=5).close()  # needs no key
        except OSError:
            assert server.poll() is None, "the studio ended by itself"
            time.sleep(0.05)
        else:
            return address
    raise AssertionError("the studio does not answer")
