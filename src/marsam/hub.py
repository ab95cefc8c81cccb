"""A model's name, folder or hub id becomes a local folder, before anything is loaded.

Looking a model up never uses the network; :func:`pull` does, and nothing else here. The hub's own
variables are respected: ``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from marsam import catalog
from marsam.errors import HubUnreachable, ModelDamaged, ModelError, ModelMissing, ModelUnsupported
from marsam.folders import chosen_files, damaged_files, is_sound, is_weights, missing_files
from marsam.hub_errors import pull_command, translated

TIMEOUT = 10.0
"""Seconds the hub has for its first answer; the library itself would wait for ever."""


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where a model lies on this machine.

    Attributes:
        source: the folder or hub id it was asked for as, an id that moved already replaced.
        revision: the commit, for a model of the hub.
    """

    folder: Path
    source: str
    revision: str | None


@dataclass(frozen=True, kw_only=True)
class PullProgress:
    """How far a pull is, in bytes; what was here before counts as done."""

    source: str
    done: int
    total: int


def locate(source: str, *, stage: str, files: tuple[str, ...] = (), revision: str = "main") -> Path:
    """The local folder of a folder or hub id; see :func:`find`."""
    return find(source, stage=stage, files=files, revision=revision).folder


def find(
    source: str, *, stage: str, files: tuple[str, ...] = (), revision: str = "main"
) -> Located:
    """Look a model up on this machine, without the network.

    A folder that exists is taken as it is. A hub id is looked for in the hub's cache, where all of
    ``files`` (patterns; those of :func:`pull` by default) have to be.

    Raises:
        ModelMissing: when it is not here.
        ModelDamaged: when only a part is.
        ModelNotFound: when it is neither a folder nor possibly a hub id.
    """
    folder = _folder(source)
    if folder is not None:
        return Located(folder=folder, source=source, revision=None)
    repo = catalog.ALIASES.get(source, source)
    with translated(repo):
        snapshot = _snapshot(repo, revision)
        if snapshot is None:
            raise ModelMissing(
                f"{repo} is not on this machine; fetch it with: {pull_command(repo)}"
            )
        missing = _missing(repo, snapshot, stage, files)
    if missing:
        raise ModelDamaged(
            f"{repo} is only partly on this machine ({_some(missing)} missing); "
            f"fetch the rest with: {pull_command(repo)}"
        )
    return Located(folder=snapshot, source=repo, revision=snapshot.name)


def is_present(model: catalog.Model) -> bool:
    """Whether a model of the catalog is here and complete."""
    if not model.files:
        return not missing_files(catalog.bundled_folder(model), model.stage)
    try:
        locate(model.source, stage=model.stage, files=model.files, revision=model.revision)
    except ModelError:
        return False
    return True


def verify(
    source: str, *, stage: str, files: tuple[str, ...] = (), revision: str = "main"
) -> Located:
    """Find a model and read every byte of it; no network.

    Raises:
        ModelMissing: when it is not here.
        ModelDamaged: when a file is missing, short or not what the hub sent.
    """
    located = find(source, stage=stage, files=files, revision=revision)
    problem = f"is missing {_some(gone)}" if (gone := missing_files(located.folder, stage)) else ""
    if not problem and (wrong := damaged_files(located.folder)):
        problem = f"is damaged ({_some(wrong)})"
    if problem:
        remedy = f"repair it with: {pull_command(located.source)}"
        if located.revision is None:
            remedy = "copy it again from where it came"
        raise ModelDamaged(f"{located.source} {problem}; {remedy}")
    return located


def pull(
    source: str,
    *,
    files: tuple[str, ...] = (),
    revision: str = "main",
    progress: Callable[[PullProgress], None] | None = None,
) -> Path:
    """Fetch a model from the hub, only the files that are needed and not here yet.

    Asking again goes on after an interruption, and replaces files that were damaged since. With the
    hub out of reach, a model that is complete here is still returned.

    Args:
        source: a hub id; an existing folder is returned as it is.
        files: patterns of files to fetch; by default the catalog's, or :func:`chosen_files`.
        revision: a branch, tag or commit.
        progress: called from the downloading threads, one at a time; an error of ours
            raised in it, such as Cancelled, ends the pull.

    Raises:
        ModelNotFound: when the hub has no such model or revision.
        ModelGated: when the hub wants a licence accepted, or a token.
        HubUnreachable: when the hub does not answer, is not allowed to, or is down.
        ModelDamaged: when what arrived is not what the hub announced.
        ModelUnsupported: when the repository has no weights we load.
    """
    folder = _folder(source)
    if folder is not None:
        return folder
    repo = catalog.ALIASES.get(source, source)
    try:
        with translated(repo):
            return _pulled(repo, files, revision, progress)
    except HubUnreachable:
        with translated(repo):
            snapshot = _snapshot(repo, revision)
            names = _listed_before(repo, snapshot) if snapshot else None
        if snapshot is None or names is None:
            raise
        if not all((snapshot / name).is_file() for name in _wanted(names, repo, files)):
            raise
        return snapshot


