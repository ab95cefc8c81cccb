"""The studio is stopped while it loads and tries its models."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.helpers.serving import free_port


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    own = {"MARSAM_DATA": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "marsam.cli", "studio", "--models", "mini"]

    def run() -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [*command, "--port", str(free_port())],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | own,
                text=True,
            )
        )
        return started[-1]

    yield run
    for server in started:
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("orjson", signal.SIGTERM),
        ("listening", signal.SIGTERM),
        ("libtorch_cpu", signal.SIGTERM),
        ("libtorch_cpu", signal.SIGINT),
        ("tokenizers", signal.SIGTERM),
    ],
)
def test_a_signal_while_the_studio_starts_is_no_crash(
    start: Callable[[], subprocess.Popen[str]], moment: str, number: signal.Signals
) -> None:
    server = start()
    if moment == "listening":
        assert server.stdout is not None
        server.stdout.readline()
    else:  # a library was loaded
        maps = Path(f"/proc/{server.pid}/maps")
        while moment not in maps.read_text():
            assert server.poll() is None
            time.sleep(0.01)
    server.send_signal(number)
    _, errors = server.communicate(timeout=60)
    expected = (130, "Stopped.\n") if number == signal.SIGINT else (0, "")
    assert (server.returncode, errors) == expected


def test_an_open_page_does_not_hinder_the_end(start: Callable[[], subprocess.Popen[str]]) -> None:
    server = start()
    assert server.stdout is not None
    address = server.stdout.readline().removeprefix("Marsam: ").strip()
    with httpx.stream("GET", f"{address}/gradio_api/heartbeat/page", timeout=60) as stream:
        assert stream.is_success
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (0, "")
