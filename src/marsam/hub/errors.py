"""What goes wrong between here and the hub, as one sentence of ours with its remedy.

As :func:`marsam.errors.translated` for a model's files, :func:`translated` is the one boundary
where the errors of the hub's library become ours.
"""

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


@contextmanager
def translated(repo: str, *, left: Callable[[], int] | None = None) -> Iterator[None]:
    """Turn what the hub's library raises into our errors.

    ``left`` says how many bytes are still to come, for a disk that fills up.
    """
    try:
        yield
    except MarsamError:
        raise
    except Exception as error:
        raise _ours(error, repo, left) from error


def check_room(repo: str, needed: int) -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        ModelError: when the disk of the cache has fewer than ``needed`` bytes free.
    """
    folder = cache.root()
    try:
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    except OSError:
        return  # the download itself will tell
    if free < needed:
        raise ModelError(
            f"There is no room for {repo}: it needs {amount(needed)} more in {folder}, where "
            f"{amount(free, up=False)} are free; {_MAKE_ROOM}"
        )


def amount(size: int, *, up: bool = True) -> str:
    """Bytes as people say them, rounded up to be on the safe side, or down."""
    whole = math.ceil if up else math.floor
    return f"{whole(size / 1e7) / 100:.2f} GB" if size >= 1e9 else f"{whole(size / 1e6)} MB"


def some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def pull_command(repo: str) -> str:
    """What to type to fetch a model: by its set where the catalog has one."""
    known = next((s.name for s in catalog.SETS.values() for m in s.parts if m.source == repo), "")
    return f"marsam models pull {known or repo}"


_MAKE_ROOM = "make room there, or set HF_HOME to a folder on another disk, and ask again."


def _ours(error: BaseException, repo: str, left: Callable[[], int] | None) -> MarsamError:
    """Our error for one of the library's, which wraps the telling one once or twice."""
    if is_disk_full(error):
        needs = f"{amount(left())} more" if left is not None else "more room"
        return ModelError(f"The disk is full: {repo} needs {needs} in {cache.root()}; {_MAKE_ROOM}")
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
        case OSError() if "Consistency check failed" in str(error):
            return ModelDamaged(
                f"{repo} arrived incomplete; fetch the rest with: {pull_command(repo)}"
            )
    return None


def _by_status(status: int, repo: str, hub: str) -> MarsamError:
    if status in (401, 403):
        return ModelGated(f"{hub} refuses {repo} to you; check your token with: hf auth whoami")
    if status == 404:
        return ModelNotFound(f"There is no model {repo} on {hub}; check the spelling.")
    if status == 429:
        return HubUnreachable(f"{hub} has had too many requests from here; ask again later.")
    return HubUnreachable(f"{hub} answers with error {status}; ask again later.")
