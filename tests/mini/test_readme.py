"""README's commands do what README says."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.serving import served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULT = "http://127.0.0.1:7860"
PHOTO = ROOT / "src" / "marsam" / "web" / "examples" / "car.png"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = (line for block in blocks("sh") for line in block.splitlines())
    return [line for line in lines if line.startswith("marsam ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all commands: a reader types them one after another."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(PHOTO, folder / "photo.png")
    shutil.copytree(PHOTO.parent, folder / "photos", ignore=shutil.ignore_patterns("finished"))
    return folder


@pytest.mark.parametrize("command", commands())
def test_commands(command: str, place: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env=os.environ
        | {"PATH": path, "MARSAM_MODELS": "mini", "MARSAM_DATA": str(place / "data")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_python(place: Path) -> None:
    snippet, _ = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Captioned", "Translated"]
    assert lines.count("Painted") == 4
    assert (place / "new.png").is_file()


def test_the_service(place: Path) -> None:
    """README's snippet and the guide's commands, asked of ``marsam serve`` with the page beside."""
    _, snippet = blocks("python")
    guide = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^curl .*$", guide, re.MULTILINE)
    with served(place / "service", command="serve") as address:

        def ask(*command: str) -> str:
            done = subprocess.run(
                [part.replace(DEFAULT, address) for part in command],
                cwd=place,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert ask(sys.executable, "-c", snippet).strip() in ("queued", "running", "finished")
        run = json.loads(ask("bash", "-c", first.replace(DEFAULT, address)))["id"]
        told = ask("bash", "-c", second.replace(DEFAULT, address).replace("RUN", run))
        assert told.count("event: painted") == 2
        assert "event: ended" in told
        assert '"state": "finished"' in told
        assert "سيارة" in told
        with urllib.request.urlopen(address, timeout=5) as page:
            assert "Marsam · مرسم" in page.read().decode()


def test_the_first_two_commands_are_in_the_makefile() -> None:
    first = [line.split()[:2] for line in blocks("sh")[0].splitlines()]
    assert first == [["make", "run"], ["make", "test"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^run:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_run_opens_the_studio() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The venv of this very run: `make run` finds it installed and goes on to the studio.
    venv = Path(sys.prefix)
    if not (venv / ".run").exists():
        pytest.skip("this run's environment was not made by make")
    server = subprocess.Popen(
        ["make", "run", f"PORT={port}", f"VENV={venv}"],
        cwd=ROOT,
        env=os.environ | {"MARSAM_MODELS": "mini"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        page = ""
        for _ in range(240):
            if server.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    page = answer.read().decode()
                break
            except OSError:
                time.sleep(0.5)
        assert "Marsam · مرسم" in page
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=30)
