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
def served(folder: Path, *, command: str = "studio", **more: str) -> Iterator[str]:
    """The address of ``marsam studio`` with the mini set; everything it keeps is in ``folder``."""
    port = free_port()
    own = {
        "NO_PROXY": "127.0.0.1",
        "MARSAM_DATA": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "marsam.cli", command, "--port", str(port), "--models", "mini"],
        stdout=subprocess.DEVNULL,
        env=os.environ | own | more,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(6000):  # a busy machine takes more than a minute to load everything
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "the studio ended by itself"
                time.sleep(0.05)
        else:
            raise AssertionError("the studio does not answer")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)
