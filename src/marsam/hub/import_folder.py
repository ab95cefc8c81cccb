"""Import models from a folder, such as a USB stick, into the hub's cache; no network.

Two layouts are supported: ``FOLDER/owner/name/…``, the files as the hub lists them, and another
machine's cache, ``FOLDER/models--owner--name/snapshots/COMMIT/…``.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marsam.atomic import commit
from marsam.errors import ModelDamaged, ModelMissing
from marsam.hub import cache, catalog, manifest
from marsam.hub.download import DownloadPlan
from marsam.hub.errors import check_disk_space, first_names, map_hub_errors
from marsam.hub.model_files import file_sizes, is_intact, is_weights, lora_files, missing_files
from marsam.hub.progress import ByteCounter, PullProgress

_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class FolderModel(DownloadPlan):
    """A model that was found in a folder, and what an import would copy."""

    folder: Path
    commit: str | None  # where the folder's layout contains it


def find_in_folder(repo: str, folder: Path) -> FolderModel:
    """Find a model in a folder; a model of the catalog must be complete.

    Raises:
        ModelMissing: when it is not in the folder.
        ModelDamaged: when only a part of it is.
    """
    with map_hub_errors(repo):
        source, commit = _locate_in(repo, folder)
        sizes = file_sizes(source)
        wanted = cache.wanted_files(sizes, repo)
        model = catalog.model_of(repo)
        missing = missing_files(source, model.stage) if model is not None else []
        if not (missing or lora_files(wanted) or any(is_weights(name) for name in wanted)):
            missing = ["model.safetensors"]
    if missing:
        raise ModelDamaged(
            "{source} holds only a part of {repo} ({files} missing).",
            source=source,
            repo=repo,
            files=first_names(missing),
        )
    sizes = {name: sizes[name] for name in wanted}
    return FolderModel(source=repo, sizes=sizes, folder=source, commit=commit)


def import_model(
    found: FolderModel, *, progress: Callable[[PullProgress], None] | None = None
) -> Path:
    """Copy a model into the hub's cache, verify every file, and return its snapshot folder.

    The snapshot is named by the commit when that is known: from the cache that it comes from, or
    because all files match Marsam's manifest. Otherwise it is named by a hash of the content.

    Raises:
        ModelDamaged: when a file is corrupt; the snapshot is then not created.
        ModelError: when the disk is too small.
    """
    repo, pinned = found.source, manifest.pin_of(found.source)
    # Another commit may have other files.
    expected = pinned.sha256 if found.commit in (None, pinned.revision) else {}
    if corrupt := [name for name in found.sizes if not is_intact(found.folder / name)]:
        raise ModelDamaged(
            "{folder} is damaged ({files}); copy it again.",
            folder=found.folder,
            files=first_names(corrupt),
        )
    target = cache.repository(repo)
    counter = ByteCounter(source=repo, done=0, total=found.total, report=progress)
    counter.add(0)
    check_disk_space(repo, counter.total)
    with map_hub_errors(repo, remaining=lambda: counter.remaining):
        (target / "blobs").mkdir(parents=True, exist_ok=True)
        copied = {
            name: _copy_verified(found.folder / name, target / "blobs", expected.get(name), counter)
            for name in found.sizes
        }
        commit = found.commit
        if commit is None and copied.keys() <= expected.keys():
            commit = pinned.revision
        if commit is None:
            commit = hashlib.sha256(repr(sorted(copied.items())).encode()).hexdigest()[:40]
        snapshot = target / "snapshots" / commit
        for name, blob in copied.items():
            _link(target / "blobs" / blob, snapshot / name)
        (target / "refs").mkdir(exist_ok=True)
        (target / "refs" / cache.IMPORTED).write_text(commit, encoding="utf-8")
    return snapshot


def _locate_in(repo: str, folder: Path) -> tuple[Path, str | None]:
    """Return the repository's folder and, from another machine's cache, its commit."""
    if (folder / repo).is_dir():
        return folder / repo, None
    cached = folder / f"models--{repo.replace('/', '--')}"
    snapshots = cached / "snapshots"
    by_commit = {p.name: p for p in snapshots.iterdir() if p.is_dir()} if snapshots.is_dir() else {}
    pinned, main = manifest.pin_of(repo), cached / "refs" / "main"
    preferred = [
        pinned.revision,
        main.read_text(encoding="utf-8").strip() if main.is_file() else None,
        *sorted(by_commit, key=lambda name: by_commit[name].stat().st_mtime, reverse=True),
    ]
    for name in preferred:
        if name in by_commit:
            return by_commit[name], name if re.fullmatch("[0-9a-f]{40}", name) else None
    raise ModelMissing(
        "{repo} is not in {folder}; expected the folder {repo} or {cached}/snapshots.",
        repo=repo,
        folder=folder,
        cached=cached.name,
    )


def _copy_verified(path: Path, blobs: Path, sha256: str | None, counter: ByteCounter) -> str:
    """Copy a file, named by the hash of its content, and return the hash."""
    # The process ID keeps two imports at the same time apart.
    partial = blobs / f"{path.name}.{os.getpid()}.incomplete"
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
                counter.add(len(chunk))
        if sha256 is not None and digest.hexdigest() != sha256:
            raise ModelDamaged(
                "{path} does not have the checksum of Marsam's manifest; copy it again from "
                "its source.",
                path=path,
            )
        commit(partial, blobs / digest.hexdigest())
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """Link a snapshot's file to its blob, or copy it where the system has no links."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except FileExistsError:
        return  # another process created the same link
    except OSError:
        shutil.copyfile(blob, pointer)
