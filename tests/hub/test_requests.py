"""Downloads: the confirmation, two processes at once, and full disks."""

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from marsam.errors import ModelError
from marsam.hub import catalog
from marsam.hub.download import pull
from marsam.hub.locate import is_present
from tests.helpers.commands import marsam

from .fake_hub import FakeHub
from .tiny_models import BLIP, DIFFUSION, NLLB

Usage = namedtuple("Usage", "total used free")


def test_sizes_and_licences_are_printed_and_a_pipe_needs_no_confirmation(
    hub: FakeHub, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "standard") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[:6]] == [m.source for m in catalog.STANDARD.parts]
    assert all(m.licence.en in line for m, line in zip(catalog.STANDARD.parts, lines, strict=False))
    assert f"{BLIP} is not pinned: its files are verified by the hub's checksums." in lines
    assert lines[-1].startswith("Total: ")
    assert lines[-1].endswith(f". Folder: {cache}")


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0), ("\n", 0)])
def test_a_terminal_asks_for_confirmation(
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
) -> None:
    class Terminal:
        """A terminal that answers after the question is printed."""

        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> str:
            assert not hub.downloaded(BLIP), "nothing is downloaded before the answer"
            return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert marsam("models", "pull", BLIP) == code
    assert ("Nothing was downloaded." in capsys.readouterr().out) is (code == 1)
    assert bool(hub.downloaded(BLIP)) is (code == 0)
    assert marsam("models", "pull", BLIP, "--yes") == 0


def test_downloaded_models_are_not_downloaded_again(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(BLIP)
    hub.requests.clear()
    assert marsam("models", "pull", BLIP) == 0
    assert "Everything is downloaded." in capsys.readouterr().out
    assert not hub.downloaded(BLIP)


def test_an_unknown_model_is_reported_before_the_confirmation(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "me/mine") == 1
    output = capsys.readouterr()
    assert "There is no model me/mine" in output.err
    assert output.out == ""


def test_two_concurrent_pulls_download_one_complete_set(hub: FakeHub, tmp_path: Path) -> None:
    """Two processes, one cache, a slow connection: both succeed, and every file is correct."""
    hub.delay = 0.2
    home = tmp_path / "home"
    command = [sys.executable, "-W", "error", "-m", "marsam.cli", "models", "pull", "standard"]
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
    for repo in (BLIP, NLLB, DIFFUSION):
        folder = home / "hub" / f"models--{repo.replace('/', '--')}" / "snapshots"
        folder /= hub.repositories[repo].commit
        for name in set(hub.downloaded(repo)):
            assert (folder / name).read_bytes() == hub.repositories[repo].files[name]
    assert not list((home / "hub").rglob("*.incomplete"))


def test_too_little_disk_space_is_reported_before_the_download(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 10**6 - 100, 100))
    with pytest.raises(ModelError) as caught:
        pull(DIFFUSION)
    assert str(caught.value) == (
        f"The disk is too small for {DIFFUSION}: it needs 1 MB more in {cache}, "
        "where 0 MB are free; "
        "free some space, or set HF_HOME to a folder on another disk, and try again."
    )
    assert not hub.downloaded(DIFFUSION)


def test_a_full_disk_reports_the_space_needed_and_the_next_pull_resumes(
    hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    moved = file_download._chmod_and_move

    def full(source: Path, target: Path) -> None:
        if source.stat().st_size > 20_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        moved(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(file_download, "_chmod_and_move", full)
        with pytest.raises(
            ModelError, match="The disk is full: .* needs [01] MB more in"
        ) as caught:
            pull(DIFFUSION)
    assert str(cache) in str(caught.value)

    hub.requests.clear()
    pull(DIFFUSION)
    assert is_present(catalog.STANDARD.painter)
    assert "model_index.json" not in hub.downloaded(DIFFUSION)
