"""Find models on this machine, and verify them; never uses the network."""

from dataclasses import dataclass, replace
from pathlib import Path

from marsam.errors import ModelDamaged, ModelError, ModelMissing
from marsam.hub import cache, catalog, manifest
from marsam.hub.errors import first_names, map_hub_errors, pull_command
from marsam.hub.model_files import corrupt_files, missing_files
from marsam.messages import Message


@dataclass(frozen=True, kw_only=True)
class LocatedModel:
    """A model on this machine."""

    folder: Path
    source: str  # its folder or hub id; an id that moved is replaced by the new one
    revision: str | None  # the commit, for a model of the hub
    verified_files: int = 0  # files that match Marsam's own checksums; 0 unless verified


def locate(source: str, *, stage: str, wanted_set: str = "") -> Path:
    """Return the local folder of a folder or hub id; see :func:`find`."""
    return find(source, stage=stage, wanted_set=wanted_set).folder


def find(source: str, *, stage: str, wanted_set: str = "") -> LocatedModel:
    """Find a model on this machine, without the network.

    An existing folder is returned as it is. A hub id is searched for in the hub's cache, which must
    hold every file that :func:`marsam.hub.download.pull` would download. An error says how to
    download the model: with the ``wanted_set``, if it is named.

    Raises:
        ModelMissing: when it is not downloaded.
        ModelDamaged: when it is only partly downloaded.
        ModelNotFound: when it is neither a folder nor a valid hub id.
    """
    folder = local_folder(source)
    if folder is not None:
        return LocatedModel(folder=folder, source=source, revision=None)
    repo = catalog.ALIASES.get(source, source)
    missing: list[str] = []
    with map_hub_errors(repo):
        for snapshot in cache.snapshots(repo):
            absent = cache.missing(repo, snapshot, stage)
            if not absent:
                return LocatedModel(folder=snapshot, source=repo, revision=snapshot.name)
            missing = missing or absent
    if not missing:
        raise ModelMissing(
            "{repo} is not downloaded; download it with: {command}",
            repo=repo,
            command=pull_command(repo, wanted_set),
        )
    raise ModelDamaged(
        "{repo} is only partly downloaded ({files} missing); download the rest with: {command}",
        repo=repo,
        files=first_names(missing),
        command=pull_command(repo, wanted_set),
    )


def is_present(model: catalog.Model) -> bool:
    """Whether a model of the catalog is downloaded and complete."""
    if model.bundled:
        return not missing_files(catalog.bundled_folder(model), model.stage)
    try:
        locate(model.source, stage=model.stage)
    except ModelError:
        return False
    return True


def verify(source: str, *, stage: str) -> LocatedModel:
    """Find a model and verify every file of it, without the network.

    Files in Marsam's manifest are compared with its checksums, other files of the hub's cache with
    the hash that the hub announced. Of all others the structure is checked.

    Raises:
        ModelMissing: when it is not downloaded.
        ModelDamaged: when a file is missing or corrupt; the error names it.
    """
    located = find(source, stage=stage)
    folder, bundled = located.folder, manifest.bundled_pin(located.folder)
    pinned = bundled or manifest.pin_of(located.source)
    expected = pinned.sha256 if pinned.revision == located.revision else {}
    missing = missing_files(folder, stage)
    if bundled is not None:
        missing = missing or [name for name in bundled.sha256 if not (folder / name).is_file()]
    problem = Message("is missing {files}", files=first_names(missing)) if missing else None
    if problem is None and (corrupt := corrupt_files(folder, expected)):
        problem = Message("is damaged ({files})", files=first_names(corrupt))
    if problem is not None:
        remedy = Message("repair it with: {command}", command=pull_command(located.source))
        if located.revision is None:
            remedy = Message("install Marsam again" if bundled else "copy it again from its source")
        raise ModelDamaged(
            "{source} {problem}; {remedy}", source=located.source, problem=problem, remedy=remedy
        )
    verified = sum((folder / name).is_file() for name in expected)
    return replace(located, verified_files=verified)


def local_folder(source: str) -> Path | None:
    """Return the folder that ``source`` names, or None when it names none."""
    path = Path(source).expanduser()
    return path if source and path.is_dir() else None
