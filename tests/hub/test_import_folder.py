"""Import models from a folder, without a network."""

import errno
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from marsam import environment
from marsam.hub import catalog
from marsam.hub.download import pull
from marsam.hub.import_folder import find_in_folder, import_model
from marsam.hub.locate import is_present, verify
from marsam.recipes import Recipe
from marsam.studio import Studio
from tests.helpers.commands import marsam

from .fake_hub import FakeHub
from .tiny_models import ADAPTER, BLIP, DECODER, DIFFUSION, NLLB, Files

STANDARD = catalog.STANDARD


@pytest.fixture
def stick(repositories: dict[str, Files], tmp_path: Path) -> Path:
    """A folder of complete repositories, as they are downloaded by hand."""
    folder = tmp_path / "stick"
    for repo, files in repositories.items():
        for name, content in files.items():
            path = folder / repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def _alone(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, and an empty manifest."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    empty = tmp_path / "empty.json"
    empty.write_text('{"models": {}}')
    monkeypatch.setenv(environment.MANIFEST.name, str(empty))


def test_the_standard_set_is_imported_from_a_folder_and_loads(
    stick: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "standard", "--from", str(stick)) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert f"{NLLB}  1 MB  CC-BY-NC-4.0 (not for commercial use)" in output.out
    shutil.rmtree(stick)

    assert Studio.load(device="cpu").models == "standard"
    assert marsam("models", "verify", "standard") == 0
    # Files that no loader reads are not copied.
    kept = {path.name for path in cache.rglob("*")}
    assert "model.fp16.safetensors" in kept
    assert not kept & {"tf_model.h5", "v1-5-pruned.ckpt", "README.md"}
    # A second pull, without a network, finds every file in the cache.
    assert marsam("models", "pull", "standard") == 0
    assert "Everything is downloaded." in capsys.readouterr().out


@pytest.mark.parametrize("links", [True, False], ids=["symlinks", "files only"])
def test_the_cache_of_another_machine_can_be_imported(
    hub: FakeHub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    for model in STANDARD.parts:
        pull(model.source)
    copied = tmp_path / "copied"
    shutil.copytree(cache, copied, symlinks=links)
    target = tmp_path / "target"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(target))
    hub.requests.clear()

    assert marsam("models", "pull", "standard", "--from", str(copied)) == 0
    assert not hub.requests
    shutil.rmtree(copied)
    for model in STANDARD.parts:
        located = verify(model.source, stage=model.stage)
        assert located.folder.is_relative_to(target)
        assert located.revision == hub.repositories[model.source].commit


def test_a_folder_without_a_commit_gets_a_revision_from_its_content(stick: Path) -> None:
    first = import_model(find_in_folder(DECODER, stick))
    assert import_model(find_in_folder(DECODER, stick)) == first
    (stick / DECODER / "config.json").write_text("{}\n")
    assert import_model(find_in_folder(DECODER, stick)) != first


def test_a_folder_of_the_pinned_files_gets_the_pinned_commit(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pin(stick, ADAPTER, "pytorch_lora_weights.safetensors", tmp_path, monkeypatch)
    assert import_model(find_in_folder(ADAPTER, stick)).name == "c" * 40
    assert verify(ADAPTER, stage="adapter").verified_files == 1


def test_a_checksum_mismatch_is_reported_and_nothing_is_copied(
    stick: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = "pytorch_lora_weights.safetensors"
    _pin(stick, ADAPTER, weights, tmp_path, monkeypatch)
    path = stick / ADAPTER / weights
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert marsam("models", "pull", ADAPTER, "--from", str(stick)) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{path} does not have the checksum of Marsam's manifest")
    assert not is_present(STANDARD.adapters[Recipe.DRAFT])
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_truncated_file_is_reported(stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = stick / BLIP / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert marsam("models", "pull", BLIP, "--from", str(stick)) == 1
    assert "is damaged (model.safetensors); copy it again" in capsys.readouterr().err


def test_missing_models_are_reported_and_the_others_are_imported(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(stick / DIFFUSION)
    (stick / NLLB / "tokenizer.json").unlink()
    (stick / NLLB / "sentencepiece.bpe.model").unlink()
    assert marsam("models", "pull", "standard", "--from", str(stick)) == 1
    assert "holds only a part of facebook/nllb" in capsys.readouterr().err

    shutil.rmtree(stick / NLLB)
    assert marsam("models", "pull", "standard", "--from", str(stick)) == 1
    assert f"{stick} does not contain {NLLB}, {DIFFUSION}; " in capsys.readouterr().err
    assert is_present(STANDARD.captioner)
    assert not is_present(STANDARD.painter)


def test_a_disk_that_fills_up_while_copying(
    stick: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = Path.open

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, chunk: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_(path: Path, mode: str = "r", **more: Any) -> Any:
        file = opened(path, mode, **more)
        return Full(file) if path.suffix == ".incomplete" else file

    monkeypatch.setattr(Path, "open", open_)
    assert marsam("models", "pull", BLIP, "--from", str(stick)) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"The disk is full: {BLIP} needs 1 MB more in {cache}; free some space")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def _pin(
    stick: Path, repo: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (stick / repo / name).read_bytes()
    file = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    pins = {"models": {repo: {"revision": "c" * 40, "files": {name: file}}}}
    path = tmp_path / "pins.json"
    path.write_text(json.dumps(pins))
    monkeypatch.setenv(environment.MANIFEST.name, str(path))
