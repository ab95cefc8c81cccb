"""Every option and its default; the command line, the page and the API read them here."""

import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from marsam.errors import OptionError, PromptError
from marsam.messages import Message
from marsam.recipes import Recipe, SamplingConfig, recipe_named
from marsam.styles import NO_STYLE, style_named
from marsam.text.cleaning import clean
from marsam.text.glossary import Glossary, Term
from marsam.text.languages import ENGLISH, language

MAX_PICTURES = 10
MAX_TEXT_CHARACTERS = 2000
"""Most characters of a prompt or of a text to translate."""
MAX_RAW_CHARACTERS = 5 * MAX_TEXT_CHARACTERS
"""The same before white space and control characters are removed."""
SEED_LIMIT = 2**32
DEFAULT_STRENGTH = 0.6
"""Strength of a variation for which none is named."""
MAX_REQUEST_CHARACTERS = 200
MAX_CONTEXT_CHARACTERS = 1000
"""Most characters of a request to the captioner in the user's words."""
MAX_CAPTION_TOKENS = 400
MAX_QUEUED_RUNS = 100
MAX_TEXT_REQUESTS = 100
"""Requests for captions and translations that are handled or wait; half of that of one client."""
MAX_RUNS_PER_CLIENT = 20
"""Queued runs of one client, at most."""
MAX_COST_PER_CLIENT = 200.0
"""Work of them together, in images of 512x512 pixels with 50 steps: 20 runs of 10 such images."""


def new_seed() -> int:
    """Return a random seed, small enough that the seeds of more pictures can follow it."""
    return secrets.randbelow(2**31)


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise OptionError(
            "{option} must be between {low} and {high} (got {value}).",
            option=name,
            low=low,
            high=high,
            value=value,
        )


def _at_most(name: str, text: str, characters: int) -> None:
    if len(text) > characters:
        raise OptionError(
            "the length of {option} must be between 0 and {high} (got {value}).",
            option=name,
            high=characters,
            value=len(text),
        )


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise OptionError(
            "{option} must be one of {known} (got {value!r}).",
            option=name,
            known=list(map(str, known)),
            value=value[:100],
        )


