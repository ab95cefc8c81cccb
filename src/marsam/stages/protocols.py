"""The three stages, as protocols: what a captioner, a translator and a painter can do.

The bundled stages run the models in this process; :mod:`marsam.testing` has instant ones.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from PIL import Image

from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation


class Captioner(Protocol):
    """A picture in, English words out."""

    name: str

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Describe an RGB picture of any size: one or more captions, the best first."""
        ...

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Describe several pictures, each as :meth:`caption` would, in less time."""
        ...


class Translator(Protocol):
    """A text in, the same in another language out."""

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
    """A prompt in, pictures out, one after another."""

    name: str

    def measure(self, prompt: str) -> PromptLength:
        """How much of a prompt will be read."""
        ...

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """What a recipe means with this painter."""
        ...

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Paint; closing the iterator stops the work between two steps."""
        ...
