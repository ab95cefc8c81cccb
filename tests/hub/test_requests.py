"""What a pull says and asks first, two pulls at once, and disks without room."""

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


def test_sizes_and_licences_come_first_and_a_pipe_is_not_asked(
    hub: FakeHub, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "standard") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in said[:5]] == [m.source for m in catalog.STANDARD.parts]
    assert all(m.licence.en in line for m, line in zip(catalog.STANDARD.parts, said, strict=False))
    assert f"{BLIP} is not pinned: its files are verified by the hub's checksums." in said
    assert said[-1].startswith("Total: ")
    assert said[-1].endswith(f". Folder: {cache}")


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0), ("\n", 0)])
def test_a_person_is_asked(
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
) -> None:
    class Terminal:
        """Somebody at the keyboard, who reads before answering."""

        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> str:
            assert not hub.fetched(BLIP), "nothing is fetched before the answer"
            return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert marsam("models", "pull", BLIP) == code
    assert ("Nothing was downloaded." in capsys.readouterr().out) is (code == 1)
    assert bool(hub.fetched(BLIP)) is (code == 0)
    assert marsam("models", "pull", BLIP, "--yes") == 0


def test_what_is_here_is_not_asked_for_again(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(BLIP)
    hub.requests.clear()
    assert marsam("models", "pull", BLIP) == 0
    assert "Everything is downloaded." in capsys.readouterr().out
    assert not hub.fetched(BLIP)


def test_a_gated_or_missing_model_is_said_before_anything_is_asked(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "me/mine") == 1
    said = capsys.readouterr()
    assert "There is no model me/mine" in said.err
    assert said.out == ""


def test_two_pulls_at_once_end_with_one_whole_set(hub: FakeHub, tmp_path: Path) -> None:
    """Two processes, the same cache, a slow line: both succeed, and every file is right."""
    hub.delay = 0.2
    home = tmp_path / "home"
    command = [sys.executable, "-W", "error", "-m", "marsam.cli", "models", "pull", "standard"]
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert (process.returncode, said) == (0, b"")
    for repo in (BLIP, NLLB, DIFFUSION):
        folder = home / "hub" / f"models--{repo.replace('/', '--')}" / "snapshots"
        folder /= hub.repositories[repo].commit
        for name in set(hub.fetched(repo)):
            assert (folder / name).read_bytes() == hub.repositories[repo].files[name]
    assert not list((home / "hub").rglob("*.incomplete"))


def test_too_little_room_is_said_before_anything_is_fetched(
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
    assert not hub.fetched(DIFFUSION)


def test_a_disk_that_fills_up_says_how_much_is_needed_and_the_next_pull_goes_on(
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
    assert "model_index.json" not in hub.fetched(DIFFUSION)
