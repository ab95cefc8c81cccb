"""A model's name, folder or hub id becomes a local folder, before anything is loaded.

Looking a model up never uses the network; :func:`survey` and :func:`pull` do, and nothing else
here. The hub's own variables are respected: ``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``,
``HF_HUB_OFFLINE``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marsam.errors import HubUnreachable, ModelDamaged, ModelError, ModelMissing, ModelUnsupported
from marsam.hub import cache, catalog, manifest
from marsam.hub.errors import check_room, pull_command, some, translated
from marsam.hub.model_files import damaged_files, is_weights, missing_files
from marsam.hub.progress import Meter, PullProgress, bars_of
from marsam.stages.loading import no_reports

__all__ = [
    "Located",
    "PullProgress",
    "Survey",
    "find",
    "is_present",
    "locate",
    "pull",
    "survey",
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
        checked: files compared with Marsam's own checksums, where that was asked for.
    """

    folder: Path
    source: str
    revision: str | None
    checked: int = 0


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a pull would fetch.

    Attributes:
        sizes: the files that are needed, with their bytes.
        here: those of them that are on this machine already.
        pinned: whether the commit is the one this release was made with.
        checked: how many of the files have a checksum in Marsam's manifest.
    """

    source: str
    sizes: Mapping[str, int]
    here: frozenset[str]
    pinned: bool
    checked: int

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    @property
    def to_fetch(self) -> int:
        """Bytes that are not here."""
        return sum(size for name, size in self.sizes.items() if name not in self.here)


def locate(source: str, *, stage: str) -> Path:
    """The local folder of a folder or hub id; see :func:`find`."""
    return find(source, stage=stage).folder


def find(source: str, *, stage: str) -> Located:
    """Look a model up on this machine, without the network.

    A folder that exists is taken as it is. A hub id is looked for in the hub's cache, where all
    that :func:`pull` would fetch has to be.

    Raises:
        ModelMissing: when it is not here.
        ModelDamaged: when only a part is.
        ModelNotFound: when it is neither a folder nor possibly a hub id.
    """
    folder = _folder(source)
    if folder is not None:
        return Located(folder=folder, source=source, revision=None)
    repo = catalog.ALIASES.get(source, source)
    gone: list[str] | None = None
    with translated(repo):
        for snapshot in cache.snapshots(repo):
            missing = cache.missing(repo, snapshot, stage)
            if not missing:
                return Located(folder=snapshot, source=repo, revision=snapshot.name)
            gone = missing if gone is None else gone
    if gone is None:
        raise ModelMissing(f"{repo} is not on this machine; fetch it with: {pull_command(repo)}")
    raise ModelDamaged(
        f"{repo} is only partly on this machine ({some(gone)} missing); "
        f"fetch the rest with: {pull_command(repo)}"
    )


def is_present(model: catalog.Model) -> bool:
    """Whether a model of the catalog is here and complete."""
    if not model.files:
        return not missing_files(catalog.bundled_folder(model), model.stage)
    try:
        locate(model.source, stage=model.stage)
    except ModelError:
        return False
    return True


def verify(source: str, *, stage: str) -> Located:
    """Find a model and read every byte of it; no network.

    Files in Marsam's manifest are compared with it; others of the hub's cache with the hash the hub
    announced; the rest are opened and their structure is checked.

    Raises:
        ModelMissing: when it is not here.
        ModelDamaged: when a file is missing, short or not what it should be; it is named.
    """
    located = find(source, stage=stage)
    folder, bundled = located.folder, manifest.bundled_pin(located.folder)
    pinned = bundled or manifest.pin_of(located.source)
    expected: Mapping[str, str] = {}
    if pinned is not None and pinned.revision == located.revision:
        expected = pinned.sha256
    gone = missing_files(folder, stage)
    if bundled is not None:
        gone = gone or [name for name in bundled.sha256 if not (folder / name).is_file()]
    problem = f"is missing {some(gone)}" if gone else ""
    if not problem and (wrong := damaged_files(folder, expected)):
        problem = f"is damaged ({some(wrong)})"
    if problem:
        remedy = f"repair it with: {pull_command(located.source)}"
        if located.revision is None:
            remedy = "install Marsam again" if bundled else "copy it again from where it came"
        raise ModelDamaged(f"{located.source} {problem}; {remedy}")
    checked = sum((folder / name).is_file() for name in expected)
    return Located(folder=folder, source=located.source, revision=located.revision, checked=checked)


def survey(source: str) -> Survey:
    """Ask the hub what a pull would fetch, and fetch nothing.

    Raises:
        ModelError: as :func:`pull` does.
    """
    repo = catalog.ALIASES.get(source, source)
    pinned = manifest.pin_of(repo)
    try:
        with translated(repo):
            listing = _listing(repo)
            folder, sizes = cache.snapshot(repo, listing.commit), listing.sizes
    except HubUnreachable:
        with translated(repo):
            folder = _complete(repo)
        if folder is None:
            raise
        sizes = _sizes(folder)
    here = frozenset(n for n in sizes if folder is not None and (folder / n).is_file())
    return Survey(
        source=repo,
        sizes=sizes,
        here=here,
        pinned=pinned is not None,
        checked=sum(name in pinned.sha256 for name in sizes) if pinned is not None else 0,
    )


def pull(source: str, *, progress: Callable[[PullProgress], None] | None = None) -> Path:
    """Fetch a model from the hub, only the files that are needed and not here yet.

    Those are what the catalog names or, of a model it does not have, what
    :func:`marsam.hub.model_files.chosen_files` chooses. Asking again resumes an interrupted
    download and replaces damaged files. If the hub is unreachable, a complete local copy is still
    returned. A pinned model comes at its commit, and is compared with Marsam's own
    checksums.

    Args:
        source: a hub id; an existing folder is returned as it is.
        progress: called from the downloading threads, one at a time; an error of ours
            raised in it, such as Cancelled, ends the pull.

    Raises:
        ModelNotFound: when the hub has no such model, or no longer its pinned commit.
        ModelGated: when the hub wants a licence accepted, or a token.
        HubUnreachable: when the hub does not answer, is not allowed to, or is down.
        ModelDamaged: when what arrived, or is offered, is not what it should be.
        ModelUnsupported: when the repository has no weights we load.
        ModelError: when there is no room.
    """
    folder = _folder(source)
    if folder is not None:
        return folder
    repo = catalog.ALIASES.get(source, source)
    try:
        with translated(repo):
            listing = _listing(repo)
            return _fetched(repo, listing, progress)
    except HubUnreachable:
        with translated(repo):
            snapshot = _complete(repo)
        if snapshot is None:
            raise
        return snapshot


@dataclass(frozen=True, kw_only=True)
class _Listing:
    """What the hub has of a model, of the files that are wanted.

    Attributes:
        asked: the revision it was asked as: the pin's commit, or ``main``.
        sha256: what Marsam's manifest says of them.
        blobs: the names their contents get in the cache.
    """

    asked: str
    commit: str
    sizes: Mapping[str, int]
    sha256: Mapping[str, str]
    blobs: Mapping[str, str]


def _listing(repo: str) -> _Listing:
    no_reports()
    from huggingface_hub import HfApi

    pinned = manifest.pin_of(repo)
    asked = "main" if pinned is None or pinned.revision is None else pinned.revision
    # Names, sizes and commit in one request, and the one with a time limit: a hub that swallows
    # packets is found out here.
    info = HfApi().model_info(repo, revision=asked, files_metadata=True, timeout=TIMEOUT)
    listed: dict[str, Any] = {file.rfilename: file for file in info.siblings or ()}
    wanted = cache.wanted(listed, repo)
    if not any(is_weights(name) for name in wanted):
        raise ModelUnsupported(
            f"{repo} holds no weights that Marsam loads (safetensors or pytorch_model.bin)."
        )
    announced = {n: listed[n].lfs.sha256 for n in wanted if listed[n].lfs is not None}
    sha256 = {} if pinned is None else pinned.sha256
    if other := [n for n, hash_ in announced.items() if sha256.get(n, hash_) != hash_]:
        from huggingface_hub import constants

        raise ModelDamaged(
            f"{constants.ENDPOINT} offers another {some(other)} of {repo} than this Marsam was "
            "made with, and nothing was fetched; ask another mirror."
        )
    return _Listing(
        asked=asked,
        commit=info.sha or asked,
        sizes={name: listed[name].size or 0 for name in wanted},
        sha256=sha256,
        blobs={name: announced.get(name) or listed[name].blob_id or "-" for name in wanted},
    )


def _fetched(repo: str, listing: _Listing, progress: Callable[[PullProgress], None] | None) -> Path:
    from huggingface_hub import snapshot_download

    sizes = listing.sizes
    here = cache.kept(cache.snapshot(repo, listing.commit), sizes, listing.sha256)
    new = [name for name in sizes if name not in here]
    blobs = cache.repository(repo) / "blobs"
    check_room(repo, sum(sizes[n] for n in new if not (blobs / listing.blobs[n]).is_file()))
    meter = Meter(
        source=repo,
        done=sum(sizes[name] for name in here),
        total=sum(sizes.values()),
        report=progress,
    )
    meter.add(0)
    with translated(repo, left=lambda: meter.left):
        snapshot = Path(
            snapshot_download(
                repo,
                revision=listing.asked,
                allow_patterns=list(sizes),
                tqdm_class=bars_of(meter),
            )
        )
    # The library checks sizes, and hashes only on one of its two ways to download.
    sound = cache.kept(snapshot, new, listing.sha256)
    if wrong := [name for name in new if name not in sound]:
        raise ModelDamaged(
            f"{repo} arrived damaged ({some(wrong)}); fetch it again with: {pull_command(repo)}"
        )
    meter.add(meter.left)
    return snapshot


def _complete(repo: str) -> Path | None:
    """The best folder that holds all a pull would fetch."""
    found = cache.snapshots(repo)
    return next((path for path in found if cache.complete(repo, path)), None)


def _sizes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _folder(source: str) -> Path | None:
    path = Path(source).expanduser()
    return path if source and path.is_dir() else None
