"""Every command and snippet of the documents does what they say."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.serving import free_port, served
from tests.mini.documents import (
    DOCUMENTS,
    NOT_HERE,
    PYTHON_NOT_HERE,
    ROOT,
    RUN,
    SHOWN,
    Reader,
    blocks,
    every_statement,
)
from tests.mini.terminal import Terminal

PROMISED = {
    "README.md": ["Captioned\nTranslated\n", *["Painted\n"] * 4],
    "http-api.md": [
        *["event: painted"] * 2,
        "event: ended",
        '"state": "finished"',
        "سيارة",
        # Python and JavaScript, each: followed, cancelled, resumed, translated.
        *["image 0 seed 7\nimage 1 seed 8\nfinished a car on a green background"] * 2,
        *["stopped 0\nfinished 2"] * 2,
        "three lions",
    ],
}
"""What some documents say only in words must be among what their blocks print."""
READ = [
    one
    for one in DOCUMENTS
    # Its commands are those of README.md, as a test of their own says.
    if one.name != "README.ar.md" and any(block.kind in RUN for block in blocks(one))
]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    with Terminal() as opened:
        yield opened


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """The address of a ``marsam serve``, which starts at the first call."""
    with ExitStack() as stack:
        started: list[str] = []

        def address() -> str:
            if not started:
                folder = tmp_path_factory.mktemp("service")
                started.append(stack.enter_context(served(folder, command="serve")))
            return started[0]

        yield address


@pytest.mark.parametrize("document", READ, ids=lambda path: path.name)
def test_a_document_works_as_written(
    document: Path, terminal: Terminal, service: Callable[[], str], tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    reader = Reader(document=document, folder=folder, terminal=terminal, service=service)
    for block in blocks(document):
        reader.read(block)
    reader.finish()
    printed = "".join(reader.log)
    promised = PROMISED.get(document.name, [])
    assert [words for words in promised if printed.count(words) < promised.count(words)] == []


def test_every_fence_is_run_or_said_to_be_shown_only() -> None:
    unknown = [
        f"{block}: {block.kind or 'no language'}"
        for document in DOCUMENTS
        for block in blocks(document)
        if block.kind not in RUN | SHOWN and not block.kind.startswith("{")
    ]
    assert unknown == []


def test_no_excuse_is_left_over() -> None:
    lines = list(every_statement())
    python = [b.text for d in DOCUMENTS for b in blocks(d) if b.kind == "python"]
    assert [rule for rule in NOT_HERE if not any(re.search(rule, one) for one in lines)] == []
    assert [rule for rule in PYTHON_NOT_HERE if not any(rule in one for one in python)] == []


def test_both_readmes_give_the_same_commands() -> None:
    def commands(name: str) -> list[list[str]]:
        found = [b.text for b in blocks(ROOT / name) if b.kind in RUN]
        return [[re.sub(r"\s+#.*", "", line) for line in text.splitlines()] for text in found]

    assert commands("README.ar.md") == commands("README.md")


def test_the_readme_begins_with_two_commands() -> None:
    first = [line.split()[:2] for line in blocks(ROOT / "README.md")[0].text.splitlines()]
    assert first == [["make", "run"], ["make", "test"]]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_run_opens_the_studio() -> None:
    port = free_port()
    # The environment of this test run: `make run` finds it complete and starts the Studio.
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
