"""Everything that can go wrong, as one tree.

::

    MarsamError                 one sentence a user can act on
    ├── InputError              something the user gave
    │   ├── PictureError        not a picture we read, damaged, or too large
    │   ├── PromptError         empty, or too long
    │   ├── LanguageError       a language code the translator does not know
    │   ├── OptionError         a number or name out of range
    │   └── RunMissing          no such run, or somebody else's
    ├── ModelError              something about a model
    │   ├── ModelMissing        not on this machine (and how to get it)
    │   ├── ModelNotFound       no such model on the hub
    │   ├── ModelGated          the hub wants a licence accepted first
    │   ├── HubUnreachable      the hub cannot be reached
    │   ├── ModelDamaged        a file is missing or cannot be read
    │   └── ModelUnsupported    a family we have no stage for
    ├── JournalError            runs cannot be kept or read
    ├── OutOfMemory             the device is too small for the job
    └── Cancelled               somebody pressed Stop

Foreign errors become ours at one boundary, :func:`translated`, with the cause kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class MarsamError(Exception):
    """One sentence a user can act on."""


class InputError(MarsamError):
    """Something the user gave cannot be used."""


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


class ModelError(MarsamError):
    """A model cannot be used."""


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


class OutOfMemory(MarsamError):
    """The device has too little memory for the job."""


class Cancelled(MarsamError):
    """The work was stopped on request."""


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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        if "out of memory" in str(error).lower() or "can't allocate" in str(error).lower():
            raise OutOfMemory(_no_memory(doing)) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelDamaged(f"Failed while {doing}: {reason}") from error


def _no_memory(doing: str) -> str:
    return f"There is not enough memory for {doing}; try fewer or smaller pictures."
