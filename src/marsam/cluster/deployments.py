"""What runs on the cluster: each stage in replicas, and a reception that knows about them all.

Errors of our own travel as values. Raised, they would be logged as failures of the cluster, and
arrive wrapped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image
from ray import serve
from ray.serve.handle import DeploymentHandle

from marsam.batch.engine import bisect_on_error
from marsam.cluster.plan import Plan
from marsam.device import Device
from marsam.errors import InputError, MarsamError
from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Caption, Painted, Previewed, PromptLength, Translation

GATHER = 0.25
"""Seconds within which a painter's events travel together: to send one takes milliseconds, much
beside the steps of a small model. Those of a large one take longer than this, and go alone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a cluster's stages without asking them again.

    Attributes:
        names: which models do the work, by stage.
        samplings: what each recipe means there.
        models: the name of the model set.
        reason: why these models.
        device: where pictures are painted.
    """

    names: Mapping[str, str]
    samplings: Mapping[Recipe, SamplingConfig]
    models: str
    reason: str
    device: Device | None


def answer_all(many: Callable[..., list[Any]], asked: Sequence[tuple[Any, Hashable]]) -> list[Any]:
    """Each one's answer or, in its place, the error; those of equal options are done at once.

    What is wrong with one spoils nobody else's.
    """
    alike: dict[Hashable, list[int]] = {}
    for place, (_, options) in enumerate(asked):
        alike.setdefault(options, []).append(place)
    answers: dict[int, Any] = {}
    for options, places in alike.items():
        inputs = [asked[place][0] for place in places]
        run = partial(many, options=options)
        # Of whatever kind an error is, it is the error of one request.
        answers |= zip(places, bisect_on_error(run, inputs, catch=Exception), strict=True)
    return [answers[place] for place in range(len(asked))]


def _told(answer: Any) -> Any:
    """An answer as it travels; a defect is raised, for the cluster's log."""
    if isinstance(answer, Exception) and not isinstance(answer, MarsamError):
        raise answer
    if isinstance(answer, MarsamError) and not isinstance(answer, InputError):
        _log.warning("a request failed", exc_info=answer)
    return answer


class _Batching:
    """Requests that come while others are worked on are the next to be worked on, at once.

    Nobody waits for company: a request that comes alone is answered alone.
    """

    def __init__(self, many: Callable[[Sequence[Any], Any], list[Any]], most: int) -> None:
        self._many = many
        self._free = asyncio.Event()
        self._free.set()
        self._together.set_max_batch_size(most)

    async def _answered(self, asked: Any, options: Any) -> Any:
        # Serve would make a batch of each request at once, and let the batches wait.
        await self._free.wait()
        return _told(await self._together((asked, options)))

    @serve.batch(batch_wait_timeout_s=0)  # type: ignore[untyped-decorator]
    async def _together(self, asked: list[tuple[Any, Any]]) -> list[Any]:
        self._free.clear()
        try:
            return await asyncio.to_thread(answer_all, self._many, asked)
        finally:
            self._free.set()


class CaptionerReplica(_Batching):
    """A captioner; it takes requests once its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        stage = plan.prepared(plan.captioner).captioner
        stage.caption(Image.new("RGB", (64, 64)), CaptionOptions(beams=1, max_tokens=1))
        super().__init__(stage.caption_many, plan.captioner.together)

    async def caption(
        self, image: Image.Image, options: CaptionOptions
    ) -> tuple[Caption, ...] | MarsamError:
        """Describe a picture; errors are values."""
        return await self._answered(image, options)  # type: ignore[no-any-return]


class TranslatorReplica(_Batching):
    """A translator; it takes requests once its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        stage = plan.prepared(plan.translator).translator
        with suppress(InputError):  # not every model translates from English into Arabic
            stage.translate("a", TranslateOptions(beams=1))
        super().__init__(stage.translate_many, plan.translator.together)

    async def translate(self, text: str, options: TranslateOptions) -> Translation | MarsamError:
        """Translate a text; errors are values."""
        return await self._answered(text, options)  # type: ignore[no-any-return]


class PainterReplica:
    """A painter; it takes requests once its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        self._studio = plan.prepared(plan.painter)
        events: Any = self._studio.painter.paint("a", PaintOptions(pictures=1, seed=0, steps=1))
        next(events)
        events.close()

    async def paint(
        self, prompt: str, options: PaintOptions
    ) -> AsyncIterator[list[Previewed | Painted] | MarsamError]:
        """Paint; an error is the last of the values. Cancelled, it stops between two steps."""
        loop = asyncio.get_running_loop()
        events: Any = self._studio.painter.paint(prompt, options)
        # One thread, so that closing comes after the step that is being made: an iterator cannot
        # be closed while it runs.
        hand = ThreadPoolExecutor(max_workers=1, thread_name_prefix="paint")
        gathered: list[Previewed | Painted] = []
        sent = -GATHER
        try:
            while (event := await loop.run_in_executor(hand, next, events, None)) is not None:
                gathered.append(event)
                if isinstance(event, Painted) or loop.time() - sent >= GATHER:
                    sent = loop.time()
                    yield gathered
                    gathered = []
        except MarsamError as error:
            if gathered:
                yield gathered
            yield _told(error)
        finally:
            hand.submit(events.close)
            hand.shutdown(wait=False)

    async def facts(self) -> Facts:
        """What this painter and its studio are."""
        studio = self._studio
        return Facts(
            names=studio.names,
            samplings={recipe: studio.painter.sampling(recipe) for recipe in Recipe},
            models=studio.models,
            reason=studio.reason,
            device=studio.device,
        )


class Reception:
    """Answers what needs no weights, so that nobody waits for a painter to learn its name.

    Args:
        plan: what runs on the cluster.
        captioner: bound here so that all are one application; not asked.
        translator: likewise.
        painter: asked once what it is.
    """

    def __init__(
        self,
        plan: Plan,
        captioner: DeploymentHandle[Any],
        translator: DeploymentHandle[Any],
        painter: DeploymentHandle[Any],
    ) -> None:
        self._others = captioner, translator
        self._painter = painter
        # It computes nothing, and has no share of a GPU.
        self._studio = plan.stages(device="cpu")
        self._facts: Facts | None = None

    async def facts(self) -> Facts:
        """What is known of the stages."""
        if self._facts is None:
            self._facts = await self._painter.facts.remote()
        return self._facts

    async def measure(self, prompt: str) -> PromptLength | MarsamError:
        """How much of a prompt the painter reads; errors are values."""
        try:
            return await asyncio.to_thread(self._studio.painter.measure, prompt)
        except MarsamError as error:
            return _told(error)  # type: ignore[no-any-return]
