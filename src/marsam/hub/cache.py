"""The hub's cache on this machine, read without the network."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from marsam.hub import catalog, manifest
from marsam.hub.model_files import is_intact, is_weights, missing_files, select_files

IMPORTED = "marsam"  # the ref, beside "main", of models that were imported from a folder


def root() -> Path:
    """Return the cache's folder; ``HF_HOME`` moves it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository(repo: str) -> Path:
    """Return the cache's folder of a repository."""
    return root() / f"models--{repo.replace('/', '--')}"


def snapshots(repo: str) -> list[Path]:
    """Return the snapshots of a model, complete or not: pinned, ``main``, then imported."""
    revisions = filter(None, (manifest.pin_of(repo).revision, "main", IMPORTED))
    found = (snapshot(repo, revision) for revision in revisions)
    return list(dict.fromkeys(path for path in found if path is not None))


def snapshot(repo: str, revision: str) -> Path | None:
    """Return the snapshot folder of a revision, complete or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        # No pattern selects no file: which files must be present is checked here, by stage.
        found = snapshot_download(repo, revision=revision, allow_patterns=[], local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return Path(found)


def cached_listing(repo: str, folder: Path) -> list[str] | None:
    """Return the repository's file names as an earlier pull cached them."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        return [file.path for file in get_cached_repo_tree(repo, revision=folder.name)]
    except CachedRepoTreeNotFoundError:
        return None


def complete(repo: str, folder: Path) -> bool:
    """Whether the snapshot holds all that a pull would download, as far as the cache knows."""
    names = cached_listing(repo, folder)
    if names is None:
        # An imported model is complete, and has no list.
        return folder == snapshot(repo, IMPORTED)
    return all((folder / name).is_file() for name in wanted_files(names, repo))


def wanted_files(names: Iterable[str], repo: str) -> list[str]:
    """Return those of a repository's files that a pull downloads."""
    model = catalog.model_of(repo)
    if model is None or not model.files:
        return select_files(names)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in model.files)]


def missing(repo: str, folder: Path, stage: str) -> list[str]:
    """Return the missing files that the stage needs or a pull would download for it.

    Weights in another precision than a pull would select are accepted: other programs share the
    cache, and downloading gigabytes twice helps no user.
    """
    names = wanted_files(cached_listing(repo, folder) or [], repo)
    absent = [name for name in names if not (folder / name).is_file()]
    if needed := missing_files(folder, stage):
        return absent or needed
    return [name for name in absent if not is_weights(name)]


def verified_files(
    folder: Path | None, names: Iterable[str], sha256: Mapping[str, str]
) -> list[str]:
    """Return those of the files that are intact; corrupt files are deleted."""
    if folder is None:
        return []
    present = [name for name in names if (folder / name).is_file()]
    corrupt = [name for name in present if not is_intact(folder / name, sha256=sha256.get(name))]
    for name in corrupt:
        _delete(folder / name)
    return [name for name in present if name not in corrupt]


def _delete(path: Path) -> None:
    """Delete a cached file and what it links to, so that the next pull downloads it again."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)
