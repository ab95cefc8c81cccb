"""Ctrl-C, and the progress bar on a terminal."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from marsam.cli.console import interruptible, shown_name


@pytest.fixture(autouse=True)
def _restore_sigint() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_interruptible_raises_again_after_a_library_discarded_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with interruptible() as check:
        check()
        with pytest.raises(KeyboardInterrupt):  # as soon as it is pressed
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # and again after a library discarded it
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interruptible_leaves_background_jobs_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible() as check:
        os.kill(os.getpid(), signal.SIGINT)
        check()


RENDER = """
from pathlib import Path
from marsam import PaintOptions, RunOptions
from marsam.cli.console import render_events, save_to
from marsam.testing import fake_studio

options = RunOptions(paint=PaintOptions(pictures=2, seed=7))
render_events(fake_studio().stream("photo.png", options), options, save_to(Path("new")))
"""


def test_output_is_not_mixed_with_the_progress_bar(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [sys.executable, "-c", RENDER], stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment
    ) as process:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while more := os.read(ours, 4096):
                output += more
    os.close(ours)
    assert process.returncode == 0
    assert "━".encode() in output  # there was a bar
    # The text of a line is what follows its last erasure.
    lines = [line.split("\x1b[2K")[-1] for line in output.decode().split("\n")]
    shown = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in lines]
    for text in ("a cat on a blue background", "قطة على خلفية زرقاء", "new/marsam-7.png"):
        assert text in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat.png", "cat.png"),
        ("\x1b]0;title\x07 bad.jpg", "]0;title bad.jpg"),
        ("two\nlines.png", "two lines.png"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("قطة.png", "\u2068قطة.png\u2069"),
        ("bad\udcff.png", "bad\\xff.png"),
    ],
)
def test_names_do_nothing_to_the_terminal(name: str, shown: str) -> None:
    assert shown_name(name) == shown
