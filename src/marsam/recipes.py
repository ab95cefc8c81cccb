"""Recipes (quality presets) and the sampling configuration of each.

The figures behind them are in ``benchmarks/RESULTS.md`` (time); ``make bench-recipes`` measures
quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from marsam.errors import OptionError


class Recipe(StrEnum):
    """A quality preset: how much time a picture gets; see :func:`marsam.recipes.recipes`."""

    DRAFT = "draft"
    BALANCED = "balanced"
    FAITHFUL = "faithful"


def recipe_named(name: str) -> Recipe:
    """Return the recipe of that name; raises OptionError when there is none."""
    try:
        return Recipe(name)
    except ValueError as error:
        raise OptionError(
            f"There is no recipe {name!r}; choose one of {', '.join(Recipe)}."
        ) from error


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the pipeline samples.

    Attributes:
        steps: the default number of steps.
        scheduler: name of a diffusers class; None keeps the scheduler that the model ships.
        karras: whether the scheduler uses Karras sigmas.
        classifier_free_guidance: whether steps follow the guidance scale, which doubles the forward
            passes.
        adapter: name of the LoRA that it uses, trained for few steps without guidance.
        prompt_weights: whether weights in the prompt have an effect.
    """

    steps: int
    scheduler: str | None
    karras: bool = False
    classifier_free_guidance: bool = True
    adapter: str = ""
    prompt_weights: bool = False

    def forward_passes(self, steps: int) -> int:
        """Return the U-Net forward passes of so many steps; the time is proportional to them."""
        return steps * (2 if self.classifier_free_guidance else 1)


_FAITHFUL = SamplingConfig(steps=50, scheduler=None)
_BALANCED = SamplingConfig(steps=12, scheduler="UniPCMultistepScheduler", karras=True)
_DRAFT_WITHOUT_LORA = SamplingConfig(steps=8, scheduler="UniPCMultistepScheduler", karras=True)
_DRAFT_WITH_LORA = SamplingConfig(steps=4, scheduler="LCMScheduler", classifier_free_guidance=False)


def recipes(*, adapter: str = "") -> Mapping[Recipe, SamplingConfig]:
    """Return the recipes of a painter, with the name of its LoRA for few steps if it has one."""
    draft = replace(_DRAFT_WITH_LORA, adapter=adapter) if adapter else _DRAFT_WITHOUT_LORA
    return {Recipe.DRAFT: draft, Recipe.BALANCED: _BALANCED, Recipe.FAITHFUL: _FAITHFUL}
