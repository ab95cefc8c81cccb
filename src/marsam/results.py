"""Results of the workflow, and the events that carry them."""

from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from marsam.errors import UnknownWords
from marsam.notices import ABOUT_TRANSLATION, Notice, unknown_words_sentence
from marsam.styles import NO_STYLE, in_style
from marsam.text.fidelity import Fidelity


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A caption of an image, in English or in the language that was asked for.

    Attributes:
        score: mean log-probability per token, at most 0; higher is better.
        warnings: what was changed in it.
    """

    text: str
    score: float = 0.0
    warnings: tuple[Notice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        warnings = [str(notice) for notice in self.warnings]
        return {"text": self.text, "score": round(self.score, 4), "warnings": warnings}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Caption":
        """Read what :meth:`to_dict` returned."""
        return cls(text=data["text"], score=data["score"], warnings=_notices(data["warnings"]))


def _notices(names: list[str]) -> tuple[Notice, ...]:
    return tuple(Notice[name.upper()] for name in names)


@dataclass(frozen=True, kw_only=True)
class _WithNative:
    """A text in Arabic, and the caption that the captioner wrote in Arabic itself.

    Attributes:
        native: of a caption, the Arabic one that the captioner wrote itself, if it was asked for;
            empty when it wrote none. With ``arabic="native"`` it is the Arabic text, too.
        agreement: how far ``native`` names what the English caption names, 0 to 1; None where that
            was not compared.
    """

    native: str | None = None
    agreement: float | None = None

    @property
    def native_texts(self) -> dict[str, str | float | None]:
        """Return both under the keys of every JSON document, if a native caption was asked for."""
        if self.native is None:
            return {}
        return {"native": self.native, "agreement": self.agreement}

    def native_beside(self, arabic: str) -> str:
        """Return the native caption to show beside an Arabic text; empty where there is none."""
        return "" if self.native in (None, arabic) else self.native or ""


@dataclass(frozen=True, kw_only=True)
class Translation(_WithNative):
    """A text in another language; codes are NLLB's.

    Attributes:
        back: the translation translated back, if requested.
        standard: the same text in Modern Standard Arabic, for an experimental variety.
        native: of a caption, the Arabic one of the captioner itself, if it was asked for.
        agreement: how far ``native`` names what the English caption names, 0 to 1.
        warnings: quality issues that were found, and changes.
        unknown_words: words of the source that the model does not know; if there are any, ``text``
            is empty.
    """

    text: str
    source: str
    target: str
    back: str | None = None
    standard: str | None = None
    warnings: tuple[Notice, ...] = ()
    unknown_words: tuple[str, ...] = ()

    def checked(self) -> "Translation":
        """Return itself, where a reader would not see the warnings.

        Raises:
            UnknownWords: the model does not know all words, so there is no text.
        """
        if self.unknown_words:
            sentence = unknown_words_sentence(self.unknown_words)
            raise UnknownWords(sentence, words=self.unknown_words)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data; without ``native`` where that was not asked for."""
        absent = ("native", "agreement") if self.native is None else ()
        return {
            **{name: value for name, value in vars(self).items() if name not in absent},
            "warnings": [str(notice) for notice in self.warnings],
            "unknown_words": list(self.unknown_words),
        }


@dataclass(frozen=True, kw_only=True)
class PromptLength:
    """How much of a prompt the painter reads.

    Attributes:
        tokens: length of the prompt by the painter's tokenizer, start and end tokens included.
        limit: tokens that the text encoder reads (77 for Stable Diffusion's CLIP).
        cut: the end of the prompt that is not read; empty when nothing is cut.
    """

    tokens: int
    limit: int
    cut: str = ""


_PROMPT_FIELDS = (
    *("english", "arabic", "given", "language", "back"),
    *("weighted", "written", "negative", "style"),
)


