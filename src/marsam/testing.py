"""Test doubles of the stages: deterministic, immediate, and with a record of their calls.

They are public, so that programs that use Marsam can be tested without models::

    from marsam.testing import fake_studio

    studio = fake_studio(caption="a cat on a blue background")
    result = studio.run(picture, pictures=2)
"""

import colorsys
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from marsam.abilities import CaptionerAbilities
from marsam.errors import LanguageError
from marsam.imaging.start_picture import fit_start, pixels_sha256
from marsam.notices import Notice
from marsam.options import (
    CaptionOptions,
    PaintOptions,
    TranslateOptions,
    checked_text,
    resolve_options,
)
from marsam.recipes import Recipe, SamplingConfig, recipe_named, recipes
from marsam.results import Caption, Painted, Picture, Previewed, PromptLength, Translation
from marsam.studio import Studio
from marsam.styles import in_style, negative_in_style
from marsam.text.languages import ARABIC, ENGLISH, languages

CAPTION = "a cat on a blue background"
TRANSLATIONS: Mapping[str, str] = {CAPTION: "قطة على خلفية زرقاء"}


@dataclass
class FakeCaptioner:
    """Returns ``text`` for every image; further candidates are numbered.

    Attributes:
        arabic: its captions in Arabic; with some it reads requests, too, as a vision-language model
            does, and without it is like BLIP.
        warnings: of every caption.
        calls: the size of each image.
        asked: the options of each image.
    """

    text: str = CAPTION
    arabic: str = ""
    warnings: tuple[Notice, ...] = ()
    error: Exception | None = None
    name: str = "fake-captioner"
    calls: list[tuple[int, int]] = field(default_factory=list)
    asked: list[CaptionOptions] = field(default_factory=list)

    @property
    def abilities(self) -> CaptionerAbilities:
        """Those of a vision-language model where it speaks Arabic, else those of BLIP."""
        if not self.arabic:
            return CaptionerAbilities()
        return CaptionerAbilities(
            languages=(ENGLISH.code, ARABIC.code), lengths=True, requests=True
        )

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Return the requested number of captions, or raise ``error``."""
        self.abilities.check(options, self.name)
        self.calls.append(image.size)
        self.asked.append(options)
        if self.error:
            raise self.error
        text = self.arabic if options.language == ARABIC.code else self.text
        others = (f"{text} {number}" for number in range(2, options.candidates + 1))
        texts = enumerate((text, *others))
        return tuple(
            Caption(text=text, score=-float(rank), warnings=self.warnings) for rank, text in texts
        )

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Caption the images one by one."""
        return [self.caption(image, options) for image in images]


@dataclass
class FakeTranslator:
    """Looks texts up in ``translations``, from English into Arabic or back.

    Another text, or any text for another language, is returned with the target's code in front.

    Attributes:
        unknown_words: a text with one of them is not translated.
        languages: codes of the known languages; none means all.
        calls: each text.
    """

    translations: Mapping[str, str] = field(default_factory=lambda: TRANSLATIONS)
    unknown_words: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    error: Exception | None = None
    name: str = "fake-translator"
    calls: list[str] = field(default_factory=list)

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Return the known translation, or raise ``error``."""
        text = checked_text(text, "text")
        self.calls.append(text)
        if self.error:
            raise self.error
        for code in (options.source, options.target) if self.languages else ():
            if code not in self.languages:
                raise LanguageError("{model} does not know {code}.", model=self.name, code=code)
        if unknown := tuple(word for word in text.split() if word in self.unknown_words):
            return Translation(
                text="",
                source=options.source,
                target=options.target,
                warnings=(Notice.UNKNOWN_WORDS,),
                unknown_words=unknown,
            )
        known = self.translations if options.target in ("arb_Arab", "eng_Latn") else {}
        output = known.get(text, f"[{options.target}] {text}")
        returned = self.translations.get(output, f"[{options.source}] {output}")
        back = returned if options.back else None
        return Translation(text=output, source=options.source, target=options.target, back=back)

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate the texts one by one."""
        return [self.translate(text, options) for text in texts]

    def targets(self) -> Mapping[str, Sequence[str]]:
        """Return every pair of the known languages."""
        codes = self.languages or tuple(one.code for one in languages())
        return dict.fromkeys(codes, codes)


