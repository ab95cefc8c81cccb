"""What the command line does with keys."""

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

from marsam.cli.console import stoppable


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_holds_though_a_library_swallowed_it() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with stoppable() as stopped:
        stopped()
        with pytest.raises(KeyboardInterrupt):  # as soon as it is pressed
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # and whoever caught that, again
            stopped()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_shell_runs_in_the_background_is_not_stopped() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        stopped()


SAYING = """
from pathlib import Path
from marsam import PaintOptions, RunOptions
from marsam.cli.console import tell
from marsam.testing import fake_studio

options = RunOptions(paint=PaintOptions(pictures=2, seed=7))
tell(fake_studio().stream("photo.png", options), options, Path("new"), as_json=False)
"""


def test_on_a_terminal_words_are_not_written_onto_the_bar(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    ours, theirs = pty.openpty()
    asked = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [sys.executable, "-c", SAYING], stdout=theirs, stderr=theirs, cwd=tmp_path, env=asked
    ) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while more := os.read(ours, 4096):
                seen += more
    os.close(ours)
    assert process.returncode == 0
    assert "━".encode() in seen  # there was a bar
    # What is on a line when it ends: what came after the line was last erased.
    lines = [line.split("\x1b[2K")[-1] for line in seen.decode().split("\n")]
    shown = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", line) for line in lines]
    for said in ("a cat on a blue background", "قطة على خلفية زرقاء", "new/marsam-7.png"):
        assert said in shown
