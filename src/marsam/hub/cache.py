"""The hub's cache on this machine: what of a model lies in it, without the network."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from marsam.hub import catalog, manifest
from marsam.hub.model_files import chosen_files, is_sound, is_weights, missing_files

IMPORTED = "marsam"
"""The name, beside ``main``, under which the cache finds what came from a folder."""


def root() -> Path:
    """Where the cache is; ``HF_HOME`` moves it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository(repo: str) -> Path:
    """The cache's folder of a repository."""
    return root() / f"models--{repo.replace('/', '--')}"


def snapshots(repo: str) -> list[Path]:
    """The folders that may stand for a model, the best first, each complete or not.

    What the release was pinned to comes first; then what other programs fetched as ``main``, and
    what was brought from a folder.
    """
    pinned = manifest.pin_of(repo)
    revisions = ["main", IMPORTED]
    if pinned is not None and pinned.revision is not None:
        revisions.insert(0, pinned.revision)
    found = [snapshot(repo, one) for one in revisions]
    return list(dict.fromkeys(path for path in found if path is not None))


def snapshot(repo: str, revision: str | None) -> Path | None:
    """The cache's folder of a revision, complete or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # No pattern, no file wanted: what has to be there is checked by us, stage by stage.
        found = snapshot_download(repo, revision=revision, allow_patterns=[], local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return Path(found)


def listed_before(repo: str, folder: Path) -> list[str] | None:
    """The repository's file names as kept by an earlier pull."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        return [file.path for file in get_cached_repo_tree(repo, revision=folder.name)]
    except CachedRepoTreeNotFoundError:
        return None


def complete(repo: str, folder: Path) -> bool:
    """Whether all that a pull would fetch is here, as far as the cache knows the repository."""
    names = listed_before(repo, folder)
    if names is None:
        # What came from a folder came whole, and with no list.
        return folder == snapshot(repo, IMPORTED)
    return all((folder / name).is_file() for name in wanted(names, repo))


def wanted(names: Iterable[str], repo: str) -> list[str]:
    """Which of a repository's files are fetched."""
    model = catalog.model_of(repo)
    if model is None:
        return chosen_files(names)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in model.files)]


def missing(repo: str, folder: Path, stage: str) -> list[str]:
    """What the stage needs, and what a pull would fetch for it, that is not here.

    Weights in another precision than a pull would choose are as good: other programs share the
    cache, and nobody wants to fetch gigabytes twice.
    """
    names = wanted(listed_before(repo, folder) or [], repo)
    gone = [name for name in names if not (folder / name).is_file()]
    if needed := missing_files(folder, stage):
        return gone or needed
    return [name for name in gone if not is_weights(name)]


def kept(folder: Path | None, names: Iterable[str], sha256: Mapping[str, str]) -> list[str]:
    """Those of the files that are here; damaged ones are dropped first."""
    if folder is None:
        return []
    here = [name for name in names if (folder / name).is_file()]
    wrong = [name for name in here if not is_sound(folder / name, sha256=sha256.get(name))]
    for name in wrong:
        _drop(folder / name)
    return [name for name in here if name not in wrong]


def _drop(path: Path) -> None:
    """Delete a cached file with everything it links to, so that the next pull fetches it."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)
