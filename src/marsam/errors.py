"""Everything that can go wrong, as one tree.

::

    MarsamError                 one sentence a user can act on
    ├── InputError              something the user gave
    │   ├── PictureError        not a picture we read, damaged, or too large
    │   ├── PromptError         empty, or too long
    │   ├── LanguageError       a language code the translator does not know
    │   ├── OptionError         a number or name out of range
    │   ├── RunMissing          no such run, or somebody else's
    │   └── RunExists           the same request was made before
    ├── ModelError              something about a model
    │   ├── ModelMissing        not on this machine (and how to get it)
    │   ├── ModelNotFound       no such model on the hub
    │   ├── ModelGated          the hub wants a licence accepted first
    │   ├── HubUnreachable      the hub cannot be reached
    │   ├── ModelDamaged        a file is missing or cannot be read
    │   └── ModelUnsupported    a family we have no stage for
    ├── JournalError            runs cannot be kept or read
    │   └── DiskFull            because there is no room left
    ├── Refused                 not now, and when to ask again
    │   ├── QueueFull           too much is waiting already
    │   └── QuotaExceeded       too much of one client's is
    ├── ClusterError            the machines that do the work cannot be reached
    ├── Overdue                 a step took too long, and is not waited for
    ├── OutOfMemory             the device is too small for the job
    └── Cancelled               somebody pressed Stop

Other libraries' errors become ours where we call them, with the cause kept; those about a model by
:func:`translated`.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class MarsamError(Exception):
    """One sentence a user can act on."""

    told: ClassVar[str] = "Something unexpected happened; what is finished is kept."
    """What strangers are told instead, where a sentence may name files of this machine."""
    code: ClassVar[str] = "marsam_error"
    """The kind of error as programs name it: ``PictureError`` is ``picture_error``."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class InputError(MarsamError):
    """Something the user gave cannot be used."""

    told = ""


class PictureError(InputError):
    """Not a picture we read, damaged, or too large."""


class PromptError(InputError):
    """A prompt or text that is empty or too long."""


class LanguageError(InputError):
    """A language code the translator does not know."""


class OptionError(InputError):
    """A number or a name out of range."""


class RunMissing(InputError):
    """There is no such run, or it is somebody else's."""


class RunExists(InputError):
    """The same request was made before.

    Attributes:
        run: the id of what it began.
    """

    def __init__(self, sentence: str, *, run: str) -> None:
        super().__init__(sentence)
        self.run = run


class ModelError(MarsamError):
    """A model cannot be used."""

    told = "A model cannot be used; whoever runs this service sees why in its log."


class ModelMissing(ModelError):
    """The model is not on this machine."""


class ModelNotFound(ModelError):
    """The hub has no such model."""


class ModelGated(ModelError):
    """The hub wants a licence accepted, or a token, first."""


class HubUnreachable(ModelError):
    """The hub cannot be reached."""


class ModelDamaged(ModelError):
    """A file of the model is missing or cannot be read."""


class ModelUnsupported(ModelError):
    """The model belongs to a family no stage knows."""


class JournalError(MarsamError):
    """Runs cannot be kept or read."""

    told = "Results cannot be kept at the moment; try again later."


class DiskFull(JournalError):
    """There is no room left to keep anything."""

    told = "There is no room left to keep results; what is finished is kept."


class ClusterError(MarsamError):
    """The machines that do the work cannot be reached, or do not start."""

    told = "The machines that do the work cannot be reached at the moment; try again later."


class Refused(MarsamError):
    """Not now.

    Attributes:
        seconds: after how many it is worth asking again.
    """

    told = ""

    def __init__(self, sentence: str, *, seconds: int = 5) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class QueueFull(Refused):
    """Too much is waiting already."""


class QuotaExceeded(Refused):
    """Too much of one client's work is waiting already."""


class Overdue(MarsamError):
    """A step took too long, and is not waited for."""

    told = ""


class OutOfMemory(MarsamError):
    """The device has too little memory for the job."""

    told = ""


class Cancelled(MarsamError):
    """The work was stopped on request."""

    told = ""


def kinds(root: type[MarsamError] = MarsamError) -> dict[str, type[MarsamError]]:
    """Every kind of error by its code."""
    below = (kinds(kind) for kind in root.__subclasses__())
    return {root.code: root} | {code: kind for some in below for code, kind in some.items()}


def rebuilt(code: str, sentence: str) -> MarsamError:
    """An error that was written down, as it was raised."""
    kind = kinds().get(code, MarsamError)
    return MarsamError(sentence) if issubclass(kind, RunExists) else kind(sentence)


def public(error: MarsamError) -> str:
    """What strangers are told of an error."""
    return error.told or str(error)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what libraries raise while ``doing`` something into an error of this tree.

    Ours pass through; running out of memory is recognised on every device; anything else a library
    raises about a model's files becomes :class:`ModelDamaged`.
    """
    try:
        yield
    except MarsamError:
        raise
    except MemoryError as error:
        raise OutOfMemory(_no_memory(doing)) from error
    except Exception as error:
        expected = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
        # Its errors are of no standard kind, and importing it here would cost everybody's start.
        if not (isinstance(error, expected) or type(error).__name__ == "SafetensorError"):
            raise
        if "out of memory" in str(error).lower() or "can't allocate" in str(error).lower():
            raise OutOfMemory(_no_memory(doing)) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelDamaged(f"Failed while {doing}: {reason}") from error


def _no_memory(doing: str) -> str:
    return f"There is not enough memory for {doing}; try fewer or smaller pictures."


_SQLITE_FULL = 13  # sqlite3.SQLITE_FULL, without importing sqlite3 at every start
_POSTGRES_DISK_FULL = "53100"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that the disk or a quota is full.

    Decided by error codes alone: an error's text contains paths, and a path may contain any word.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if getattr(error, "sqlite_errorcode", None) == _SQLITE_FULL:
            return True
        if getattr(error, "sqlstate", None) == _POSTGRES_DISK_FULL:
            return True
        error = error.__cause__
    return False
