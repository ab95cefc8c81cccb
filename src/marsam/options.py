"""Every option and its default; the command line, the page and the API read them here."""

import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from marsam.errors import OptionError, PromptError
from marsam.recipes import Recipe, recipe_named
from marsam.text.cleaning import clean
from marsam.text.glossary import Glossary, Term

MAX_PICTURES = 10
MAX_TEXT_CHARACTERS = 2000
"""Most characters of a prompt or of a text to translate."""
MAX_RAW_CHARACTERS = 5 * MAX_TEXT_CHARACTERS
"""The same before white space and control characters are removed."""
SEED_LIMIT = 2**32
MAX_QUEUED_RUNS = 100
MAX_TEXT_REQUESTS = 100
"""Requests for captions and translations that are handled or wait; half of that of one client."""
MAX_RUNS_PER_CLIENT = 20
"""Queued runs of one client, at most."""
TRANSLATOR_NOT_ON_CLUSTER = (
    "The machines of a cluster choose their own models. Remove --translator."
)


def new_seed() -> int:
    """Return a random seed, small enough that the seeds of more pictures can follow it."""
    return secrets.randbelow(2**31)


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise OptionError(f"{name} must be between {low} and {high} (got {value}).")


def parse_size(size: str | None) -> tuple[int | None, int | None]:
    """Width and height of ``512x768`` or ``512×768``; None for ``auto`` or nothing.

    Raises:
        OptionError: for anything else.
    """
    if not size or size == "auto":
        return None, None
    if not (sides := re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", size)):
        raise OptionError("size must be like 512x512.")
    return int(sides[1]), int(sides[2])


def checked_text(text: str, what: str = "prompt") -> str:
    """Return a text cleaned (:func:`marsam.text.cleaning.clean`).

    Raises:
        PromptError: when nothing is left, or more than ``MAX_TEXT_CHARACTERS`` characters.
    """
    if len(text) <= MAX_RAW_CHARACTERS:  # cleaning takes time
        text = clean(text)
    if not text:
        raise PromptError(f"The {what} is empty; write a few words.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise PromptError(
            f"The {what} has {len(text)} characters; at most {MAX_TEXT_CHARACTERS} fit."
        )
    return text


@dataclass(frozen=True, kw_only=True)
class CaptionOptions:
    """How an image is captioned.

    Attributes:
        candidates: number of captions, 1 to 5; there are fewer where the others are much worse.
        prefix: words that the caption begins with, such as "a photograph of".
        beams: width of the beam search; 1 is greedy.
        sampling: sample instead of beam search.
        seed: random seed for sampling.
        min_tokens: least length of a caption without its prefix, in tokens.
        max_tokens: greatest length of a caption without its prefix, in tokens.
    """

    candidates: int = 1
    prefix: str = ""
    beams: int = 3
    sampling: bool = False
    seed: int = 0
    min_tokens: int = 1
    max_tokens: int = 40

    def __post_init__(self) -> None:
        _within("candidates", self.candidates, 1, 5)
        _within("beams", self.beams, 1, 10)
        _within("seed", self.seed, 0, SEED_LIMIT - 1)
        _within("max_tokens", self.max_tokens, 1, 200)
        _within("min_tokens", self.min_tokens, 0, self.max_tokens)
        _within("the length of prefix", len(self.prefix), 0, 200)


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """How a text is translated.

    Attributes:
        source: language of the text, as an NLLB code such as ``eng_Latn``.
        target: language of the translation, such as ``arb_Arab``.
        beams: width of the beam search; 1 is greedy.
        back: also translate the result back, so that a reader of one language can judge it.
        glossary: terms with a required translation.
    """

    source: str = "eng_Latn"
    target: str = "arb_Arab"
    beams: int = 4
    back: bool = False
    glossary: Glossary = field(default_factory=Glossary)

    def __post_init__(self) -> None:
        _within("beams", self.beams, 1, 10)


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """How pictures are generated from a prompt.

    Attributes:
        pictures: number of pictures, 1 to 10.
        seed: picture i uses ``seed + i``; None chooses a random seed, which the pictures record.
        recipe: the quality preset.
        steps: denoising steps; None uses the recipe's.
        guidance_scale: how closely the prompt is followed; None uses the model's default.
        negative_prompt: what the pictures should not show.
        width: pixels, a multiple of 8; None uses the model's default.
        height: pixels, a multiple of 8; None uses the model's default.
        preview_every: steps between previews; 0 for none.
    """

    pictures: int = 4
    seed: int | None = None
    recipe: Recipe = Recipe.BALANCED
    steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    preview_every: int = 0

    def __post_init__(self) -> None:
        _within("pictures", self.pictures, 1, MAX_PICTURES)
        # The last picture's seed must fit, too.
        _within("seed", self.seed, 0, SEED_LIMIT - self.pictures)
        recipe_named(self.recipe)
        _within("the length of negative_prompt", len(self.negative_prompt), 0, MAX_RAW_CHARACTERS)
        _within("steps", self.steps, 1, 200)
        _within("guidance_scale", self.guidance_scale, 1, 30)
        for name, pixels in (("width", self.width), ("height", self.height)):
            _within(name, pixels, 64, 2048)
            if pixels is not None and pixels % 8:
                raise OptionError(f"{name} must be a multiple of 8 (got {pixels}).")
        _within("preview_every", self.preview_every, 0, 200)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One run of the workflow: caption, translate, paint, check.

    Attributes:
        language: language of a prompt, as an NLLB code; None detects Arabic or English.
        check: caption every new picture and compare it with its prompt.
        keep_best: number of pictures to keep, those that match the prompt best; None keeps all.
    """

    caption: CaptionOptions = field(default_factory=CaptionOptions)
    translate: TranslateOptions = field(default_factory=TranslateOptions)
    paint: PaintOptions = field(default_factory=PaintOptions)
    language: str | None = None
    check: bool = True
    keep_best: int | None = None

    def __post_init__(self) -> None:
        if self.keep_best is not None:
            _within("keep_best", self.keep_best, 1, self.paint.pictures)
            if not self.check:
                raise OptionError("keep_best needs the prompt check; set check to true.")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RunOptions":
        """Read what :meth:`to_dict` returned; missing values get their default.

        Raises:
            OptionError: when a number is out of range.
        """
        translate, paint = data.get("translate", {}), data.get("paint", {})
        terms = translate.get("glossary", {}).get("terms", ())
        glossary = Glossary(tuple(Term(**term) for term in terms))
        recipe = recipe_named(paint.get("recipe", PaintOptions.recipe))
        stages = {
            "caption": CaptionOptions(**data.get("caption", {})),
            "translate": TranslateOptions(**translate | {"glossary": glossary}),
            "paint": PaintOptions(**paint | {"recipe": recipe}),
        }
        return cls(**data | stages)


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Options of a batch, the same for every image.

    Attributes:
        languages: NLLB codes of the languages to translate captions into.
        caption: options of the captioner.
        translate: options of the translator; source and target are ignored.
        paint: options of new pictures from each caption; None paints none. Without a seed, the
            image's checksum gives it, so that a resumed batch paints the same pictures.
    """

    languages: tuple[str, ...] = ("arb_Arab",)
    caption: CaptionOptions = field(default_factory=CaptionOptions)
    translate: TranslateOptions = field(default_factory=TranslateOptions)
    paint: PaintOptions | None = None

    def translate_into(self, code: str) -> TranslateOptions:
        """Return the options for a translation from English into a language (NLLB code)."""
        return replace(self.translate, source="eng_Latn", target=code)
