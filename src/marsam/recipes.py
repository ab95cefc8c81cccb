"""Recipes (quality presets) and the sampling configuration of each.

The figures behind them are in ``benchmarks/RESULTS.md`` (time); ``make bench-recipes`` measures
quality.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from marsam.errors import OptionError


class Recipe(StrEnum):
    """A quality preset: how much time a picture gets; see :func:`marsam.recipes.recipes`."""

    INSTANT = "instant"
    DRAFT = "draft"
    BALANCED = "balanced"
    FAITHFUL = "faithful"


def recipe_named(name: str, offered: Collection[Recipe] = tuple(Recipe)) -> Recipe:
    """Return the recipe of that name.

    Raises:
        OptionError: there is none, or the painter in use is not among those that have it
            (``offered``).
    """
    if name not in offered:
        raise OptionError(
            "There is no recipe {name!r} with these models; choose one of {recipes}."
            if name in tuple(Recipe)
            else "There is no recipe {name!r}; choose one of {recipes}.",
            name=str(name),
            recipes=list(offered),
        )
    return Recipe(name)


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the pipeline samples.

    Attributes:
        steps: the default number of steps.
        scheduler: name of a diffusers class; None keeps the scheduler that the model ships.
        karras: whether the scheduler uses Karras sigmas.
        guidance_scale: the default.
        guidance_off: guidance has no effect at this scale; smaller ones mean it, too.
        classifier_free_guidance: whether steps can follow the guidance scale by a second forward
            pass.
        embedded_guidance: whether the network reads the guidance scale as an input instead.
        negative_prompts: whether a negative prompt has an effect where there is guidance.
        size_multiple: what width and height must be multiples of, in pixels.
        default_side: width and height of a picture for which none are named, in pixels.
        adapter: name of the LoRA that it uses; a set's is trained for few steps without guidance.
        timestep: the only timestep of a picture, where the LoRA was trained for one step.
        prompt_weights: whether weights in the prompt have an effect.
        variations: whether a picture can start from another one (image-to-image).
        whole_steps: whether a variation leaves out a step that its strength would do in part.
        styles: whether the painter knows the words of styles (:mod:`marsam.styles`).
        reads_arabic: whether its text encoder was trained on Arabic, too.
    """

    steps: int
    scheduler: str | None
    karras: bool = False
    guidance_scale: float = 7.5
    guidance_off: float = 1.0
    classifier_free_guidance: bool = True
    embedded_guidance: bool = False
    negative_prompts: bool = True
    size_multiple: int = 8
    default_side: int = 512
    adapter: str = ""
    timestep: int | None = None
    prompt_weights: bool = False
    variations: bool = False
    whole_steps: bool = True
    styles: bool = True
    reads_arabic: bool = False

    def effective_guidance(self, guidance_scale: float | None) -> float:
        """Return the guidance scale that has effect: ``guidance_off`` where none has.

        ``guidance_scale`` is the one of the options; None is the default.
        """
        if not (self.classifier_free_guidance or self.embedded_guidance):
            return self.guidance_off
        wanted = self.guidance_scale if guidance_scale is None else guidance_scale
        return max(wanted, self.guidance_off)

    def doubles_passes(self, guidance_scale: float | None) -> bool:
        """Whether each step needs a second forward pass, which a negative prompt can steer."""
        is_guided = self.effective_guidance(guidance_scale) > self.guidance_off
        return self.classifier_free_guidance and is_guided

    def takes_negative_prompt(self, guidance_scale: float | None) -> bool:
        """Whether a negative prompt has an effect."""
        return self.negative_prompts and self.doubles_passes(guidance_scale)

    def forward_passes(
        self, steps: int, strength: float | None = None, guidance_scale: float | None = None
    ) -> int:
        """Return the denoiser's forward passes for a picture; the time is proportional to them.

        ``steps`` and ``strength`` are as in :meth:`denoising_steps`, and ``guidance_scale`` is the
        one of the options.
        """
        passes = 2 if self.doubles_passes(guidance_scale) else 1
        return self.denoising_steps(steps, strength) * passes

    def denoising_steps(self, steps: int, strength: float | None) -> int:
        """Return how many of the steps are done, as diffusers counts them.

        A variation (``strength``) starts from a picture with noise, so that it needs only the last
        ones.
        """
        if strength is None:
            return steps
        done = steps * strength
        return int(done) if self.whole_steps else steps - int(steps - done)


_INSTANT = SamplingConfig(steps=1, scheduler="LCMScheduler", classifier_free_guidance=False)
_FAITHFUL = SamplingConfig(steps=50, scheduler=None)
_BALANCED = SamplingConfig(steps=12, scheduler="UniPCMultistepScheduler", karras=True)
_DRAFT_WITHOUT_LORA = SamplingConfig(steps=8, scheduler="UniPCMultistepScheduler", karras=True)
_DRAFT_WITH_LORA = SamplingConfig(steps=4, scheduler="LCMScheduler", classifier_free_guidance=False)


class Adapter(NamedTuple):
    """A LoRA for few steps.

    Attributes:
        file: its weights, in safetensors.
        name: in results.
        timestep: the only timestep of a picture, where it is for one step.
    """

    file: Path
    name: str
    timestep: int | None = None


def recipes(adapters: Mapping[Recipe, Adapter] | None = None) -> Mapping[Recipe, SamplingConfig]:
    """Return the recipes of a painter with these LoRAs for few steps; ``instant`` needs one."""
    found = {Recipe.DRAFT: _DRAFT_WITHOUT_LORA}
    for recipe, config in ((Recipe.INSTANT, _INSTANT), (Recipe.DRAFT, _DRAFT_WITH_LORA)):
        if adapter := (adapters or {}).get(recipe):
            found[recipe] = replace(config, adapter=adapter.name, timestep=adapter.timestep)
    found |= {Recipe.BALANCED: _BALANCED, Recipe.FAITHFUL: _FAITHFUL}
    return {recipe: found[recipe] for recipe in Recipe if recipe in found}
