"""The three stages of a :class:`marsam.Studio`, computed by replicas on a cluster.

Beside the errors of the protocols, their methods raise QueueFull when the cluster's queue is full,
and ClusterError when the cluster cannot do the work.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from PIL import Image
from ray.serve.handle import DeploymentHandle

from marsam.abilities import CaptionerAbilities
from marsam.cluster.calls import RetryingCall, ordered_concurrent
from marsam.options import (
    CaptionOptions,
    PaintOptions,
    TranslateOptions,
    checked_text,
    new_seed,
    resolve_options,
)
from marsam.recipes import Recipe, SamplingConfig, recipe_named
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation
from marsam.text.prompt_syntax import plain_text


@dataclass(kw_only=True)
class _RemoteStage:
    """A stage in replicas: the handle of its deployment, and the name of its model."""

    handle: DeploymentHandle[Any]
    name: str
    max_concurrent: int = 16
    """Pictures or texts of one caller that are in progress at the same time."""


@dataclass(kw_only=True)
class RemoteCaptioner(_RemoteStage):
    """A captioner in replicas."""

    abilities: CaptionerAbilities

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        """See :meth:`marsam.stages.Captioner.caption`."""
        return self.caption_many([image], options)[0]

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        """Caption several pictures on all free replicas."""
        return _compute(self, images, options)


@dataclass(kw_only=True)
class RemoteTranslator(_RemoteStage):
    """A translator in replicas."""

    metadata: DeploymentHandle[Any]

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """See :meth:`marsam.stages.Translator.translate`."""
        return self.translate_many([text], options)[0]

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts on all free replicas."""
        return _compute(self, texts, options)

    def targets(self) -> Mapping[str, Sequence[str]]:
        """See :meth:`marsam.stages.Translator.targets`."""
        found: Mapping[str, Sequence[str]] = RetryingCall(self.metadata.targets.remote).result()
        return found


@dataclass(kw_only=True)
class RemotePainter(_RemoteStage):
    """A painter in replicas; several of them share the pictures of a run."""

    metadata: DeploymentHandle[Any]
    samplings: Mapping[Recipe, SamplingConfig]

    def measure(self, prompt: str) -> PromptLength:
        """See :meth:`marsam.stages.Painter.measure`."""
        length: PromptLength = RetryingCall(partial(self.metadata.measure.remote, prompt)).result()
        return length

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """See :attr:`marsam.stages.Painter.recipes`."""
        return tuple(self.samplings)

    def sampling(self, recipe: Recipe) -> SamplingConfig:
        """Return how a recipe samples with this painter."""
        return self.samplings[recipe_named(recipe, self.recipes)]

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        """See :meth:`marsam.stages.Painter.paint`; QueueFull only at the first picture.

        Each picture is a request of its own with its own seed. When a replica is lost, another
        one paints only this picture again, to the same pixels.
        """
        checked_text(plain_text(prompt))
        sampling = self.sampling(options.recipe)
        options = resolve_options(options, sampling, has_start=start is not None)
        first = options.seed if options.seed is not None else new_seed()
        paint = self.handle.options(stream=True).paint.remote
        calls = [
            partial(paint, prompt, replace(options, pictures=1, seed=first + index), start)
            for index in range(options.pictures)
        ]
        with closing(ordered_concurrent(calls, self.max_concurrent)) as requests:
            for index, request in enumerate(requests):
                yield from _events_of(index, request)


def _events_of(index: int, request: RetryingCall) -> Iterator[Previewed | Painted]:
    """Yield the events of the picture ``index``; after a retry, no step is reported again."""
    last_step = 0
    for event in chain.from_iterable(request.stream(wait_if_full=index > 0)):
        if isinstance(event, Painted):
            yield replace(event, picture=replace(event.picture, index=index))
            return  # a worker lost from now on does not matter
        if not request.workers_lost or event.step > last_step:
            last_step = event.step
            yield replace(event, index=index)


def _compute(stage: _RemoteStage, inputs: Sequence[Any], options: Any) -> list[Any]:
    calls = [partial(stage.handle.compute.remote, each, options) for each in inputs]
    with closing(ordered_concurrent(calls, stage.max_concurrent)) as requests:
        return [request.result() for request in requests]
