"""What each recipe does: the sampler, its steps, and what it leaves out to be faster.

The figures behind them are in ``benchmarks/RESULTS.md`` (time); ``make bench-recipes`` measures
quality.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from marsam.options import Recipe

OUTERMOST = 0.45
"""The work of a U-Net's outermost layers, as a share of the whole: what a resting step costs."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to paint.

    Attributes:
        steps: unless the options say otherwise.
        scheduler: diffusers' class; None keeps the one the model ships.
        karras: whether its noise levels are spaced Karras' way.
        guided: the share of the steps, from the first on, that follow the guidance scale. Guidance
            doubles a step; it decides what is in a picture, and the last steps only draw it out.
        adapter: whether it needs the painter's adapter, made for few steps without guidance.
        resting: whether the U-Net's deep layers rest in every second step (:mod:`marsam.reusing`).
    """

    steps: int
    scheduler: str | None
    karras: bool = False
    guided: float = 1.0
    adapter: bool = False
    resting: bool = False

    def rests(self, step: int, steps: int) -> bool:
        """Whether the deep layers rest in a step, counted from 0.

        Never where guidance has just ended: what they said was about twice as many pictures.
        """
        return self.resting and step % 2 == 1 and step != self.guided_steps(steps)

    def guided_steps(self, steps: int) -> int:
        """How many of so many steps are guided."""
        return math.ceil(self.guided * steps)

    def passes(self, steps: int) -> float:
        """How often the U-Net sees a picture in so many steps: what the time goes by."""
        guided = self.guided_steps(steps)
        return sum(
            (2 if step < guided else 1) * (OUTERMOST if self.rests(step, steps) else 1)
            for step in range(steps)
        )


_FAITHFUL = Method(steps=50, scheduler=None)
_BALANCED = Method(
    steps=16, scheduler="UniPCMultistepScheduler", karras=True, guided=0.75, resting=True
)
_PLAIN_DRAFT = Method(steps=8, scheduler="UniPCMultistepScheduler", karras=True)
_QUICK_DRAFT = Method(steps=4, scheduler="LCMScheduler", guided=0.0, adapter=True)


def recipes(*, adapter: bool) -> Mapping[Recipe, Method]:
    """The recipes of a painter, with or without an adapter for few steps."""
    return {
        Recipe.DRAFT: _QUICK_DRAFT if adapter else _PLAIN_DRAFT,
        Recipe.BALANCED: _BALANCED,
        Recipe.FAITHFUL: _FAITHFUL,
    }
