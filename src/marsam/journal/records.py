"""What the journal gives back: runs and pictures as they were kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from marsam.journal.file_store import KeptFile
from marsam.options import RunOptions
from marsam.results import Caption, Prompt
from marsam.text.fidelity import Fidelity

OPEN = ("queued", "running")
"""States of a run that somebody works on, or will."""
ENDED = ("finished", "stopped", "failed", "interrupted")
"""States of a run that is over."""


class Failure(NamedTuple):
    """Why a run failed: the kind of error, and its sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class KeptPicture:
    """A painted picture that was kept; ``file`` is None when it was withheld."""

    index: int
    seed: int
    file: KeptFile | None
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
        state: one of ``OPEN`` or ``ENDED``.
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
    file: KeptFile | None
    captions: tuple[Caption, ...]
    prompt: Prompt | None
    options: RunOptions | None
    pictures: tuple[KeptPicture, ...]
    asked: str | None = None
    error: Failure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None

    @property
    def ended(self) -> bool:
        """Nobody works on it any more."""
        return self.state in ENDED

    @property
    def source(self) -> Path | None:
        """Where the picture it began with can be read; from a store, it is fetched now.

        Raises:
            JournalError: when the store cannot be reached.
        """
        return self.file.path if self.file else None
