"""A model's name, folder or hub id becomes a local folder, before anything is loaded.

Looking a model up never uses the network; :func:`pull` does, and nothing else here. The hub's own
variables are respected: ``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``.
"""

import errno
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from marsam import catalog
from marsam.errors import (
    HubUnreachable,
    MarsamError,
    ModelDamaged,
    ModelError,
    ModelGated,
    ModelMissing,
    ModelNotFound,
    ModelUnsupported,
)
from marsam.folders import chosen_files, damaged_files, is_sound, is_weights, missing_files

__all__ = [
    "Located",
    "PullProgress",
    "find",
    "is_present",
    "locate",
    "missing_files",
    "pull",
    "verify",
]

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
    with _translated(repo):
        snapshot = _snapshot(repo, revision)
        if snapshot is None:
            raise ModelMissing(f"{repo} is not on this machine; fetch it with: {_how(repo)}")
        missing = _missing(repo, snapshot, stage, files)
    if missing:
        raise ModelDamaged(
            f"{repo} is only partly on this machine ({_some(missing)} missing); "
            f"fetch the rest with: {_how(repo)}"
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
        remedy = f"repair it with: {_how(located.source)}"
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
        with _translated(repo):
            return _pulled(repo, files, revision, progress)
    except HubUnreachable:
        with _translated(repo):
            snapshot = _snapshot(repo, revision)
            names = _listed_before(repo, snapshot) if snapshot else None
        if snapshot is None or names is None:
            raise
        if all((snapshot / name).is_file() for name in _wanted(names, repo, files)):
            return snapshot
        raise


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
        repo,
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
    if wrong := [name for name in new if name not in _kept(snapshot, [name])]:
        raise ModelDamaged(
            f"{repo} arrived damaged ({_some(wrong)}); fetch it again with: {_how(repo)}"
        )
    meter.add(meter.total - meter.done)
    return snapshot


class _Meter:
    """Bytes done, counted by several threads."""

    def __init__(
        self,
        source: str,
        *,
        done: int,
        total: int,
        report: Callable[[PullProgress], None] | None,
    ) -> None:
        self.source, self.done, self.total = source, done, total
        self._report = report
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.done = min(self.done + count, self.total)
            if self._report is not None:
                self._report(PullProgress(source=self.source, done=self.done, total=self.total))


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
    known = next((m.files for s in catalog.SETS.values() for m in s.models if m.source == repo), ())
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


def _how(repo: str) -> str:
    known = next((s.name for s in catalog.SETS.values() for m in s.models if m.source == repo), "")
    return f"marsam models pull {known or repo}"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


@contextmanager
def _translated(repo: str) -> Iterator[None]:
    """Turn what the hub's library raises into our errors."""
    try:
        yield
    except MarsamError:
        raise
    except Exception as error:
        raise _ours(error, repo) from error


def _ours(error: BaseException, repo: str) -> MarsamError:
    """Our error for one of the library's, which wraps the telling one once or twice."""
    link: BaseException | None = error
    while link is not None:
        if (ours := _recognised(link, repo)) is not None:
            return ours
        link = link.__cause__
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"{repo} could not be fetched: {reason}")


def _recognised(error: BaseException, repo: str) -> MarsamError | None:
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    # In this order: a gated repository is, to the library, a kind of missing one.
    match error:
        case errors.GatedRepoError():
            return ModelGated(
                f"{repo} is gated: accept its licence at {hub}/{repo}, then log in with: "
                "hf auth login"
            )
        case errors.RevisionNotFoundError():
            return ModelNotFound(f"{repo} has no such revision on {hub}.")
        case errors.RepositoryNotFoundError() | errors.DisabledRepoError():
            return ModelNotFound(
                f"There is no model {repo} on {hub}, or it is private; check the spelling."
            )
        case errors.HFValidationError():
            return ModelNotFound(f"{repo!r} is neither a folder here nor an id of the hub.")
        case errors.RemoteEntryNotFoundError():
            return ModelDamaged(f"{hub} lists a file of {repo} that it does not have.")
        case errors.OfflineModeIsEnabled():
            return HubUnreachable(
                f"{repo} was not fetched because HF_HUB_OFFLINE forbids it; unset it first."
            )
        case errors.HfHubHTTPError(response=answer):
            return _by_status(answer.status_code, repo, hub)
        # The name of the base of every httpx error, whichever httpx the library uses.
        case errors.HTTPError():
            return HubUnreachable(f"{hub} cannot be reached; check the connection and ask again.")
        case errors.FileMetadataError() | json.JSONDecodeError():
            return HubUnreachable(f"What answers at {hub} does not answer like a model hub.")
        case OSError() if error.errno == errno.ENOSPC:
            return ModelError(f"The disk is full; {repo} was not fetched completely.")
        case OSError() if "Consistency check failed" in str(error):
            return ModelDamaged(f"{repo} arrived incomplete; fetch the rest with: {_how(repo)}")
    return None


def _by_status(status: int, repo: str, hub: str) -> MarsamError:
    if status in (401, 403):
        return ModelGated(f"{hub} refuses {repo} to you; check your token with: hf auth whoami")
    if status == 404:
        return ModelNotFound(f"There is no model {repo} on {hub}; check the spelling.")
    if status == 429:
        return HubUnreachable(f"{hub} has had too many requests from here; ask again later.")
    return HubUnreachable(f"{hub} answers with error {status}; ask again later.")
