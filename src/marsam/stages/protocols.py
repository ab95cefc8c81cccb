"""Protocols of the three stages: captioner, translator and painter."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from PIL import Image

from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation


class Captioner(Protocol):
    """Image to English captions."""

    name: str

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Caption an RGB image of any size: one or more captions, the best first."""
        ...

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Caption several images, each as :meth:`caption` would, in less time."""
        ...


class Translator(Protocol):
    """Text to another language."""

    name: str

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate one text.

        Raises:
            LanguageError: when the model does not know one of the codes.
        """
        ...

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts, each as :meth:`translate` would, in less time.

        Raises:
            PromptError: when one of them is empty or too long.
            LanguageError: when the model does not know one of the codes.
        """
        ...


class Painter(Protocol):
    """English prompt to pictures, one after another."""

    name: str

    def measure(self, prompt: str) -> PromptLength:
        """Count a prompt's tokens, and return the part that is cut."""
        ...

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """Return the sampling configuration of a recipe with this painter."""
        ...

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Generate pictures; closing the iterator cancels the work between two steps."""
        ...
