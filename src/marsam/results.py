"""What the workflow gives back: frozen results, and the events that announce them."""

from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from marsam.notices import Notice
from marsam.text.fidelity import Fidelity


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A picture in words.

    Attributes:
        score: the mean log-probability of a token, at most 0; higher is better.
        warnings: what was mended.
    """

    text: str
    score: float = 0.0
    warnings: tuple[Notice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "text": self.text,
            "score": round(self.score, 4),
            "warnings": [str(notice) for notice in self.warnings],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Caption":
        """What :meth:`to_dict` wrote."""
        return cls(text=data["text"], score=data["score"], warnings=_notices(data["warnings"]))


def _notices(names: list[str]) -> tuple[Notice, ...]:
    return tuple(Notice[name.upper()] for name in names)


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A text in another language; codes are NLLB's.

    Attributes:
        back: the text translated back, when that was asked for.
        standard: the same in Modern Standard Arabic, beside an experimental variety.
        warnings: what looks wrong or was put right.
    """

    text: str
    source: str
    target: str
    back: str | None = None
    standard: str | None = None
    warnings: tuple[Notice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "text": self.text,
            "source": self.source,
            "target": self.target,
            "back": self.back,
            "standard": self.standard,
            "warnings": [str(notice) for notice in self.warnings],
        }


@dataclass(frozen=True, kw_only=True)
class PromptLength:
    """How much of a prompt the painter reads.

    Attributes:
        tokens: what the prompt takes, by the painter's own tokenizer, start and end included.
        limit: what fits (77 for Stable Diffusion's CLIP).
        cut: the end of the prompt that is not read; empty when all of it is.
    """

    tokens: int
    limit: int
    cut: str = ""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The words a run paints from.

    Attributes:
        english: what is really sent to the painter.
        arabic: its twin.
        given: as it was typed, or the caption.
        language: the NLLB code of ``given``.
        back: ``english`` translated back, when ``given`` was in another language.
        length: how much of it the painter reads.
        warnings: what a reader should check.
    """

    english: str
    arabic: str
    given: str
    language: str
    back: str | None
    length: PromptLength
    warnings: tuple[Notice, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Both languages, as every JSON document of a run shows them."""
        return {"en": self.english, "ar": self.arabic}

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "english": self.english,
            "arabic": self.arabic,
            "given": self.given,
            "language": self.language,
            "back": self.back,
            "tokens": self.length.tokens,
            "limit": self.length.limit,
            "cut": self.length.cut,
            "warnings": [str(notice) for notice in self.warnings],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Prompt":
        """What :meth:`to_dict` wrote."""
        same = ("english", "arabic", "given", "language", "back")
        return cls(
            **{name: data[name] for name in same},
            length=PromptLength(tokens=data["tokens"], limit=data["limit"], cut=data["cut"]),
            warnings=_notices(data["warnings"]),
        )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One painted picture.

    ``image`` is RGB; ``blocked`` says the safety checker withheld it, and then ``image`` is None.
    """

    index: int
    seed: int
    prompt: str
    image: Image.Image | None
    recipe: str
    steps: int
    guidance_scale: float
    scheduler: str
    painter: str
    negative_prompt: str = ""
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "index": self.index,
            "seed": self.seed,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "recipe": self.recipe,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "scheduler": self.scheduler,
            "painter": self.painter,
            "blocked": self.blocked,
        }


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """The English captions are ready: the best, and all candidates, best first."""

    caption: Caption
    candidates: tuple[Caption, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Translated:
    """The caption's twin is ready."""

    translation: Translation
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """It is settled what will be painted.

    ``seconds`` went into understanding a typed prompt: those of a picture's words are told before.
    """

    prompt: Prompt
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Previewed:
    """Step ``step`` of ``steps`` of picture ``index`` is done.

    ``image`` is a small RGB sketch of the picture so far, when previews were asked for.
    """

    index: int
    step: int
    steps: int
    image: Image.Image | None = None


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A picture is finished."""

    picture: Picture
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Picture ``index`` was described again and compared with its prompt."""

    index: int
    fidelity: Fidelity
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Everything asked for is done."""

    result: "RunResult"


Event = Captioned | Translated | Prompted | Previewed | Painted | Checked | Finished


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A whole run.

    Attributes:
        caption: of the picture that was given; None when the run began with a prompt.
        prompt: what was painted.
        pictures: all that were painted.
        fidelity: what each picture kept of its prompt; None where that was not checked.
        kept: indices of the pictures to keep: all, or the best when that was asked for.
        models: what did the work: ``{"captioner": …, "translator": …, "painter": …}``.
        seconds: time a stage took: ``{"caption": …, "translate": …, "paint": …, "check": …}``.
    """

    caption: Caption | None
    prompt: Prompt
    pictures: tuple[Picture, ...]
    fidelity: tuple[Fidelity | None, ...]
    kept: tuple[int, ...]
    models: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "caption": self.prompt.texts,
            "prompt": self.prompt.to_dict(),
            "pictures": [
                self.pictures[index].to_dict()
                | {"fidelity": seen.to_dict() if (seen := self.fidelity[index]) else None}
                for index in self.kept
            ],
            "models": dict(self.models),
            "seconds": {stage: round(time, 3) for stage, time in self.seconds.items()},
        }
