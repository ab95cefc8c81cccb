"""What the journal gives back: runs and pictures as they were kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from marsam.journal.file_store import StoredFile
from marsam.options import RunOptions
from marsam.results import Caption, Prompt
from marsam.text.fidelity import Fidelity

ACTIVE_STATES = ("queued", "running")
"""States of a run that somebody works on, or will."""
FINAL_STATES = ("finished", "stopped", "failed", "interrupted")
"""States of a run that is over."""


class RunFailure(NamedTuple):
    """Why a run failed: the kind of error, and its sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A painted picture that was kept; ``file`` is None when it was withheld."""

    index: int
    seed: int
    file: StoredFile | None
    fidelity: Fidelity | None = None
    seconds: float | None = None

    @property
    def path(self) -> Path | None:
        """Where it can be read on this machine; from a store, it is fetched now.

        Raises:
            JournalError: when the store cannot be reached.
        """
        return self.file.path if self.file else None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it was kept.

    Attributes:
        created: seconds since 1970.
        state: one of ``ACTIVE_STATES`` or ``FINAL_STATES``.
        file: the picture it began with, as PNG; None when it began with words.
        captions: all that were offered; the best first.
        options: what was chosen; None when nothing was to be painted.
        asked: the words it began with, as they were typed.
        seconds: what its stages took, as :attr:`marsam.results.RunResult.seconds`.
        models: which models did the work.
        digest: of the request, when it came with an idempotency key.
    """

    id: str
    visitor: str = ""
    created: float
    state: str
    file: StoredFile | None
    captions: tuple[Caption, ...]
    prompt: Prompt | None
    options: RunOptions | None
    pictures: tuple[StoredPicture, ...]
    asked: str | None = None
    error: RunFailure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None

    @property
    def ended(self) -> bool:
        """Nobody works on it any more."""
        return self.state in FINAL_STATES

    @property
    def source(self) -> Path | None:
        """Where the picture it began with can be read; from a store, it is fetched now.

        Raises:
            JournalError: when the store cannot be reached.
        """
        return self.file.path if self.file else None