def parse_size(size: str | None) -> tuple[int | None, int | None]:
    """Width and height of ``512x768`` or ``512×768``; None for ``auto`` or nothing.

    Raises:
        OptionError: for anything else.
    """
    if not size or size == "auto":
        return None, None
    if not (sides := re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", size)):
        raise OptionError("{option} must be like 512x512.", option="size")
    return int(sides[1]), int(sides[2])


def checked_text(text: str, what: str | Message = "prompt") -> str:
    """Return a text cleaned (:func:`marsam.text.cleaning.clean`).

    Raises:
        PromptError: when nothing is left, or more than ``MAX_TEXT_CHARACTERS`` characters.
    """
    if len(text) <= MAX_RAW_CHARACTERS:  # cleaning takes time
        text = clean(text)
    what = Message(what) if isinstance(what, str) else what
    if not text:
        raise PromptError("The {what} is empty; write a few words.", what=what)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise PromptError(
            "The {what} has {length} characters; at most {limit} fit.",
            what=what,
            length=len(text),
            limit=MAX_TEXT_CHARACTERS,
        )
    return text


class CaptionLength(StrEnum):
    """How much a caption says; only captioners that read requests know more than one."""

    SHORT = "short"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"

    @classmethod
    def named(cls, name: str) -> "CaptionLength":
        """Return the length of that name; raises OptionError when there is none."""
        _one_of("length", name, list(cls))
        return cls(name)


class ArabicCaption(StrEnum):
    """Where the Arabic caption comes from.

    ``translated``: from the English one. ``native``: the captioner, asked in Arabic, writes it.
    ``both``: it is translated, and the captioner's own stands beside it.
    """

    TRANSLATED = "translated"
    NATIVE = "native"
    BOTH = "both"

    @classmethod
    def named(cls, name: str) -> "ArabicCaption":
        """Return the source of that name; raises OptionError when there is none."""
        _one_of("arabic", name, list(cls))
        return cls(name)


@dataclass(frozen=True, kw_only=True)
class CaptionOptions:
    """How an image is captioned.

    Attributes:
        language: NLLB code of the captions' language. The workflow asks in English, and in Arabic
            where ``arabic`` says so; captioners that read no requests know English alone.
        length: how much a caption says.
        ask: a request to the captioner in place of ours; at most 200 characters.
        context: text that stands around the image, such as its heading; at most 1000 characters.
        arabic: where the Arabic caption comes from; :class:`marsam.Studio` asks for it.
        candidates: number of captions, 1 to 5; there are fewer where the others are much worse.
        prefix: words that the English caption begins with, such as "a photograph of".
        beams: width of the beam search; 1 is greedy.
        sampling: sample instead of beam search.
        seed: random seed for sampling.
        min_tokens: least length of a caption without its prefix, in tokens.
        max_tokens: greatest length of a caption without its prefix, in tokens, at most 400; None
            for 40, and by the ``length`` with captioners that read requests.
    """

    language: str = ENGLISH.code
    length: CaptionLength = CaptionLength.SENTENCE
    ask: str = ""
    context: str = ""
    arabic: ArabicCaption = ArabicCaption.TRANSLATED
    candidates: int = 1
    prefix: str = ""
    beams: int = 3
    sampling: bool = False
    seed: int = 0
    min_tokens: int = 1
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        language(self.language)
        CaptionLength.named(self.length)
        ArabicCaption.named(self.arabic)
        _at_most("ask", self.ask, MAX_REQUEST_CHARACTERS)
        _at_most("context", self.context, MAX_CONTEXT_CHARACTERS)
        _within("candidates", self.candidates, 1, 5)
        _within("beams", self.beams, 1, 10)
        _within("seed", self.seed, 0, SEED_LIMIT - 1)
        _within("max_tokens", self.max_tokens, 1, MAX_CAPTION_TOKENS)
        _within("min_tokens", self.min_tokens, 0, self.max_tokens or MAX_CAPTION_TOKENS)
        _at_most("prefix", self.prefix, 200)

    def in_language(self, code: str) -> "CaptionOptions":
        """Return the options of one such caption in a language (NLLB code), without the prefix."""
        translated = ArabicCaption.TRANSLATED
        return replace(self, language=code, arabic=translated, prefix="", candidates=1)


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
        guidance_scale: how closely the prompt is followed, 0 (no guidance) to 30; None uses the
            model's default.
        negative_prompt: what the pictures should not show.
        style: key of :data:`marsam.styles.STYLES`; empty for none.
        width: pixels, a multiple of 8 or of what the model needs; None uses the model's default.
        height: the same.
        strength: how much of a start picture is painted anew: above 0 (near to it) to 1 (far from
            it); None paints from words alone.
        as_written: paint an Arabic prompt as it is written, where the painter reads Arabic; False
            paints its English translation.
        preview_every: steps between previews; 0 for none.
    """

    pictures: int = 4
    seed: int | None = None
    recipe: Recipe = Recipe.BALANCED
    steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str = ""
    style: str = NO_STYLE
    width: int | None = None
    height: int | None = None
    strength: float | None = None
    as_written: bool = False
    preview_every: int = 0

    def __post_init__(self) -> None:
        _within("pictures", self.pictures, 1, MAX_PICTURES)
        # The last picture's seed must fit, too.
        _within("seed", self.seed, 0, SEED_LIMIT - self.pictures)
        recipe_named(self.recipe)
        style_named(self.style)
        _at_most("negative_prompt", self.negative_prompt, MAX_RAW_CHARACTERS)
        _within("steps", self.steps, 1, 200)
        _within("guidance_scale", self.guidance_scale, 0, 30)
        for name, pixels in (("width", self.width), ("height", self.height)):
            _within(name, pixels, 64, 2048)
            if pixels is not None and pixels % 8:
                raise OptionError(
                    "{option} must be a multiple of 8 (got {pixels}).", option=name, pixels=pixels
                )
        if self.strength is not None and not 0 < self.strength <= 1:
            raise OptionError(
                "{option} must be above 0 and at most 1 (got {value}).",
                option="strength",
                value=self.strength,
            )
        _within("preview_every", self.preview_every, 0, 200)


def resolve_options(
    options: PaintOptions, sampling: SamplingConfig, *, has_start: bool
) -> PaintOptions:
    """Return the options as a painter uses them: with the strength of a variation.

    Args:
        options: of the painter.
        sampling: how their recipe samples with the painter.
        has_start: whether there is a start picture.

    Raises:
        OptionError: a strength without a start picture, or so small that no step would be left;
            several steps or a start picture with a recipe of one step; or the painter cannot start
            from a picture, knows no styles, reads no Arabic, or needs other sizes.
    """
    for name, pixels in (("width", options.width), ("height", options.height)):
        if pixels is not None and pixels % sampling.size_multiple:
            raise OptionError(
                "With this painter, {option} must be a multiple of {multiple} (got {pixels}).",
                option=name,
                multiple=sampling.size_multiple,
                pixels=pixels,
            )
    if sampling.timestep is not None and options.steps not in (None, 1):
        raise OptionError(
            "The recipe {recipe} paints in one step; leave the number of steps out.",
            option="steps",
            recipe=str(options.recipe),
        )
    if sampling.timestep is not None and (has_start or options.strength is not None):
        raise OptionError(
            "The recipe {recipe} starts from no picture; choose another one.",
            option="strength",
            recipe=str(options.recipe),
        )
    if options.style and not sampling.styles:
        raise OptionError(
            "The painter in use knows no styles. Use the full size models "
            "(marsam models pull standard), or leave the style out.",
            option="style",
        )
    if options.as_written and not sampling.reads_arabic:
        raise OptionError(
            "The painter in use reads no Arabic. Let the prompt be translated, or use another "
            "painter, such as FLUX.2-klein or Z-Image.",
            option="as_written",
        )
    if not has_start and options.strength is None:
        return options
    if not has_start:
        raise OptionError("{option} needs a picture to start from.", option="strength")
    if not sampling.variations:
        raise OptionError(
            "The painter in use paints from words alone and cannot start from a picture; "
            "choose other models."
        )
    strength = DEFAULT_STRENGTH if options.strength is None else options.strength
    steps = options.steps or sampling.steps
    if not sampling.denoising_steps(steps, strength):
        least = f"{math.ceil(1000 / steps) / 1000:g}"
        raise OptionError(
            "{option} must be at least {least} with {steps} steps, or no step would be left.",
            option="strength",
            least=least,
            steps=steps,
        )
    return replace(options, strength=strength)


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
                raise OptionError(
                    "{option} needs the prompt check; set check to true.", option="keep_best"
                )

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
        caption = dict(data.get("caption", {}))
        for name, kind in (("length", CaptionLength), ("arabic", ArabicCaption)):
            if name in caption:  # runs of earlier versions have none
                caption[name] = kind.named(caption[name])
        stages = {
            "caption": CaptionOptions(**caption),
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

    def caption_in(self, code: str = ENGLISH.code) -> CaptionOptions:
        """Return the options of the captions in a language (NLLB code)."""
        options = replace(self.caption, arabic=ArabicCaption.TRANSLATED)
        return options if code == ENGLISH.code else options.in_language(code)

    def translate_into(self, code: str, source: str = ENGLISH.code) -> TranslateOptions:
        """Return the options for a translation into a language (NLLB code), from English."""
        return replace(self.translate, source=source, target=code)
