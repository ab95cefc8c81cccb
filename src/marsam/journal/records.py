"""Records of runs and their pictures, as the journal stores and returns them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from marsam.errors import MarsamError, error_from_code
from marsam.imaging.image_io import ImageSource
from marsam.journal.file_store import StoredFile
from marsam.messages import Sentence
from marsam.options import RunOptions
from marsam.results import Caption, Prompt
from marsam.text.fidelity import Fidelity, best_indices

ACTIVE_STATES = ("queued", "running")  # of a run that a process works on, or will
FINAL_STATES = ("finished", "stopped", "failed", "interrupted")  # all but the first can be resumed
IMAGE_FILE = "source.png"  # a run's input image


def picture_file(seed: int) -> str:
    """File name of a painted picture."""
    return f"marsam-{seed}.png"


class RunFailure(NamedTuple):
    """Why a run failed: the error's code, and its sentence in English and Arabic."""

    code: str
    message: str
    arabic: str = ""
    """Empty in runs of earlier versions."""

    @classmethod
    def of(cls, error: MarsamError) -> "RunFailure":
        """What is stored of an error."""
        return cls(error.code, error.en, error.ar)

    @property
    def error(self) -> MarsamError:
        """The error that the run failed with."""
        return error_from_code(self.code, Sentence(self.message, self.arabic or self.message))


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a person wrote on the page after the run's pictures were painted, or before any were.

    Attributes:
        english: text of the English box.
        arabic: text of the Arabic box.
        edited: language of the box that was edited last, ``en`` or ``ar``; empty for neither.
        prompt: the prompt that the texts were, before they were edited.
    """

    english: str
    arabic: str
    edited: str = ""
    prompt: Prompt | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**vars(self), "prompt": self.prompt.to_dict() if self.prompt else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Draft":
        """What :meth:`to_dict` returned."""
        prompt = data["prompt"]
        return cls(**{**data, "prompt": Prompt.from_dict(prompt) if prompt else None})


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run to create with :func:`marsam.runs.execution.create_run`."""

    client: str  # who the run belongs to
    account: str = ""  # whose turn in the queue it takes; the client's if empty
    options: RunOptions | None = None  # what to do, None when only text is wanted
    image: ImageSource | None = None  # the input image, or the one to paint variations of, or
    prompt: str | Prompt | None = None  # a prompt as it was typed, or that of an earlier run
    captions: tuple[Caption, ...] = ()  # if the image was described before; the best first
    state: str = "running"  # or "queued"
    models: Mapping[str, str] = field(default_factory=dict)  # names of the models, by stage
    idempotency_key: str | None = None  # a client's second run with the same key is not created
    request_digest: str | None = None  # of the request that came with the key
    random_seed: bool = False  # whether the seed in the options was chosen at random
    parent: str | None = None  # ID of the first run of the same prompt, if it is another round


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A painted picture of a stored run; ``file`` is None when it was blocked."""

    index: int
    seed: int
    file: StoredFile | None
    fidelity: Fidelity | None = None
    seconds: float | None = None
    starred: bool = False  # to keep

    @property
    def blocked(self) -> bool:
        """Whether the safety checker blocked it."""
        return self.file is None

    @property
    def path(self) -> Path | None:
        """The file on this machine, as :attr:`StoredFile.path`; None when it was blocked."""
        return self.file.path if self.file else None

    def find(self) -> Path | None:
        """The file on this machine; None when it was blocked or deleted, or the store fails."""
        return self.file.find() if self.file else None

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the file."""
        return {
            "index": self.index,
            "seed": self.seed,
            "blocked": self.blocked,
            "fidelity": self.fidelity.to_dict() if self.fidelity else None,
        }


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it is stored."""

    id: str
    client: str = ""
    created: float  # seconds since 1970
    state: str  # one of ACTIVE_STATES or FINAL_STATES
    image_file: StoredFile | None  # the input image as PNG; None when the run began with a prompt
    image: Image.Image | None = field(default=None, compare=False, repr=False)  # while in memory
    captions: tuple[Caption, ...]  # all candidates; the best first
    prompt: Prompt | None
    options: RunOptions | None  # what to do; None when only text was wanted
    pictures: tuple[StoredPicture, ...]
    prompt_text: str | None = None  # the prompt as it was typed
    error: RunFailure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage, as in RunResult
    models: Mapping[str, str] = field(default_factory=dict)  # names of the models, by stage
    request_digest: str | None = None  # of the request, if it came with an idempotency key
    draft: Draft | None = None  # texts that are newer than the pictures
    random_seed: bool = False  # whether the seed in the options was chosen at random
    parent: str | None = None  # ID of the first run of the same prompt, if it is another round
    painted: int = 0  # pictures so far, with those that were deleted

    @property
    def ended(self) -> bool:
        """Whether no process works on it any more."""
        return self.state in FINAL_STATES

    @property
    def image_path(self) -> Path | None:
        """The input image on this machine, as :attr:`StoredFile.path`; None without one."""
        return self.image_file.path if self.image_file else None

    def find_image(self) -> Path | None:
        """The input image on this machine; None without one, as :meth:`StoredPicture.find`."""
        return self.image_file.find() if self.image_file else None

    @property
    def kept(self) -> tuple[int, ...]:
        """Indices of the pictures to keep: all, or the best when ``keep_best`` asks for that."""
        wanted = self.options.keep_best if self.options else None
        chosen = best_indices([picture.fidelity for picture in self.pictures], wanted)
        return tuple(self.pictures[position].index for position in chosen)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without files and client."""
        return {
            "id": self.id,
            "created": self.created,
            "state": self.state,
            "caption": self.prompt.texts if self.prompt else None,
            "captions": [caption.to_dict() for caption in self.captions],
            "prompt": self.prompt.to_dict() if self.prompt else None,
            "pictures": [picture.to_dict() for picture in self.pictures],
            "kept": list(self.kept),
            "options": self.options.to_dict() if self.options else None,
            "models": dict(self.models),
            "seconds": dict(self.seconds),
            "error": self.error and {"code": self.error.code, "message": self.error.message},
        }

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        pictures: Iterable[Mapping[str, Any]],
        file: Callable[[str], StoredFile],
    ) -> "Run":
        """A run and its pictures from plain data, where fields that may be empty may be missing.

        ``file`` returns the run's file of a given name.
        """
        prompt, options, error = data.get("prompt"), data.get("options"), data.get("error")
        rows = list(pictures)
        return cls(
            id=data["id"],
            client=data.get("client") or "",
            created=data["created"],
            state=data["state"],
            image_file=file(IMAGE_FILE) if data["has_image"] else None,
            captions=tuple(Caption.from_dict(caption) for caption in data["captions"]),
            prompt=Prompt.from_dict(prompt) if prompt else None,
            options=RunOptions.from_dict(options) if options else None,
            prompt_text=data.get("prompt_text"),
            error=RunFailure(**error) if error else None,
            seconds=data.get("seconds") or {},
            models=data.get("models") or {},
            request_digest=data.get("request_digest"),
            draft=Draft.from_dict(draft) if (draft := data.get("draft")) else None,
            random_seed=bool(data.get("random_seed")),
            parent=data.get("parent"),
            painted=len(rows),
            pictures=tuple(
                StoredPicture(
                    index=picture["index"],
                    seed=picture["seed"],
                    file=None if picture["blocked"] else file(picture_file(picture["seed"])),
                    fidelity=Fidelity.from_dict(found) if (found := picture["fidelity"]) else None,
                    seconds=picture.get("seconds"),
                    starred=bool(picture.get("starred")),
                )
                for picture in rows
                if not picture.get("deleted")
            ),
        )
