"""What each recipe does: the sampler, its steps, and whether they are guided.

The figures behind them are in ``benchmarks/RESULTS.md`` (time); ``make bench-recipes`` measures
quality.
"""

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
        guided: whether steps follow the guidance scale, which doubles their work.
        adapter: whether it needs the painter's adapter, made for few steps without guidance.
    """

    steps: int
    scheduler: str | None
    karras: bool = False
    guided: bool = True
    adapter: bool = False

    def passes(self, steps: int) -> int:
        """How often the U-Net sees a picture in so many steps: what the time goes by."""
        return steps * (2 if self.guided else 1)


_FAITHFUL = Method(steps=50, scheduler=None)
_BALANCED = Method(steps=12, scheduler="UniPCMultistepScheduler", karras=True)
_PLAIN_DRAFT = Method(steps=8, scheduler="UniPCMultistepScheduler", karras=True)
_QUICK_DRAFT = Method(steps=4, scheduler="LCMScheduler", guided=False, adapter=True)


def recipes(*, adapter: bool) -> Mapping[Recipe, Method]:
    """The recipes of a painter, with or without an adapter for few steps."""
    return {
        Recipe.DRAFT: _QUICK_DRAFT if adapter else _PLAIN_DRAFT,
        Recipe.BALANCED: _BALANCED,
        Recipe.FAITHFUL: _FAITHFUL,
    }
