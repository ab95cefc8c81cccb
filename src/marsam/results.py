"""What the workflow gives back: frozen results, and the events that announce them."""

from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from marsam.notices import Notice


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
class Picture:
    """One painted picture.

    ``image`` is RGB; ``blocked`` says the safety checker withheld it, and then ``image`` is None.
    """

    index: int
    seed: int
    prompt: str
    image: Image.Image | None
    steps: int
    guidance_scale: float
    scheduler: str
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "index": self.index,
            "seed": self.seed,
            "prompt": self.prompt,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "scheduler": self.scheduler,
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
class Finished:
    """Everything asked for is done."""

    result: "RunResult"


Event = Captioned | Translated | Previewed | Painted | Finished


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A whole run.

    Attributes:
        models: what did the work: ``{"captioner": …, "translator": …, "painter": …}``.
        seconds: time a stage took: ``{"caption": …, "translate": …, "paint": …}``.
    """

    caption: Caption
    translation: Translation
    pictures: tuple[Picture, ...]
    models: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "caption": {"en": self.caption.text, "ar": self.translation.text},
            "pictures": [picture.to_dict() for picture in self.pictures],
            "models": dict(self.models),
            "seconds": {stage: round(time, 3) for stage, time in self.seconds.items()},
        }
