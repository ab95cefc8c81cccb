"""The tree of errors.

::

    MarsamError
    ├── InputError: PictureError, DocumentError, PromptError (UnknownWords), LanguageError,
    │               OptionError (LettersLost), RunMissing, RunExists
    ├── ModelError: ModelMissing, ModelNotFound, ModelGated, HubUnreachable, ModelDamaged,
    │               ModelUnsupported
    ├── JournalError: DiskFull
    ├── RetryLater: QueueFull, QuotaExceeded
    └── ClusterError, StepTimeout, OutOfMemory, Cancelled

Errors of other libraries are wrapped where we call them, with the cause kept; errors about a model
by :func:`map_model_errors`.

The sentence of an error is written where it is raised, with the values that are filled in::

    raise PictureError("Cannot read {file}: {reason}.", file=path.name, reason=reason_of(error))

``str(error)`` is the English sentence, ``error.ar`` the Arabic one (:mod:`marsam.messages`).
"""

import copyreg
import errno
import pickle
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from marsam.messages import InBothLanguages, Message


class MarsamError(Exception):
    """One sentence a user can act on.

    Args:
        sentence: a text in both languages, or the template of a :class:`marsam.messages.Message`.
        values: what is filled in.
    """

    public_message: ClassVar[str] = "Something unexpected happened; finished results are kept."
    """Sent to remote clients instead of the sentence, which may name files of this machine."""
    code: ClassVar[str] = "marsam_error"
    """The class name in snake case, for programs: ``PictureError`` is ``picture_error``."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, sentence: str | InBothLanguages, /, **values: object) -> None:
        self.message = Message(sentence, **values) if isinstance(sentence, str) else sentence
        super().__init__(self.message.en)

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class again, which would take the sentence for a template.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self.message.en

    @property
    def ar(self) -> str:
        """The sentence in Arabic."""
        return self.message.ar


class InputError(MarsamError):
    """The user's input cannot be used."""

    public_message = ""


class PictureError(InputError):
    """Not a supported image, damaged, or too large."""


class DocumentError(InputError):
    """Not a supported document, damaged, encrypted, signed, or too large."""


class PromptError(InputError):
    """A prompt or text that is empty or too long."""


class UnknownWords(PromptError):
    """The models in use do not know some words of a text.

    Attributes:
        words: as they are written in the text.
    """

    def __init__(
        self, sentence: str | InBothLanguages, /, *, words: Sequence[str] = (), **values: object
    ) -> None:
        super().__init__(sentence, **values)
        self.words = tuple(words)


class LanguageError(InputError):
    """A language code the translator does not know."""


class OptionError(InputError):
    """A number or a name out of range.

    Attributes:
        option: the option's own name, which stands where ``{option}`` does; empty if there is none.
    """

    def __init__(
        self, sentence: str | InBothLanguages, /, *, option: str = "", **values: object
    ) -> None:
        if option:
            values["option"] = Message(option)
        super().__init__(sentence, **values)
        self.option = option

    def renamed(self, option: str) -> "OptionError":
        """The same about an option that a client knows by another name."""
        if not isinstance(self.message, Message):
            return self
        values = {name: value for name, value in self.message.values.items() if name != "option"}
        return OptionError(self.message.template, option=option, **values)


class LettersLost(OptionError):
    """A table was saved in an encoding that lacks its letters."""


class RunMissing(InputError):
    """There is no such run, or it belongs to another client."""


class RunExists(InputError):
    """The idempotency key was used before.

    Attributes:
        run: the id of the run that the first request created.
    """

    def __init__(self, sentence: str | InBothLanguages, /, *, run: str, **values: object) -> None:
        super().__init__(sentence, **values)
        self.run = run


class ModelError(MarsamError):
    """A model cannot be used."""

    public_message = "A model cannot be used; the service's log says why."


class ModelMissing(ModelError):
    """The model is not downloaded."""


class ModelNotFound(ModelError):
    """The hub has no such model."""


class ModelGated(ModelError):
    """The hub wants a licence accepted, or a token, first."""


class HubUnreachable(ModelError):
    """The hub does not respond."""


class ModelDamaged(ModelError):
    """A file of the model is missing or cannot be read."""


class ModelUnsupported(ModelError):
    """The model belongs to a family that no stage supports."""


class JournalError(MarsamError):
    """Runs cannot be stored or read."""

    public_message = "Results cannot be stored at the moment; try again later."