def _pulled(
    repo: str,
    files: tuple[str, ...],
    revision: str,
    progress: Callable[[PullProgress], None] | None,
) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    # Names, sizes and commit in one request, and the one with a time limit: a hub that swallows
    # packets is found out here.
    info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT)
    sizes: dict[str, int] = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    wanted = _wanted(sizes, repo, files)
    if not any(is_weights(name) for name in wanted):
        raise ModelUnsupported(
            f"{repo} holds no weights that Marsam loads (safetensors or pytorch_model.bin)."
        )
    here = _kept(_snapshot(repo, info.sha), wanted)
    meter = _Meter(
        source=repo,
        done=sum(sizes[name] for name in here),
        total=sum(sizes[name] for name in wanted),
        report=progress,
    )
    meter.add(0)
    bars = _bars_of(meter)
    snapshot = Path(
        snapshot_download(repo, revision=revision, allow_patterns=wanted, tqdm_class=bars)
    )
    # The library checks sizes, and hashes only on one of its two ways to download.
    new = [name for name in wanted if name not in here]
    sound = _kept(snapshot, new)
    if wrong := [name for name in new if name not in sound]:
        raise ModelDamaged(
            f"{repo} arrived damaged ({_some(wrong)}); fetch it again with: {pull_command(repo)}"
        )
    meter.add(meter.total - meter.done)
    return snapshot


@dataclass(kw_only=True)
class _Meter:
    """Bytes done, counted by several threads."""

    source: str
    done: int
    total: int
    report: Callable[[PullProgress], None] | None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.done = min(self.done + count, self.total)
            if self.report is not None:
                self.report(PullProgress(source=self.source, done=self.done, total=self.total))


def _bars_of(meter: _Meter) -> type[Any]:
    """A progress bar class that shows nothing and tells the meter: the library's only hook."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # There are three bars: of files, of bytes received and of bytes written.
            self.counts = kwargs.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts:
                meter.add(int(n or 0))
            return None

    return Bar


def _folder(source: str) -> Path | None:
    path = Path(source).expanduser()
    return path if source and path.is_dir() else None


def _snapshot(repo: str, revision: str | None) -> Path | None:
    """The cache's folder of a revision, complete or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # No pattern, no file wanted: what has to be there is checked by us, stage by stage.
        found = snapshot_download(repo, revision=revision, allow_patterns=[], local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return Path(found)


def _listed_before(repo: str, snapshot: Path) -> list[str] | None:
    """The repository's file names as kept by an earlier pull."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        return [file.path for file in get_cached_repo_tree(repo, revision=snapshot.name)]
    except CachedRepoTreeNotFoundError:
        return None


def _wanted(names: Iterable[str], repo: str, files: tuple[str, ...]) -> list[str]:
    listed = (*(m for s in catalog.SETS.values() for m in s.parts), *catalog.ALTERNATIVES)
    known = next((model.files for model in listed if model.source == repo), ())
    patterns = files or known
    if not patterns:
        return chosen_files(names)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def _missing(repo: str, snapshot: Path, stage: str, files: tuple[str, ...]) -> list[str]:
    """What the stage needs, and what a pull would fetch for it, that is not here.

    Weights in another precision than a pull would choose are as good: other programs share the
    cache, and nobody wants to fetch gigabytes twice.
    """
    wanted = _wanted(_listed_before(repo, snapshot) or [], repo, files)
    gone = [name for name in wanted if not (snapshot / name).is_file()]
    if needed := missing_files(snapshot, stage):
        return gone or needed
    return [name for name in gone if not is_weights(name)]


def _kept(snapshot: Path | None, wanted: list[str]) -> list[str]:
    """Those of the wanted files that are here; damaged ones are dropped first."""
    if snapshot is None:
        return []
    here = [name for name in wanted if (snapshot / name).is_file()]
    wrong = [name for name in here if not is_sound(snapshot / name)]
    for name in wrong:
        _drop(snapshot / name)
    return [name for name in here if name not in wrong]


def _drop(path: Path) -> None:
    """Delete a cached file with everything it links to, so that the next pull fetches it."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
