"""Errors of the hub's library, mapped to Marsam's errors: one sentence with the remedy."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from marsam.errors import (
    HubUnreachable,
    MarsamError,
    ModelDamaged,
    ModelError,
    ModelGated,
    ModelNotFound,
    is_disk_full,
)
from marsam.hub import cache, catalog
from marsam.messages import Message


@contextmanager
def map_hub_errors(repo: str, *, remaining: Callable[[], int] | None = None) -> Iterator[None]:
    """Wrap what the hub's library raises about a repository as errors of Marsam's tree.

    ``remaining`` returns the bytes still to come, for the sentence about a full disk.
    """
    try:
        yield
    except MarsamError:
        raise
    except Exception as error:
        raise _map_error(error, repo, remaining) from error


def check_disk_space(repo: str, needed: int) -> None:
    """Raise ModelError when the cache's disk has fewer than ``needed`` bytes free."""
    folder = cache.root()
    try:
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    except OSError:
        return  # the download itself will fail
    if free < needed:
        raise ModelError(
            "The disk is too small for {repo}: it needs {needed} more in {folder}, where "
            "{free} are free; {remedy}",
            repo=repo,
            needed=format_size(needed),
            folder=folder,
            free=format_size(free, up=False),
            remedy=_FREE_SPACE,
        )


def format_size(size: int, *, up: bool = True) -> str:
    """Format bytes as MB or GB, rounded up or down."""
    whole = math.ceil if up else math.floor
    return f"{whole(size / 1e7) / 100:.2f} GB" if size >= 1e9 else f"{whole(size / 1e6)} MB"


def first_names(names: list[str]) -> Message:
    """Return the first three names, and how many more there are."""
    if len(names) <= 3:
        return Message("{names}", names=names)
    return Message("{names} and {more} more", names=names[:3], more=len(names) - 3)


def pull_command(repo: str, wanted: str = "") -> str:
    """Return the command that downloads a model: by the ``wanted`` set, or by one that has it."""
    if wanted:
        return f"marsam models pull {wanted}"
    known = next((s.name for s in catalog.SETS.values() for m in s.parts if m.source == repo), "")
    return f"marsam models pull {known or repo}"


_FREE_SPACE = Message("free some space, or set HF_HOME to a folder on another disk, and try again.")


def _map_error(error: BaseException, repo: str, remaining: Callable[[], int] | None) -> MarsamError:
    """Map an error by its first known cause: the library wraps errors once or twice."""
    if is_disk_full(error):
        needs = Message("more space")
        if remaining is not None:
            needs = Message("{size} more", size=format_size(remaining()))
        return ModelError(
            "The disk is full: {repo} needs {needs} in {folder}; {remedy}",
            repo=repo,
            needs=needs,
            folder=cache.root(),
            remedy=_FREE_SPACE,
        )
    cause: BaseException | None = error
    while cause is not None:
        if (mapped := _map_known_error(cause, repo)) is not None:
            return mapped
        cause = cause.__cause__
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError("{repo} could not be downloaded: {reason}", repo=repo, reason=reason)


def _map_known_error(error: BaseException, repo: str) -> MarsamError | None:
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    # The order matters: GatedRepoError is a subclass of RepositoryNotFoundError.
    match error:
        case errors.GatedRepoError():
            return ModelGated(
                "{repo} is gated: accept its licence at {hub}/{repo}, then log in with: hf "
                "auth login",
                repo=repo,
                hub=hub,
            )
        case errors.RevisionNotFoundError():
            return ModelNotFound("{repo} has no such revision on {hub}.", repo=repo, hub=hub)
        case errors.RepositoryNotFoundError() | errors.DisabledRepoError():
            return ModelNotFound(
                "There is no model {repo} on {hub}, or it is private; check the spelling.",
                repo=repo,
                hub=hub,
            )
        case errors.HFValidationError():
            return ModelNotFound("{repo!r} is neither a folder nor a valid hub id.", repo=repo)
        case errors.RemoteEntryNotFoundError():
            return ModelDamaged(
                "{hub} lists a file of {repo} that it does not have.", hub=hub, repo=repo
            )
        case errors.OfflineModeIsEnabled():
            return HubUnreachable(
                "{repo} was not downloaded because HF_HUB_OFFLINE is set; unset it first.",
                repo=repo,
            )
        case errors.HfHubHTTPError(response=response):
            return _by_status(response.status_code, repo, hub)
        # The base class of httpx errors, whichever httpx the library uses.
        case errors.HTTPError():
            return HubUnreachable(
                "{hub} cannot be reached; check the connection and try again.", hub=hub
            )
        case errors.FileMetadataError() | json.JSONDecodeError():
            return HubUnreachable("The server at {hub} does not respond like a model hub.", hub=hub)
        case OSError() if "Consistency check failed" in str(error):
            return ModelDamaged(
                "{repo} was downloaded incompletely; download the rest with: {command}",
                repo=repo,
                command=pull_command(repo),
            )
    return None


def _by_status(status: int, repo: str, hub: str) -> MarsamError:
    if status in (401, 403):
        return ModelGated(
            "{hub} denies access to {repo}; check your token with: hf auth whoami",
            hub=hub,
            repo=repo,
        )
    if status == 404:
        return ModelNotFound(
            "There is no model {repo} on {hub}; check the spelling.", repo=repo, hub=hub
        )
    if status == 429:
        return HubUnreachable(
            "{hub} received too many requests from this machine; try again later.", hub=hub
        )
    return HubUnreachable(
        "{hub} responds with error {status}; try again later.", hub=hub, status=status
    )