@dataclass(frozen=True, kw_only=True)
class Prompt(_WithNative):
    """The prompt of a run, in English and Arabic.

    Attributes:
        english: the text in English, without weights.
        arabic: the same in Arabic.
        given: the text as the user typed it, or the caption.
        language: the NLLB code of ``given``.
        back: ``english`` translated back, when ``given`` was in another language.
        native: of a caption, the Arabic one of the captioner itself, if it was asked for.
        agreement: how far ``native`` names what the English caption names, 0 to 1.
        weighted: ``english`` with weights, as in ``(a cat:1.3)``; empty when no weight counts.
        written: ``given`` in Arabic, if the painter reads that instead of ``english``; else empty.
        negative: what the pictures should not show, where ``given`` says so; in any language.
        style: key of the style that it is painted in, whose words are in none of the texts above.
        length: how much of :attr:`for_painter` is read.
        warnings: what a person should check.
        unknown_words: words of ``english`` that the models do not know; if there are any,
            ``arabic`` is empty.
    """

    english: str
    arabic: str
    given: str
    language: str
    back: str | None
    length: PromptLength
    weighted: str = ""
    written: str = ""
    negative: str = ""
    style: str = NO_STYLE
    warnings: tuple[Notice, ...] = ()
    unknown_words: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Return the text that is painted, with its weights and without the words of a style."""
        return self.written or self.in_english

    @property
    def in_english(self) -> str:
        """Return the text in English, with its weights."""
        return self.weighted or self.english

    @property
    def for_painter(self) -> str:
        """Return the text that the painter reads."""
        return in_style(self.words, self.style)

    def with_native_text(self) -> "Prompt":
        """Return the prompt with the captioner's own caption as its Arabic text.

        The notices about the translation, and the words that it did not know, are left out.
        """
        return replace(
            self,
            arabic=self.native or self.arabic,
            unknown_words=(),
            warnings=tuple(one for one in self.warnings if one not in ABOUT_TRANSLATION),
        )

    @property
    def texts(self) -> dict[str, str]:
        """Return both languages under the keys of every JSON document of a run."""
        return {"en": self.english, "ar": self.arabic}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        return {
            **{name: getattr(self, name) for name in _PROMPT_FIELDS},
            **vars(self.length),
            "native": self.native,
            "agreement": self.agreement,
            "warnings": [str(notice) for notice in self.warnings],
            "unknown_words": list(self.unknown_words),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Prompt":
        """Read what :meth:`to_dict` returned."""
        return cls(
            # Runs of earlier versions lack what came later, such as weights and styles.
            **{name: data.get(name, "") for name in _PROMPT_FIELDS},
            length=PromptLength(tokens=data["tokens"], limit=data["limit"], cut=data["cut"]),
            native=data.get("native"),
            agreement=data.get("agreement"),
            warnings=_notices(data["warnings"]),
            unknown_words=tuple(data.get("unknown_words", ())),
        )


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One generated picture and the parameters that reproduce it.

    They are those that had effect: without guidance, ``guidance_scale`` is 1 (0 for Z-Image) and
    there is no negative prompt. ``prompt`` and ``negative_prompt`` have the words of the ``style``.
    ``image`` is RGB, or None when the safety checker ``blocked`` it. ``adapter`` is the name of the
    LoRA, if one was used. A variation has a ``strength``, and ``start_sha256``: the checksum of its
    start picture's pixels, at the size of the picture.
    """

    index: int
    seed: int
    prompt: str
    negative_prompt: str = ""
    style: str = NO_STYLE
    image: Image.Image | None
    recipe: str
    steps: int
    guidance_scale: float
    scheduler: str
    adapter: str = ""
    strength: float | None = None
    start_sha256: str = ""
    painter: str
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data, without the pixels."""
        return {name: value for name, value in vars(self).items() if name != "image"}


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """The English captions are ready: the best one, and all candidates, the best first."""

    caption: Caption
    candidates: tuple[Caption, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Translated:
    """The Arabic caption is ready."""

    translation: Translation
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """The prompt is ready.

    ``seconds`` is the time to translate a typed prompt. It is 0 for a caption, whose times the
    earlier events carry.
    """

    prompt: Prompt
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Previewed:
    """Step ``step`` of ``steps`` of picture ``index`` is done.

    ``image`` is a small RGB preview, if requested.
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
    """Picture ``index`` was captioned and compared with its prompt."""

    index: int
    fidelity: Fidelity
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is complete."""

    result: "RunResult"


Event = Captioned | Translated | Prompted | Previewed | Painted | Checked | Finished


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of a run.

    Attributes:
        caption: caption of the input image; None when the run began with a prompt.
        prompt: the prompt that was painted.
        pictures: all generated pictures.
        fidelity: how well each picture matches its prompt; None where that was not checked.
        kept: indices of the pictures to keep: all, or the best ones if requested.
        models: name of each model: ``{"captioner": …, "translator": …, "painter": …}``.
        seconds: time of each stage: ``{"caption": …, "translate": …, "paint": …, "check": …}``.
    """

    caption: Caption | None
    prompt: Prompt
    pictures: tuple[Picture, ...]
    fidelity: tuple[Fidelity | None, ...]
    kept: tuple[int, ...]
    models: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data, without the pixels."""
        return {
            "caption": self.prompt.texts | self.prompt.native_texts,
            "prompt": self.prompt.to_dict(),
            "pictures": [
                self.pictures[index].to_dict()
                | {"fidelity": check.to_dict() if (check := self.fidelity[index]) else None}
                for index in self.kept
            ],
            "models": dict(self.models),
            "seconds": {stage: round(time, 3) for stage, time in self.seconds.items()},
        }
