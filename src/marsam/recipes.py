"""What each recipe does: the sampler, its steps, and what it leaves out to be faster.

The figures behind them are in ``benchmarks/RESULTS.md`` (time); ``make bench-recipes`` measures
quality.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from marsam.options import Recipe


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
    """

    steps: int
    scheduler: str | None
    karras: bool = False
    guided: float = 1.0
    adapter: bool = False

    def guided_steps(self, steps: int) -> int:
        """How many of so many steps are guided."""
        return math.ceil(self.guided * steps)

    def passes(self, steps: int) -> int:
        """How often the U-Net sees a picture in so many steps: what the time goes by."""
        return steps + self.guided_steps(steps)


_FAITHFUL = Method(steps=50, scheduler=None)
_BALANCED = Method(steps=16, scheduler="DPMSolverMultistepScheduler", karras=True, guided=0.75)
_PLAIN_DRAFT = Method(steps=8, scheduler="DPMSolverMultistepScheduler", karras=True)
_QUICK_DRAFT = Method(steps=4, scheduler="LCMScheduler", guided=0.0, adapter=True)


def recipes(*, adapter: bool) -> Mapping[Recipe, Method]:
    """The recipes of a painter, with or without an adapter for few steps."""
    return {
        Recipe.DRAFT: _QUICK_DRAFT if adapter else _PLAIN_DRAFT,
        Recipe.BALANCED: _BALANCED,
        Recipe.FAITHFUL: _FAITHFUL,
    }
