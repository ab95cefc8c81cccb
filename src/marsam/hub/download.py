"""Download models from the hub into its cache.

The hub's own variables are respected: ``HF_HOME``, ``HF_ENDPOINT``, ``HF_TOKEN``,
``HF_HUB_OFFLINE``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from marsam.errors import HubUnreachable, ModelDamaged, ModelUnsupported
from marsam.hub import cache, catalog, manifest
from marsam.hub.errors import check_disk_space, first_names, map_hub_errors, pull_command
from marsam.hub.locate import local_folder
from marsam.hub.model_files import file_sizes, is_weights, lora_files
from marsam.hub.progress import ByteCounter, PullProgress, progress_class
from marsam.hub.telemetry import disable_telemetry

HUB_TIMEOUT_S = 10.0  # to wait for the hub's first response; the library itself has no limit


@dataclass(frozen=True, kw_only=True)
class DownloadPlan:
    """What a pull would download."""

    source: str
    sizes: Mapping[str, int]  # bytes of each needed file, by its name
    present: frozenset[str] = frozenset()  # names of the files that are already downloaded

    @property
    def pinned(self) -> bool:
        """Whether the commit is the one that this release pins."""
        return manifest.pin_of(self.source) is not manifest.UNPINNED

    @property
    def pinned_files(self) -> int:
        """How many of the files have a checksum in Marsam's manifest."""
        return len(self.sizes.keys() & manifest.pin_of(self.source).sha256.keys())

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())

    @property
    def remaining(self) -> int:
        """Bytes that are not downloaded yet."""
        return sum(size for name, size in self.sizes.items() if name not in self.present)


def plan_download(source: str) -> DownloadPlan:
    """Ask the hub what a pull would download, and download nothing; errors as in :func:`pull`."""
    repo = catalog.ALIASES.get(source, source)
    try:
        with map_hub_errors(repo):
            commit, sizes, _ = _listing(repo)
            folder = cache.snapshot(repo, commit)
    except HubUnreachable as error:
        folder = _offline_snapshot(repo, error)
        sizes = file_sizes(folder)
    present = frozenset(n for n in sizes if folder is not None and (folder / n).is_file())
    return DownloadPlan(source=repo, sizes=sizes, present=present)


def pull(source: str, *, progress: Callable[[PullProgress], None] | None = None) -> Path:
    """Download a model from the hub: only files that are needed and not downloaded yet.

    The catalog names the needed files; for a model that it does not list,
    :func:`marsam.hub.model_files.select_files` selects them. Pulling again resumes an interrupted
    download and replaces damaged files. If the hub is unreachable, a complete local copy is still
    returned. A pinned model is downloaded at its commit and compared with Marsam's own checksums.

    Args:
        source: a hub id; an existing folder is returned as it is.
        progress: called from the downloading threads, one call at a time. A MarsamError that it
            raises, such as Cancelled, ends the pull.

    Raises:
        ModelNotFound: when the hub has no such model, or no longer its pinned commit.
        ModelGated: when the hub wants a licence accepted, or a token.
        HubUnreachable: when the hub does not respond, is down, or HF_HUB_OFFLINE is set.
        ModelDamaged: when a file does not have the expected checksum.
        ModelUnsupported: when the repository has no weights that Marsam loads.
        ModelError: when the disk is too small.
    """
    folder = local_folder(source)
    if folder is not None:
        return folder
    repo = catalog.ALIASES.get(source, source)
    try:
        with map_hub_errors(repo):
            return _download(repo, _listing(repo), progress)
    except HubUnreachable as error:
        return _offline_snapshot(repo, error)


class _RepoListing(NamedTuple):
    """The needed files of a repository, as the hub lists them."""

    commit: str
    sizes: Mapping[str, int]
    blobs: Mapping[str, str]  # name of each file's content in the cache, by file name


def _listing(repo: str) -> _RepoListing:
    disable_telemetry()
    from huggingface_hub import HfApi

    pinned = manifest.pin_of(repo)
    revision = pinned.revision or "main"
    # Names, sizes and commit in one request. It has a timeout, so that a hub that drops packets is
    # noticed here.
    info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=HUB_TIMEOUT_S)
    listed: dict[str, Any] = {file.rfilename: file for file in info.siblings or ()}
    wanted = cache.wanted_files(listed, repo)
    if not any(is_weights(name) for name in wanted) and not lora_files(wanted):
        if several := lora_files(listed):
            raise ModelUnsupported(
                "{repo} has several LoRAs ({files}); download one of these files, and name its "
                "path.",
                repo=repo,
                files=first_names(several),
            )
        raise ModelUnsupported(
            "{repo} holds no weights that Marsam loads (safetensors or pytorch_model.bin).",
            repo=repo,
        )
    announced = {n: listed[n].lfs.sha256 for n in wanted if listed[n].lfs is not None}
    if different := [n for n, hash_ in announced.items() if pinned.sha256.get(n, hash_) != hash_]:
        from huggingface_hub import constants

        raise ModelDamaged(
            "{hub} offers {files} of {repo} with another checksum than Marsam's manifest; "
            "nothing was downloaded. Use another mirror.",
            hub=constants.ENDPOINT,
            files=first_names(different),
            repo=repo,
        )
    return _RepoListing(
        commit=info.sha or revision,
        sizes={name: listed[name].size or 0 for name in wanted},
        blobs={name: announced.get(name) or listed[name].blob_id or "-" for name in wanted},
    )


def _download(
    repo: str, listing: _RepoListing, progress: Callable[[PullProgress], None] | None
) -> Path:
    from huggingface_hub import snapshot_download

    pinned, sizes = manifest.pin_of(repo), listing.sizes
    present = cache.verified_files(cache.snapshot(repo, listing.commit), sizes, pinned.sha256)
    new = [name for name in sizes if name not in present]
    blobs = cache.repository(repo) / "blobs"
    check_disk_space(repo, sum(sizes[n] for n in new if not (blobs / listing.blobs[n]).is_file()))
    counter = ByteCounter(
        source=repo,
        done=sum(sizes[name] for name in present),
        total=sum(sizes.values()),
        report=progress,
    )
    counter.add(0)
    with map_hub_errors(repo, remaining=lambda: counter.remaining):
        snapshot = Path(
            snapshot_download(
                repo,
                revision=pinned.revision or "main",
                allow_patterns=list(sizes),
                tqdm_class=progress_class(counter),
            )
        )
    # The library always checks sizes, but hashes on only one of its two download paths.
    intact = cache.verified_files(snapshot, new, pinned.sha256)
    if corrupt := [name for name in new if name not in intact]:
        raise ModelDamaged(
            "{repo} was downloaded damaged ({files}); download it again with: {command}",
            repo=repo,
            files=first_names(corrupt),
            command=pull_command(repo),
        )
    counter.add(counter.remaining)
    return snapshot


def _offline_snapshot(repo: str, error: HubUnreachable) -> Path:
    """Return the best snapshot that holds all that a pull would download, or raise ``error``."""
    with map_hub_errors(repo):
        for snapshot in cache.snapshots(repo):
            if cache.complete(repo, snapshot):
                return snapshot
    raise error
