"""Protocols of the three stages: captioner, translator and painter."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from PIL import Image

from marsam.abilities import CaptionerAbilities
from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation


class Captioner(Protocol):
    """Image to captions, in English and perhaps in further languages.

    The methods raise ModelError when the model cannot be loaded, OutOfMemory when the device has
    too little memory, and what :meth:`marsam.abilities.CaptionerAbilities.check` raises.

    Attributes:
        abilities: what it can do.
    """

    name: str

    @property
    def abilities(self) -> CaptionerAbilities:
        """See above."""

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Caption an RGB image of any size: one or more captions, the best first.

        They are in ``options.language``.
        """

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Caption several images, each as :meth:`caption` would, in less time."""


class Translator(Protocol):
    """Text to another language; further errors as those of :class:`Captioner`."""

    name: str

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate one text.

        Raises:
            PromptError: when the text is empty or too long.
            LanguageError: when the model does not know one of the codes.
        """

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts, each as :meth:`translate` would, in less time."""

    def targets(self) -> Mapping[str, Sequence[str]]:
        """Return the languages that each known language can be translated into, as NLLB codes."""


class Painter(Protocol):
    """English prompt to pictures; further errors as those of :class:`Captioner`."""

    name: str

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes that it has, the fastest first."""

    def measure(self, prompt: str) -> PromptLength:
        """Count a prompt's tokens, and return the part that is cut."""

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """Return the sampling configuration of a recipe with this painter.

        ``scheduler`` is never None: it is the one that the model ships where the recipe has none.
        """

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        """Generate ``options.pictures`` pictures, one after another.

        ``prompt`` may have weights, as ``weighted`` of :class:`marsam.results.Prompt`. ``start`` is
        the RGB image of any size that the pictures are variations of, with ``options.strength``.
        Picture ``i`` depends only on these and on ``seed + i``. Closing the iterator cancels the
        work between two steps.

        Raises:
            PromptError: when the prompt is empty or too long.
        """
