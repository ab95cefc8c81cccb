"""The bodies of requests for images of the web UI, and what of them has an effect."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import renamed_options
from marsam.api.fields import LongText, Side
from marsam.api.ignored import MAX_TOLD_NAMES
from marsam.api.sdwebui.settings import PREVIEW_EVERY, require_model, samplers_of
from marsam.errors import OptionError
from marsam.messages import Message
from marsam.options import (
    DEFAULT_STRENGTH,
    MAX_TEXT_CHARACTERS,
    SEED_LIMIT,
    PaintOptions,
    resolve_options,
)
from marsam.recipes import Recipe
from marsam.stages.protocols import Painter
from marsam.styles import NO_STYLE

_NO_DIFFERENCE = {
    *("denoising_strength", "eta", "s_churn", "s_noise", "s_tmax", "s_tmin", "subseed"),
    *("do_not_save_grid", "do_not_save_samples", "save_images", "force_task_id"),
    *("override_settings_restore_afterwards", "seed_resize_from_h", "seed_resize_from_w"),
    *("auth", "url"),
}
"""Fields that change no picture, or only together with another field that is reported."""
_ONLY_WITH_A_MASK = {
    *("image_cfg_scale", "inpaint_full_res", "inpaint_full_res_padding", "inpainting_fill"),
    *("inpainting_mask_invert", "mask_blur", "mask_blur_x", "mask_blur_y", "mask_round"),
}
"""Fields of inpainting, and of models that follow instructions."""
_NEUTRAL = ("clip_skip", 1), ("initial_noise_multiplier", 1)
CROPPED = 1
"""The resize mode in which the image is scaled and cropped."""


class PaintRequest(BaseModel, use_attribute_docstrings=True):
    """Body of a text-to-image request of the web UI.

    Null is the same as nothing. Other fields have no effect; `info` in the response names them.
    """

    model_config = ConfigDict(extra="allow")
    no_difference: ClassVar[Collection[str]] = _NO_DIFFERENCE

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
    styles: list[str] | None = None
    """At most one style of `/sdapi/v1/prompt-styles`, by its name."""
    send_images: bool | None = None
    """False: return no images; they can be downloaded as pictures of the run."""
    override_settings: dict[str, Any] | None = None
    """Of these, only another `sd_model_checkpoint` matters: it is refused."""
    script_name: str | None = None
    """Refused, as there are no scripts."""
    alwayson_scripts: dict[str, Any] | None = None
    """Refused unless empty, as there are no scripts."""

    def known(self) -> Self:
        """The request without images and what has no effect: it may be large, or a secret."""
        hidden = {"override_settings", "init_images"}
        return self.model_validate(self.model_dump(include=set(type(self).model_fields) - hidden))

    def options(self, painter: Painter) -> tuple[PaintOptions, list[str], list[Message]]:
        """The options, the names of fields without effect, and notes for people.

        Raises:
            OptionError: for a number out of range, another model, and scripts.
        """
        if self.script_name or self.alwayson_scripts:
            names = self.script_name or ", ".join(list(self.alwayson_scripts or {})[:3])
            raise OptionError(
                "This server has no scripts; switch off {scripts}.", scripts=names[:100]
            )
        if model := (self.override_settings or {}).get("sd_model_checkpoint"):
            require_model(str(model), painter)
        if len(styles := [name for name in self.styles or () if name not in ("", "None")]) > 1:
            raise OptionError("{option} must have at most one style.", option="styles")
        recipe, sampler_ignored = self._recipe(painter)
        pictures = _default(self.batch_size, 1) * _default(self.n_iter, 1)
        seed, notes = self.seed, list[Message]()
        with renamed_options(pictures="batch_size × n_iter", guidance_scale="cfg_scale"):
            largest = SEED_LIMIT - max(1, pictures)
            if seed is not None and seed > largest:
                seed %= max(1, largest + 1)
                notes.append(Message("The seed is larger than fits; {seed} was used.", seed=seed))
            options = PaintOptions(
                pictures=pictures,
                seed=seed if seed is not None and seed >= 0 else None,
                recipe=recipe,
                style=styles[0] if styles else NO_STYLE,
                steps=self.steps,
                guidance_scale=self.cfg_scale,
                negative_prompt=self.negative_prompt or "",
                width=self.width,
                height=self.height,
                preview_every=PREVIEW_EVERY,
            )
        ignored = [*sampler_ignored, *self._ignored()][:MAX_TOLD_NAMES]
        if ignored:
            notes.append(Message("Fields that have no effect here: {names}.", names=ignored))
        return options, ignored, notes

    def _recipe(self, painter: Painter) -> tuple[Recipe, list[str]]:
        """The preset of the sampler; and the sampler's field, if no preset uses it."""
        wanted = (self.sampler_name or self.sampler_index or "").casefold()
        by_name: dict[str, Recipe] = {
            name.casefold(): recipe for name, recipe in samplers_of(painter).items()
        }
        by_name |= {str(recipe): recipe for recipe in painter.recipes}
        if wanted in by_name or not wanted:
            return by_name.get(wanted, Recipe.BALANCED), []
        return Recipe.BALANCED, ["sampler_name" if self.sampler_name else "sampler_index"]

    def _ignored(self) -> list[str]:
        more = self.model_extra or {}
        told = [
            name[:100]
            for name, value in more.items()
            if value and name not in self.no_difference and (name, value) not in _NEUTRAL
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


class VariationRequest(PaintRequest):
    """Body of an image-to-image request of the web UI: the fields of `txt2img`, and these."""

    no_difference: ClassVar[Collection[str]] = _NO_DIFFERENCE | _ONLY_WITH_A_MASK

    init_images: list[str] | None = None
    """One image in base64, with or without a data URL: the images are variations of it."""
    denoising_strength: float | None = Field(default=None, examples=[0.6])
    """How far they are from it: above 0 to 1. Default: 0.6."""
    resize_mode: int | None = None
    """Has no effect: the image is scaled and cropped, as with 1."""
    mask: str | None = None
    """Refused, as whole images are painted."""
    latent_mask: str | None = None
    """Refused, as whole images are painted."""

    def image(self) -> str:
        """The image in base64; OptionError unless there is one, and no mask."""
        if self.mask or self.latent_mask:
            raise OptionError(
                "This server paints whole images and no parts of them; leave out mask."
            )
        if not self.init_images or len(self.init_images) > 1:
            raise OptionError("init_images must be a list of one image in base64.")
        return self.init_images[0]

    def options(self, painter: Painter) -> tuple[PaintOptions, list[str], list[Message]]:
        """As of :class:`PaintRequest`, with a strength."""
        options, ignored, notes = super().options(painter)
        if self.resize_mode not in (None, CROPPED):
            notes.append(
                Message(
                    "resize_mode {mode} was used: the image was scaled and cropped.", mode=CROPPED
                )
            )
        with renamed_options(strength="denoising_strength"):
            strength = self.denoising_strength
            options = replace(options, strength=DEFAULT_STRENGTH if strength is None else strength)
            options = resolve_options(options, painter.sampling(options.recipe), has_start=True)
        return options, ignored, notes


def _default(value: int | None, default: int) -> int:
    return default if value is None else value
