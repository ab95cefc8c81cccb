"""``marsam alt fill --in-place``, killed at every point of writing: no document is half written."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

KILLED = """
import os, pathlib, signal, sys
from unittest.mock import patch

from marsam import Studio
from marsam.testing import fake_studio
from tests.helpers.commands import marsam

point, left = sys.argv[1], int(sys.argv[2])


def die(name):
    global left
    if name == point:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


write, fsync, replace = pathlib.Path.write_bytes, os.fsync, pathlib.Path.replace


def half_written(self, data):
    if self.name.endswith(".partial"):
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            die("written")
    return write(self, data)


def synced(handle):
    die("before sync")
    fsync(handle)
    die("after sync")


def renamed(self, target):
    die("before rename")
    done = replace(self, target)
    die("after rename")
    return done


with (
    patch.object(pathlib.Path, "write_bytes", half_written),
    patch("os.fsync", synced),
    patch.object(pathlib.Path, "replace", renamed),
    patch.object(Studio, "load", lambda *_, **__: fake_studio()),
):
    sys.exit(marsam("alt", "fill", "site", "--in-place"))
"""
POINTS = ("written", "before sync", "after sync", "before rename", "after rename")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crashes") / "site"
    folder.mkdir()
    Image.effect_noise((60, 50), 90).save(folder / "a.png")
    for name in ("one.html", "two.html"):
        (folder / name).write_text('<html lang="en"><img src="a.png"></html>', encoding="utf-8")
    return folder


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_command_leaves_whole_documents(
    site: Path, tmp_path: Path, point: str, after: int
) -> None:
    shutil.copytree(site, tmp_path / "site")
    before = (site / "one.html").read_bytes()
    environment = {
        **os.environ,
        "MARSAM_DATA": str(tmp_path / "data"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    def run(point: str, after: int) -> int:
        command = [sys.executable, "-c", KILLED, point, str(after)]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode

    assert run(point, after) == -signal.SIGKILL
    documents = [path.read_bytes() for path in sorted((tmp_path / "site").glob("*.html"))]
    filled = b'<html lang="en"><img src="a.png" alt="a cat on a blue background"></html>'
    assert set(documents) <= {before, filled}
    assert run("never", 0) == 0
    documents = [path.read_bytes() for path in sorted((tmp_path / "site").glob("*.html"))]
    assert documents == [filled, filled]
    assert not [*(tmp_path / "site").glob(".*")]
