"""Pinned models: the commit that is downloaded, and the checksums of its files."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from marsam import environment
from marsam.errors import ModelDamaged, ModelError, ModelNotFound
from marsam.hub import catalog, manifest
from marsam.hub.download import plan_download, pull
from marsam.hub.locate import is_present, locate, verify
from marsam.hub.model_files import is_weights
from tests.helpers.commands import marsam

from .fake_hub import FakeHub
from .tiny_models import BLIP, BLIP_FILES, DECODER, NLLB

TOOL = Path(__file__).parents[2] / "tools" / "pin.py"


@pytest.fixture
def pins(hub: FakeHub, tmp_path: Path) -> Iterator[Path]:
    """The manifest that the maintainers' tool writes for the fake hub, set as the current one."""
    path = tmp_path / "pins.json"
    _tool(hub, path)
    large = [name for repo in hub.repositories for name in hub.downloaded(repo) if is_weights(name)]
    assert not large, "what the hub announces need not be downloaded"
    hub.requests.clear()
    with pytest.MonkeyPatch.context() as patched:  # undone before the hub closes
        patched.setenv(environment.MANIFEST.name, str(path))
        yield path


def test_the_tool_pins_the_needed_files_of_every_model(hub: FakeHub, pins: Path) -> None:
    written = json.loads(pins.read_text())["models"]
    assert set(written) == {m.source for m in catalog.STANDARD.parts}
    for repo, entry in written.items():
        files = hub.repositories[repo].files
        assert entry["revision"] == hub.repositories[repo].commit
        assert entry["files"] == {
            name: {"size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
            for name in entry["files"]
        }
    # Small files, for which the hub gives no SHA-256, are included; duplicates are not.
    assert sorted(written[BLIP]["files"]) == BLIP_FILES


def test_the_tool_writes_nothing_when_a_download_is_damaged(hub: FakeHub, tmp_path: Path) -> None:
    right = hub.repositories[BLIP].files["vocab.txt"]
    hub.repositories[BLIP].forged["vocab.txt"] = b"x" * len(right)
    with pytest.raises(subprocess.CalledProcessError):
        _tool(hub, tmp_path / "pins.json")
    assert not (tmp_path / "pins.json").exists()


def test_a_pinned_model_is_downloaded_at_its_commit(hub: FakeHub, pins: Path) -> None:
    """The pinned commit is requested, not main, also after main has changed."""
    pinned = hub.repositories[BLIP].commit
    folder = pull(BLIP)
    assert folder.name == pinned
    assert f"GET /api/models/{BLIP}/revision/{pinned}" in hub.requests
    assert verify(BLIP, stage="captioner").verified_files == 6

    hub.repositories[BLIP].files["config.json"] += b"\n"
    hub.requests.clear()
    with pytest.raises(ModelNotFound, match="no such revision"):
        plan_download(BLIP)  # this hub keeps no history, and main is not used instead
    assert not [r for r in hub.requests if "/revision/main" in r]
    assert locate(BLIP, stage="captioner") == folder


def test_other_weights_than_pinned_are_refused_before_the_download(
    hub: FakeHub, pins: Path
) -> None:
    _replace_checksum(pins, BLIP, "model.safetensors", "0" * 64)
    with pytest.raises(ModelDamaged, match=r"offers model.safetensors of .* Use another"):
        pull(BLIP)
    assert not hub.downloaded(BLIP)


def test_a_small_file_with_another_checksum_is_refused(hub: FakeHub, pins: Path) -> None:
    """The hub's checksum matches the file, so only Marsam's manifest shows the difference."""
    _replace_checksum(pins, BLIP, "vocab.txt", "0" * 64)
    with pytest.raises(ModelDamaged, match=r"was downloaded damaged \(vocab.txt\)"):
        pull(BLIP)
    assert not is_present(catalog.STANDARD.captioner)


def test_verify_names_the_file_with_another_checksum(
    hub: FakeHub, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert marsam("models", "pull", "standard") == 0
    assert marsam("models", "verify", "standard") == 0
    assert f"{NLLB}: intact (7 files verified by Marsam's own checksums)" in capsys.readouterr().out

    damaged = (locate(NLLB, stage="translator") / "tokenizer.json").resolve()
    damaged.write_bytes(damaged.read_bytes().replace(b"{", b"[", 1))
    assert marsam("models", "verify", "standard") == 1
    assert capsys.readouterr().err == (
        f"{NLLB} is damaged (tokenizer.json); repair it with: marsam models pull standard\n"
    )


def test_a_main_revision_cached_by_another_program_is_used(
    hub: FakeHub, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repositories[DECODER].files["config.json"] += b" "
    folder = Path(snapshot_download(DECODER))
    assert locate(DECODER, stage="decoder") == folder
    # It is not the pinned commit, so the manifest does not apply.
    assert verify(DECODER, stage="decoder").verified_files == 0


def test_an_invalid_manifest_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.MANIFEST.name, str(cache / "nowhere.json"))
    with pytest.raises(ModelError, match="nowhere.json is not a manifest.*MARSAM_MANIFEST"):
        pull(BLIP)


def test_the_packaged_manifest_names_the_source_of_each_pin() -> None:
    written = json.loads(manifest.PACKAGED.read_text(encoding="utf-8"))["models"]
    standard = {m.source for m in catalog.STANDARD.parts}
    assert standard <= set(written)
    for name, entry in written.items():
        assert name.startswith("mini/") or re.fullmatch(r"[0-9a-f]{40}", entry["revision"])
        assert name.startswith("mini/") or entry["sources"]
        for file in entry["files"].values():
            assert re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
            assert file["size"] > 0


def test_sizes_in_the_catalog_are_those_of_the_manifest() -> None:
    """Where weights are pinned; the rest of a repository is small."""
    written = json.loads(manifest.PACKAGED.read_text(encoding="utf-8"))["models"]
    for model in catalog.STANDARD.parts:
        if sizes := [file["size"] for file in written[model.source]["files"].values()]:
            assert sum(sizes) / 1e9 == pytest.approx(model.gigabytes, abs=0.006)


def test_the_manifest_matches_the_bundled_mini_set() -> None:
    """When this fails, the mini set was replaced: run python tools/pin.py mini."""
    for model in catalog.MINI.parts:
        folder = catalog.bundled_folder(model)
        pin = manifest.bundled_pin(folder)
        assert pin is not None
        there = {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert pin.sha256 == there, "run: python tools/pin.py mini"


def test_verify_names_the_damaged_file_of_the_mini_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "marsam"
    shutil.copytree(manifest.PACKAGED.parents[1] / "mini", package / "mini")
    (package / "hub").mkdir()
    shutil.copy(manifest.PACKAGED, package / "hub" / "manifest.json")
    monkeypatch.setattr(manifest, "PACKAGED", package / "hub" / "manifest.json")
    monkeypatch.setattr("marsam.hub.catalog.resources.files", lambda name: package)
    assert marsam("models", "verify", "mini") == 0
    assert (
        "captioner: intact (7 files verified by Marsam's own checksums)" in capsys.readouterr().out
    )

    # One bit of a weight: the file stays valid, so only the checksum detects it.
    weights = package / "mini" / "painter" / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert marsam("models", "verify", "mini") == 1
    error = capsys.readouterr().err
    assert "is damaged (unet/diffusion_pytorch_model.safetensors); install Marsam again" in error

    (package / "mini" / "captioner" / "generation_config.json").unlink()
    assert marsam("models", "verify", "mini") == 1
    assert "is missing generation_config.json; install Marsam again" in capsys.readouterr().err


def _tool(hub: FakeHub, out: Path) -> None:
    sources = [model.source for model in catalog.STANDARD.parts]
    subprocess.run(
        [sys.executable, "-W", "error", str(TOOL), *sources, "--out", str(out)],
        env=os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(out.parent / "home")},
        check=True,
        capture_output=True,
        timeout=60,
    )


def _replace_checksum(pins: Path, repo: str, name: str, sha256: str) -> None:
    """Replace the checksum of a file in the manifest."""
    document = json.loads(pins.read_text())
    document["models"][repo]["files"][name]["sha256"] = sha256
    pins.write_text(json.dumps(document))
