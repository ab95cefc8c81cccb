"""The body of a text-to-image request of the web UI, and what of it has an effect."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import renamed_options
from marsam.api.fields import LongText, Side
from marsam.api.sdwebui.settings import MAX_TOLD_NAMES, PREVIEW_EVERY, require_model, samplers_of
from marsam.errors import OptionError
from marsam.options import MAX_TEXT_CHARACTERS, SEED_LIMIT, PaintOptions
from marsam.recipes import Recipe
from marsam.stages.protocols import Painter

_NO_DIFFERENCE = {
    *("denoising_strength", "eta", "s_churn", "s_noise", "s_tmax", "s_tmin", "subseed"),
    *("do_not_save_grid", "do_not_save_samples", "save_images", "force_task_id"),
    *("override_settings_restore_afterwards", "seed_resize_from_h", "seed_resize_from_w"),
    *("auth", "url"),
}
"""Fields that change no picture, or only together with another field that is reported."""


class PaintRequest(BaseModel, use_attribute_docstrings=True):
    """Body of a text-to-image request of the web UI.

    Null is the same as nothing. Other fields have no effect; `info` in the response names them.
    """

    model_config = ConfigDict(extra="allow")

    prompt: LongText | None = None
    """Prompt in English or Arabic, at most 2000 characters."""
    negative_prompt: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS)
    """What the pictures should not show, in English."""
    seed: int | None = None
    """Seed of the first image; null or negative: random. Of a larger one than 2³²-1, the remainder
    is used.
    """
    steps: int | None = None
    """Denoising steps, 1 to 200. Default: the preset's."""
    cfg_scale: float | None = Field(default=None, examples=[7.5])
    """How closely to follow the prompt, up to 30; 1 and less: not at all. Default: the model's."""
    width: Side = None
    height: Side = None
    batch_size: int | None = None
    """Images in a batch. Default: 1."""
    n_iter: int | None = None
    """Batches. Default: 1. 1 to 10 images can be generated in total."""
    sampler_name: str | None = None
    """A sampler of `/sdapi/v1/samplers`, or a preset: `draft`, `balanced` or `faithful`."""
    sampler_index: str | None = None
    """Old name of `sampler_name`."""
    scheduler: str | None = None
    """Has no effect: the preset chooses it."""
    send_images: bool | None = None
    """False: return no images; they can be downloaded as pictures of the run."""
    override_settings: dict[str, Any] | None = None
    """Of these, only another `sd_model_checkpoint` matters: it is refused."""
    script_name: str | None = None
    """Refused, as there are no scripts."""
    alwayson_scripts: dict[str, Any] | None = None
    """Refused unless empty, as there are no scripts."""

    def known(self) -> Self:
        """The request without fields that have no effect; they may be large, or secrets."""
        return self.model_validate(
            self.model_dump(include=set(type(self).model_fields) - {"override_settings"})
        )

    def options(self, painter: Painter) -> tuple[PaintOptions, list[str], list[str]]:
        """The options, the names of fields without effect, and notes for people.

        Raises:
            OptionError: for a number out of range, another model, and scripts.
        """
        if self.script_name or self.alwayson_scripts:
            names = self.script_name or ", ".join(list(self.alwayson_scripts or {})[:3])
            raise OptionError(f"This server has no scripts; switch off {names[:100]}.")
        if model := (self.override_settings or {}).get("sd_model_checkpoint"):
            require_model(str(model), painter)
        recipe, sampler_ignored = self._recipe(painter)
        pictures = _default(self.batch_size, 1) * _default(self.n_iter, 1)
        seed, cfg_scale, notes = self.seed, self.cfg_scale, []
        with renamed_options(pictures="batch_size × n_iter", guidance_scale="cfg_scale"):
            largest = SEED_LIMIT - max(1, pictures)
            if seed is not None and seed > largest:
                seed %= max(1, largest + 1)
                notes.append(f"The seed is larger than fits; {seed} was used.")
            if cfg_scale is not None and 0 <= cfg_scale < 1:
                cfg_scale = 1.0
                notes.append("cfg_scale 1 was used: less has no meaning here.")
            options = PaintOptions(
                pictures=pictures,
                seed=seed if seed is not None and seed >= 0 else None,
                recipe=recipe,
                steps=self.steps,
                guidance_scale=cfg_scale,
                negative_prompt=self.negative_prompt or "",
                width=self.width,
                height=self.height,
                preview_every=PREVIEW_EVERY,
            )
        ignored = [*sampler_ignored, *self._ignored()][:MAX_TOLD_NAMES]
        if ignored:
            notes.append(f"Fields that have no effect here: {', '.join(ignored)}.")
        return options, ignored, notes

    def _recipe(self, painter: Painter) -> tuple[Recipe, list[str]]:
        """The preset of the sampler; and the sampler's field, if no preset uses it."""
        wanted = (self.sampler_name or self.sampler_index or "").casefold()
        by_name: dict[str, Recipe] = {
            name.casefold(): recipe for name, recipe in samplers_of(painter).items()
        }
        by_name |= {str(recipe): recipe for recipe in Recipe}
        if wanted in by_name or not wanted:
            return by_name.get(wanted, Recipe.BALANCED), []
        return Recipe.BALANCED, ["sampler_name" if self.sampler_name else "sampler_index"]

    def _ignored(self) -> list[str]:
        more = self.model_extra or {}
        told = [
            name[:100]
            for name, value in more.items()
            if value and name not in _NO_DIFFERENCE and (name, value) != ("clip_skip", 1)
            if not name.startswith(("hr_", "firstphase_")) or more.get("enable_hr")
        ]
        if self.scheduler and self.scheduler.casefold() != "automatic":
            told.insert(0, "scheduler")
        neutral = (1, "png", "Automatic", "None")
        return told + [
            f"override_settings.{name[:100]}"
            for name, value in (self.override_settings or {}).items()
            if value and name != "sd_model_checkpoint" and value not in neutral
        ]


def _default(value: int | None, default: int) -> int:
    return default if value is None else value
