"""The deployments of the cluster: replicas of each stage, and one with data about all stages.

Marsam's own errors are returned as values. If they were raised, Ray would log them as failures of
the cluster, and wrap them.
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

from marsam.abilities import CaptionerAbilities
from marsam.batch.engine import bisect_on_error
from marsam.cluster.plan import Plan
from marsam.device import Device
from marsam.errors import InputError, MarsamError
from marsam.options import CaptionOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe, SamplingConfig
from marsam.results import Painted, Previewed, PromptLength

EVENT_INTERVAL_S = 0.25
"""Events of a painter within this time are sent together: sending one takes milliseconds, which is
long compared with a step of a small model. A step of a large model takes longer than this."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClusterInfo:
    """Attributes of the :class:`marsam.Studio` of a painter, and what its stages can do."""

    names: Mapping[str, str]
    abilities: CaptionerAbilities
    samplings: Mapping[Recipe, SamplingConfig]
    models: str
    reason: str
    device: Device | None


def run_batch(
    function: Callable[..., list[Any]], requests: Sequence[tuple[Any, Hashable]]
) -> list[Any]:
    """Return the result of each request, or its error in that place.

    Args:
        function: takes a list of inputs and their ``options``.
        requests: input and options of each; those with equal options are computed together. An
            error of one request does not affect the others.
    """
    results: dict[int, Any] = {}
    for options in dict.fromkeys(options for _, options in requests):
        inputs = {n: value for n, (value, other) in enumerate(requests) if other == options}
        run = partial(function, options=options)
        # Any kind of error belongs to one request only.
        outputs = bisect_on_error(run, list(inputs.values()), catch=Exception)
        results |= zip(inputs, outputs, strict=True)
    return [results[index] for index in range(len(requests))]


def _returned(result: Any) -> Any:
    """Return a result or Marsam's error; raise any other error, for the cluster's log."""
    if isinstance(result, Exception) and not isinstance(result, MarsamError):
        raise result
    if isinstance(result, MarsamError) and not isinstance(result, InputError):
        _log.warning("a request failed", exc_info=result)
    return result


class _BatchingReplica:
    """Requests that arrive during a forward pass are the next batch.

    No request waits for others: one that arrives alone is computed alone.
    """

    def __init__(self, function: Callable[..., list[Any]], max_batch_size: int) -> None:
        self._function = function
        self._idle = asyncio.Event()
        self._idle.set()
        self._in_batch.set_max_batch_size(max_batch_size)

    async def compute(self, request: Any, options: Any) -> Any:
        """Return the result for one input; Marsam's errors are values."""
        # Otherwise Serve would make a batch of each request at once, and queue the batches.
        await self._idle.wait()
        return _returned(await self._in_batch((request, options)))

    @serve.batch(batch_wait_timeout_s=0)  # type: ignore[untyped-decorator]
    async def _in_batch(self, requests: list[tuple[Any, Any]]) -> list[Any]:
        self._idle.clear()
        try:
            return await asyncio.to_thread(run_batch, self._function, requests)
        finally:
            self._idle.set()


class CaptionerReplica(_BatchingReplica):
    """A captioner, ready when its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        stage = plan.create_studio(threads=plan.captioner.threads).captioner
        stage.caption(
            Image.effect_noise((64, 64), 80).convert("RGB"), CaptionOptions(beams=1, max_tokens=1)
        )
        super().__init__(stage.caption_many, plan.captioner.max_batch_size)


class TranslatorReplica(_BatchingReplica):
    """A translator, ready when its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        stage = plan.create_studio(threads=plan.translator.threads).translator
        with suppress(InputError):  # not every model translates from English into Arabic
            stage.translate("a", TranslateOptions(beams=1))
        super().__init__(stage.translate_many, plan.translator.max_batch_size)


class PainterReplica:
    """A painter, ready when its model is loaded."""

    def __init__(self, plan: Plan) -> None:
        self._studio = plan.create_studio(threads=plan.painter.threads)
        events: Any = self._studio.painter.paint("a", PaintOptions(pictures=1, seed=0, steps=1))
        next(events)
        events.close()

    async def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> AsyncIterator[list[Previewed | Painted] | MarsamError]:
        """Paint; an error is the last value. After cancelling, painting stops between two steps."""
        loop = asyncio.get_running_loop()
        events: Any = self._studio.painter.paint(prompt, options, start)
        # A thread of its own, so that close() comes after the current step: a generator cannot be
        # closed while it runs.
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="paint")
        unsent: list[Previewed | Painted] = []
        last_sent = -EVENT_INTERVAL_S
        try:
            while (event := await loop.run_in_executor(thread, next, events, None)) is not None:
                unsent.append(event)
                if isinstance(event, Painted) or loop.time() - last_sent >= EVENT_INTERVAL_S:
                    last_sent = loop.time()
                    yield unsent
                    unsent = []
        except MarsamError as error:
            if unsent:
                yield unsent
            yield _returned(error)
        finally:
            thread.submit(events.close)
            thread.shutdown(wait=False)

    async def info(self) -> ClusterInfo:
        """Return data about the stages."""
        studio = self._studio
        return ClusterInfo(
            names=studio.names,
            abilities=studio.captioner.abilities,
            samplings={one: studio.painter.sampling(one) for one in studio.painter.recipes},
            models=studio.models,
            reason=studio.reason,
            device=studio.device,
        )


class MetadataDeployment:
    """Answers requests that need no weights, so that they need not wait for a painter.

    The other deployments are bound to it, so that all of them are one application.
    """

    def __init__(self, plan: Plan, painter: DeploymentHandle[Any], *_others: Any) -> None:
        self._painter = painter
        # Only tokenizers are used: they need no GPU.
        self._studio = plan.create_studio(device="cpu")
        self._info: ClusterInfo | None = None

    async def info(self) -> ClusterInfo:
        """Return data about the stages."""
        if self._info is None:
            self._info = await self._painter.info.remote()
        return self._info

    async def targets(self) -> Mapping[str, Sequence[str]] | MarsamError:
        """Return the languages of the translator; errors are values."""
        try:
            return await asyncio.to_thread(self._studio.translator.targets)
        except MarsamError as error:
            return _returned(error)  # type: ignore[no-any-return]

    async def measure(self, prompt: str) -> PromptLength | MarsamError:
        """Count the tokens of a prompt; errors are values."""
        try:
            return await asyncio.to_thread(self._studio.painter.measure, prompt)
        except MarsamError as error:
            return _returned(error)  # type: ignore[no-any-return]