@dataclass
class FakePainter:
    """Paints a plain colour that depends on prompt and seed; over a start picture, translucent.

    Attributes:
        limit: of tokens; each word of a prompt counts as one, and two are added.
        variations: whether it can start from a picture.
        styles: whether it knows styles.
        reads_arabic: whether it reads Arabic prompts.
        blocked_seeds: seeds whose pictures the safety checker blocks.
        calls: prompt and seed of each picture.
    """

    steps: int = 4
    limit: int = 77
    variations: bool = True
    styles: bool = True
    reads_arabic: bool = False
    blocked_seeds: frozenset[int] = frozenset()
    error: Exception | None = None
    name: str = "fake-painter"
    calls: list[tuple[str, int]] = field(default_factory=list)

    def measure(self, prompt: str) -> PromptLength:
        """Count each word as one token, plus two."""
        words = prompt.split()
        return PromptLength(
            tokens=len(words) + 2, limit=self.limit, cut=" ".join(words[self.limit - 2 :])
        )

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Those of a painter without a LoRA."""
        return tuple(recipes())

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """Return the settings without a LoRA adapter."""
        recipe = recipe_named(recipe, self.recipes)
        sampling = replace(recipes()[recipe], scheduler="FakeScheduler")
        return replace(
            sampling,
            prompt_weights=True,
            variations=self.variations,
            styles=self.styles,
            reads_arabic=self.reads_arabic,
        )

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        """Yield the steps of each picture and the picture, or raise ``error`` before the first."""
        prompt = checked_text(prompt)
        sampling = self.sampling(options.recipe)
        options = resolve_options(options, sampling, has_start=start is not None)
        prompt = in_style(prompt, options.style)
        all_steps = options.steps or self.steps
        steps = max(1, sampling.denoising_steps(all_steps, options.strength))
        start = start and fit_start(start, options.width or 64, options.height or 64)
        for index in range(options.pictures):
            seed = (options.seed or 0) + index
            self.calls.append((prompt, seed))
            if self.error:
                raise self.error
            for step in range(1, steps + 1):
                due = options.preview_every and step % options.preview_every == 0 and step < steps
                preview = _flat(f"{prompt} {step}", seed) if due else None
                yield Previewed(index=index, step=step, steps=steps, image=preview)
            blocked = seed in self.blocked_seeds
            picture = Picture(
                index=index,
                seed=seed,
                prompt=prompt,
                image=None if blocked else _over(start, _flat(prompt, seed), options.strength),
                negative_prompt=negative_in_style(options.negative_prompt, options.style),
                style=options.style,
                recipe=options.recipe,
                steps=all_steps,
                guidance_scale=sampling.effective_guidance(options.guidance_scale),
                scheduler="Fake",
                strength=options.strength,
                start_sha256=pixels_sha256(start) if start else "",
                painter=self.name,
                blocked=blocked,
            )
            yield Painted(picture=picture, seconds=0.0)


def _flat(prompt: str, seed: int) -> Image.Image:
    hue = hashlib.sha256(f"{prompt}\0{seed}".encode()).digest()[0] / 256
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.9))
    return Image.new("RGB", (64, 64), (red, green, blue))


def _over(start: Image.Image | None, picture: Image.Image, strength: float | None) -> Image.Image:
    """Mix a picture into its start picture, as far as the strength says."""
    if start is None or strength is None:
        return picture
    return Image.blend(start, picture.resize(start.size), strength)


def fake_studio(
    *,
    caption: str = CAPTION,
    arabic: str = "",
    translations: Mapping[str, str] = TRANSLATIONS,
    blocked_seeds: frozenset[int] = frozenset(),
) -> Studio:
    """Return a studio with the three test doubles.

    With ``arabic``, its captioner writes this caption when it is asked in Arabic.
    """
    return Studio(
        captioner=FakeCaptioner(text=caption, arabic=arabic),
        translator=FakeTranslator(translations=translations),
        painter=FakePainter(blocked_seeds=blocked_seeds),
        models="fake",
        reason="tests need no models",
    )
