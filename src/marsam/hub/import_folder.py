"""Models from a folder, such as a USB stick, into the hub's cache; no network.

Two layouts are known: ``FOLDER/owner/name/…``, the files as the hub shows them, and another
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
from marsam.hub.download import Survey
from marsam.hub.errors import check_room, some, translated
from marsam.hub.model_files import is_sound, is_weights, missing_files
from marsam.hub.progress import Meter, PullProgress

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model that lies in a folder.

    Attributes:
        commit: which one it is, where the folder says so.
        names: the files that are needed.
    """

    repo: str
    folder: Path
    commit: str | None
    names: tuple[str, ...]

    def survey(self) -> Survey:
        """What bringing it would copy."""
        pinned = manifest.pin_of(self.repo)
        return Survey(
            source=self.repo,
            sizes={name: (self.folder / name).stat().st_size for name in self.names},
            here=frozenset(),
            pinned=pinned is not None,
            checked=sum(n in pinned.sha256 for n in self.names) if pinned is not None else 0,
        )


def look(repo: str, folder: Path) -> Found:
    """Find a model in a folder; one of the catalog has to be complete.

    Raises:
        ModelMissing: when it is not there.
        ModelDamaged: when only a part is.
    """
    with translated(repo):
        lies, commit = _lies(repo, folder)
        names = [p.relative_to(lies).as_posix() for p in sorted(lies.rglob("*")) if p.is_file()]
        wanted = cache.wanted(names, repo)
        model = catalog.model_of(repo)
        gone = missing_files(lies, model.stage) if model is not None else []
        if not gone and not any(is_weights(name) for name in wanted):
            gone = ["model.safetensors"]
    if gone:
        raise ModelDamaged(f"{lies} holds only a part of {repo} ({some(gone)} missing).")
    return Found(repo=repo, folder=lies, commit=commit, names=tuple(wanted))


def bring(found: Found, *, progress: Callable[[PullProgress], None] | None = None) -> Path:
    """Copy a model into the hub's cache, checking every byte, and return where it lies now.

    It stands there as the commit it is when that is known: from the cache it comes from, or because
    all its files are those of Marsam's manifest. Otherwise its name is made of its content.

    Raises:
        ModelDamaged: when a file is not what it should be; nothing of it is used then.
        ModelError: when there is no room.
    """
    repo, pinned = found.repo, manifest.pin_of(found.repo)
    expected = {} if pinned is None else pinned.sha256
    if pinned is not None and found.commit not in (None, pinned.revision):
        expected = {}  # another commit: its files may rightly differ
    if wrong := [name for name in found.names if not is_sound(found.folder / name)]:
        raise ModelDamaged(f"{found.folder} is damaged ({some(wrong)}); copy it again.")
    target = cache.repository(repo)
    sizes = found.survey().sizes
    meter = Meter(source=repo, done=0, total=sum(sizes.values()), report=progress)
    meter.add(0)
    check_room(repo, meter.total)
    with translated(repo, left=lambda: meter.left):
        (target / "blobs").mkdir(parents=True, exist_ok=True)
        copied = {
            name: _copied(found.folder / name, target / "blobs", expected.get(name), meter)
            for name in found.names
        }
        commit = found.commit
        if commit is None and pinned is not None and all(n in expected for n in copied):
            commit = pinned.revision
        if commit is None:
            commit = hashlib.sha256(repr(sorted(copied.items())).encode()).hexdigest()[:40]
        snapshot = target / "snapshots" / commit
        for name, blob in copied.items():
            _link(target / "blobs" / blob, snapshot / name)
        (target / "refs").mkdir(exist_ok=True)
        (target / "refs" / cache.IMPORTED).write_text(commit, encoding="utf-8")
    return snapshot


def _lies(repo: str, folder: Path) -> tuple[Path, str | None]:
    """Where a repository lies in the folder, and its commit in another machine's cache."""
    if (folder / repo).is_dir():
        return folder / repo, None
    cached = folder / f"models--{repo.replace('/', '--')}"
    snapshots = cached / "snapshots"
    there = {p.name: p for p in snapshots.iterdir() if p.is_dir()} if snapshots.is_dir() else {}
    pinned, main = manifest.pin_of(repo), cached / "refs" / "main"
    preferred = [
        pinned.revision if pinned is not None else None,
        main.read_text(encoding="utf-8").strip() if main.is_file() else None,
        *sorted(there, key=lambda name: there[name].stat().st_mtime, reverse=True),
    ]
    for name in preferred:
        if name in there:
            return there[name], name if _COMMIT.fullmatch(name) else None
    raise ModelMissing(
        f"{repo} is not in {folder}; it was looked for as {repo} and as {cached.name}/snapshots."
    )


def _copied(path: Path, blobs: Path, sha256: str | None, meter: Meter) -> str:
    """Copy one file under the name of its content, which is returned."""
    # Named by the process as well: two at once never write into the same file.
    partial = blobs / f"{path.name}.{os.getpid()}.incomplete"
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
                meter.add(len(chunk))
        if sha256 is not None and digest.hexdigest() != sha256:
            raise ModelDamaged(
                f"{path} is not the file this Marsam was made with, or it is damaged; "
                "copy it again from where it came."
            )
        commit(partial, blobs / digest.hexdigest())
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """Let a snapshot's file be that blob; a copy where the system has no links."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except FileExistsError:
        return  # somebody else was as quick, with the same content
    except OSError:
        shutil.copyfile(blob, pointer)
