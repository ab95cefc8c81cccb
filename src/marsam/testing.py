"""Stages for tests: deterministic, instant, and with a record of what they were asked.

They are public so that programs which embed Marsam can test themselves without models::

    from marsam.testing import fake_studio

    studio = fake_studio(caption="a cat on a blue background")
    result = studio.run(picture, pictures=2)
"""

import colorsys
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from marsam.options import CaptionOptions, PaintOptions, TranslateOptions, checked_text
from marsam.recipes import Recipe, SamplingConfig, recipes
from marsam.results import Caption, Painted, Picture, Previewed, PromptLength, Translation
from marsam.studio import Studio


@dataclass
class FakeCaptioner:
    """Says ``text`` of every picture (numbered, as further candidates); ``calls`` keeps sizes."""

    text: str = "a cat on a blue background"
    error: Exception | None = None
    name: str = "fake-captioner"
    calls: list[tuple[int, int]] = field(default_factory=list)

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Give as many captions as asked for, or raise ``error``."""
        self.calls.append(image.size)
        if self.error:
            raise self.error
        others = [f"{self.text} {number}" for number in range(2, options.candidates + 1)]
        return tuple(
            Caption(text=text, score=-float(rank)) for rank, text in enumerate([self.text, *others])
        )

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Describe one after another."""
        return [self.caption(image, options) for image in images]


@dataclass
class FakeTranslator:
    """Looks texts up in ``translations``, from English into Arabic or back.

    What is not there, or wanted in another language, comes back marked with that language.
    """

    translations: Mapping[str, str] = field(
        default_factory=lambda: {"a cat on a blue background": "قطة على خلفية زرقاء"}
    )
    error: Exception | None = None
    name: str = "fake-translator"
    calls: list[str] = field(default_factory=list)

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Give the known answer, or raise ``error``."""
        text = checked_text(text, "text")
        self.calls.append(text)
        if self.error:
            raise self.error
        known = self.translations if options.target in ("arb_Arab", "eng_Latn") else {}
        answer = known.get(text, f"[{options.target}] {text}")
        back = (
            self.translations.get(answer, f"[{options.source}] {answer}") if options.back else None
        )
        return Translation(text=answer, source=options.source, target=options.target, back=back)

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate one after another."""
        return [self.translate(text, options) for text in texts]


@dataclass
class FakePainter:
    """Fills pictures with a colour that depends on prompt and seed; ``calls`` keeps both."""

    steps: int = 4
    limit: int = 77
    blocked_seeds: frozenset[int] = frozenset()
    error: Exception | None = None
    name: str = "fake-painter"
    calls: list[tuple[str, int]] = field(default_factory=list)

    def measure(self, prompt: str) -> PromptLength:
        """Count words as tokens; ``limit`` of them fit."""
        words = prompt.split()
        return PromptLength(
            tokens=len(words) + 2, limit=self.limit, cut=" ".join(words[self.limit - 2 :])
        )

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """As without an adapter."""
        return recipes(adapter=False)[recipe]

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Step through each picture and paint it, or raise ``error`` before the first."""
        prompt = checked_text(prompt)
        first = options.seed or 0
        steps = options.steps or self.steps
        for index in range(options.pictures):
            seed = first + index
            self.calls.append((prompt, seed))
            if self.error:
                raise self.error
            for step in range(1, steps + 1):
                yield Previewed(index=index, step=step, steps=steps)
            blocked = seed in self.blocked_seeds
            picture = Picture(
                index=index,
                seed=seed,
                prompt=prompt,
                image=None if blocked else _flat(prompt, seed),
                negative_prompt=options.negative_prompt,
                recipe=options.recipe,
                steps=steps,
                guidance_scale=options.guidance_scale or 7.5,
                scheduler="Fake",
                painter=self.name,
                blocked=blocked,
            )
            yield Painted(picture=picture, seconds=0.0)


def _flat(prompt: str, seed: int) -> Image.Image:
    hue = hashlib.sha256(f"{prompt}\0{seed}".encode()).digest()[0] / 256
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.9))
    return Image.new("RGB", (64, 64), (red, green, blue))


def fake_studio(
    *,
    caption: str = "a cat on a blue background",
    translations: Mapping[str, str] | None = None,
    blocked_seeds: frozenset[int] = frozenset(),
) -> Studio:
    """A studio on the three fakes."""
    translator = (
        FakeTranslator(translations=translations) if translations is not None else FakeTranslator()
    )
    return Studio(
        captioner=FakeCaptioner(text=caption),
        translator=translator,
        painter=FakePainter(blocked_seeds=blocked_seeds),
        models="fake",
        reason="tests need no models",
    )
