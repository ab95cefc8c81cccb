"""The three stages, somewhere on a cluster: what :class:`marsam.Studio` works with, unchanged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from PIL import Image
from ray.serve.handle import DeploymentHandle

from marsam.cluster.calls import Asked, abreast
from marsam.options import CaptionOptions, PaintOptions, TranslateOptions, checked_text, new_seed
from marsam.recipes import Recipe, SamplingConfig, recipe_named
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation

ABREAST = 16
"""Pictures or texts of one caller that are worked on at once."""


@dataclass(kw_only=True)
class RemoteCaptioner:
    """A captioner in replicas.

    Attributes:
        handle: of its deployment.
        name: which model it is.
        abreast: how many pictures of one caller are on their way at once.
    """

    handle: DeploymentHandle[Any]
    name: str
    abreast: int = ABREAST

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """Describe an RGB picture; errors as the stage's own.

        Raises:
            QueueFull: when the cluster has too much waiting.
            ClusterError: when it cannot be done there.
        """
        return self.caption_many([image], options)[0]

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Describe several pictures, on as many replicas as are free; errors likewise."""
        return _all([partial(self.handle.caption.remote, i, options) for i in images], self.abreast)


@dataclass(kw_only=True)
class RemoteTranslator:
    """A translator in replicas.

    Attributes:
        handle: of its deployment.
        name: which model it is.
        abreast: how many texts of one caller are on their way at once.
    """

    handle: DeploymentHandle[Any]
    name: str
    abreast: int = ABREAST

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate a text; errors as the stage's own.

        Raises:
            QueueFull: when the cluster has too much waiting.
            ClusterError: when it cannot be done there.
        """
        return self.translate_many([text], options)[0]

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts, on as many replicas as are free; errors likewise."""
        return _all(
            [partial(self.handle.translate.remote, text, options) for text in texts], self.abreast
        )


@dataclass(kw_only=True)
class RemotePainter:
    """A painter in replicas; the pictures of a run are painted by several of them.

    Attributes:
        handle: of its deployment.
        reception: of the deployment that knows how long a prompt is.
        name: which model it is.
        samplings: what each recipe means there.
        abreast: how many pictures of one run are on their way at once.
    """

    handle: DeploymentHandle[Any]
    reception: DeploymentHandle[Any]
    name: str
    samplings: Mapping[Recipe, SamplingConfig]
    abreast: int

    def measure(self, prompt: str) -> PromptLength:
        """How much of a prompt will be read; errors as the stage's own.

        Raises:
            ClusterError: when nobody there can tell.
        """
        length: PromptLength = Asked(partial(self.reception.measure.remote, prompt)).answer()
        return length

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """What a recipe means with this painter."""
        return self.samplings[recipe_named(recipe)]

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Paint, and tell of one picture after another; closing the iterator stops the work.

        Each picture is a request of its own, from its own seed: when a replica is lost, another
        paints that picture again, to the same pixels, and no other.

        Raises:
            QueueFull: when the cluster has too much waiting; never in the middle of a run.
            ClusterError: when it cannot be done there.
            MarsamError: as the stage's own.
        """
        prompt = checked_text(prompt)
        first = options.seed if options.seed is not None else new_seed()
        paint = self.handle.options(stream=True).paint.remote
        calls = [
            partial(paint, prompt, replace(options, pictures=1, seed=first + index))
            for index in range(options.pictures)
        ]
        with closing(abreast(calls, self.abreast)) as paintings:  # type: ignore[type-var]
            for index, painting in enumerate(paintings):
                yield from _of_picture(index, painting)


def _of_picture(index: int, painting: Asked) -> Iterator[Previewed | Painted]:
    """What is told of a picture, which was asked for alone; no step is told twice."""
    told = 0
    for event in chain.from_iterable(painting.answers(patient=index > 0)):
        if isinstance(event, Painted):
            yield replace(event, picture=replace(event.picture, index=index))
            return  # whoever painted it may be lost now
        if not painting.lost or event.step > told:
            told = event.step
            yield replace(event, index=index)


def _all(calls: Sequence[Callable[[], Any]], most: int) -> list[Any]:
    with closing(abreast(calls, most)) as asked:  # type: ignore[type-var]
        return [each.answer() for each in asked]