class DiskFull(JournalError):
    """The disk is full."""

    public_message = "The server's disk is full; finished results are kept."


class ClusterError(MarsamError):
    """The cluster cannot be reached, or does not start."""

    public_message = "The cluster cannot be reached at the moment; try again later."


class RetryLater(MarsamError):
    """The request is refused for now.

    Attributes:
        seconds: to wait before the next try.
    """

    public_message = ""

    def __init__(
        self, sentence: str | InBothLanguages, /, *, seconds: int = 5, **values: object
    ) -> None:
        super().__init__(sentence, **values)
        self.seconds = seconds


class QueueFull(RetryLater):
    """The queue is full."""


class QuotaExceeded(RetryLater):
    """The client has too many queued runs."""


class StepTimeout(MarsamError):
    """A step took too long and was abandoned."""

    public_message = ""


class OutOfMemory(MarsamError):
    """The device has too little memory for the job."""

    public_message = ""


class Cancelled(MarsamError):
    """The work was stopped on request."""

    public_message = ""


def error_classes(root: type[MarsamError] = MarsamError) -> dict[str, type[MarsamError]]:
    """Return every error class by its code."""
    subclasses = (error_classes(child) for child in root.__subclasses__())
    return {root.code: root} | {code: kind for some in subclasses for code, kind in some.items()}


def error_from_code(code: str, sentence: InBothLanguages) -> MarsamError:
    """Rebuild an error that was stored by its code and sentence."""
    kind = error_classes().get(code, MarsamError)
    return MarsamError(sentence) if issubclass(kind, RunExists) else kind(sentence)


def public_message_of(error: MarsamError) -> InBothLanguages:
    """Return the sentence that remote clients may read."""
    return Message(error.public_message) if error.public_message else error.message


def reason_of(error: OSError) -> Message:
    """What the operating system says."""
    return Message(error.strerror or type(error).__name__)


@contextmanager
def map_model_errors(doing: str, **values: object) -> Iterator[None]:
    """Wrap what libraries raise while ``doing`` something as an error of this tree.

    ``doing`` is the template of a :class:`marsam.messages.Message`, and ``values`` are its values.

    Our own errors pass through. Out of memory is recognised on every device. Any other error of a
    library about a model's files becomes :class:`ModelDamaged`.
    """
    try:
        yield
    except MarsamError:
        raise
    except BaseException as error:
        known = (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RuntimeError,
            MemoryError,
            ImportError,  # a configuration that asks for another library
            EOFError,
            pickle.UnpicklingError,  # weights with code in them, which torch refuses to load
        )
        # Safetensors' error and that of panics in tokenizers (which is no Exception) have no
        # standard base class, and importing the libraries here would slow down every start.
        names = ("SafetensorError", "PanicException")
        if not (isinstance(error, known) or type(error).__name__ in names):
            raise
        text = str(error).lower()
        if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text:
            raise OutOfMemory(
                "There is not enough memory for {doing}; try fewer or smaller pictures.",
                doing=Message(doing, **values),
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelDamaged(
            "Failed while {doing}: {reason}", doing=Message(doing, **values), reason=reason
        ) from error


_Codes = Mapping[str, Container[object]]
_DISK_FULL: _Codes = {"errno": {errno.ENOSPC, errno.EDQUOT}, "sqlite": {13}, "sqlstate": {"53100"}}
_READ_ONLY: _Codes = {"errno": {errno.EROFS, errno.EACCES, errno.EPERM}, "sqlite": {3, 8, 14}}
"""Codes of the system, of SQLite (FULL; PERM, READONLY, CANTOPEN) and of PostgreSQL."""


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that the disk or a quota is full."""
    return _has_code(error, _DISK_FULL)


def is_read_only(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, means that a file or folder cannot be written."""
    return _has_code(error, _READ_ONLY)


def _has_code(error: BaseException | None, codes: _Codes) -> bool:
    """Decide by codes alone: an error's text contains paths, and a path may contain any word."""
    while error is not None:
        sqlite = getattr(error, "sqlite_errorcode", None)
        found = {
            "errno": getattr(error, "errno", None),
            "sqlite": None if sqlite is None else sqlite & 0xFF,  # without the details
            "sqlstate": getattr(error, "sqlstate", None),
        }
        if any(found[name] in known for name, known in codes.items()):
            return True
        error = error.__cause__
    return False
