"""Find the family of a painter in its files and, where they do not say it, by its name."""

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from marsam.device import Device
from marsam.errors import ModelError, ModelUnsupported
from marsam.stages.families import (
    AS_ASKED,
    DISTILLED,
    FAMILIES,
    IMAGE_IS_OPTIONAL,
    OTHER_TASKS,
    Family,
    by_recipe,
)
from marsam.stages.loading import read_config


def listed_family(folder: Path, index: Mapping[str, Any], name: str) -> Family | None:
    """Return the family of a painter, or of its distilled kind; None when the table has none.

    Args:
        folder: of the painter.
        index: its ``model_index.json``.
        name: its hub id, or its folder's name.
    """
    pipeline = str(index.get("_class_name"))
    family, kinds = FAMILIES.get(pipeline), DISTILLED.get(pipeline, {})
    if family is None:
        return None
    scheduler = _config(folder, "scheduler/scheduler_config.json")
    if pipeline == "FluxPipeline":
        network = _config(folder, "transformer/config.json")
        kind = "" if network.get("guidance_embeds", False) else "schnell"
    elif "distilled" in kinds:
        kind = "distilled" if index.get("is_distilled") else ""
    else:
        kind = _kind_of_scheduler(scheduler, kinds, name)
    family = kinds.get(kind, family)
    return replace(family, other_schedulers=family.other_schedulers and _is_usual(scheduler))


def _kind_of_scheduler(scheduler: Mapping[str, Any], kinds: Mapping[str, Family], name: str) -> str:
    if scheduler.get("_class_name") == "LCMScheduler":
        return "lcm"
    named = kinds.keys() & set(re.split(r"[^a-z]+", name.lower()))
    if named:
        return named.pop()
    is_euler = str(scheduler.get("_class_name")).startswith("Euler")
    ends_in_noise = scheduler.get("rescale_betas_zero_snr", False)
    is_turbo = is_euler and scheduler.get("timestep_spacing") == "trailing" and not ends_in_noise
    return "turbo" if is_turbo else ""


def _is_usual(scheduler: Mapping[str, Any]) -> bool:
    """Whether the noise is that of Stable Diffusion, so that other schedulers can do the work."""
    other_noise = str(scheduler.get("_class_name")).startswith(("EDM", "FlowMatch"))
    prediction = scheduler.get("prediction_type", "epsilon")
    return not other_noise and prediction in ("epsilon", "v_prediction")


def _config(folder: Path, name: str) -> dict[str, Any]:
    with suppress(ModelError):  # what is missing is said when the painter is loaded
        return read_config(folder, name)
    return {}


def unlisted_family(pipeline: Any) -> Family:
    """Return the family of a pipeline class that the table does not list, from its signature."""
    parameters = inspect.signature(pipeline.__call__).parameters

    def number(name: str) -> float | None:
        default = parameters[name].default if name in parameters else None
        return default if isinstance(default, int | float) else None

    steps, limit = int(number("num_inference_steps") or 50), number("max_sequence_length")
    names = [name for name in ("true_cfg_scale", "guidance_scale") if number(name) is not None]
    return Family(
        steps=by_recipe(steps, steps, steps),
        guidance_scale=(number(names[0]) or 0.0) if names else 1.0,
        guidance_argument=names[0] if names else "guidance_scale",
        classifier_free_guidance=bool(names),
        negative_prompts="negative_prompt" in parameters,
        arguments=AS_ASKED,
        max_tokens=None if limit is None else int(limit),
    )


def pipeline_class(pipeline: str, model: str) -> Any:
    """Return the diffusers class of that name; ``model`` is named in the error.

    Raises:
        ModelUnsupported: it is none that paints from words alone.
    """
    import diffusers

    # The class by its name: diffusers' AutoPipeline would import every pipeline.
    found = getattr(diffusers, pipeline, None)
    parameters = inspect.signature(found.__call__).parameters if found else {}
    needed = {
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    other_task = not parameters.keys().isdisjoint(OTHER_TASKS) or "Prior" in pipeline
    is_known = pipeline in FAMILIES or pipeline in IMAGE_IS_OPTIONAL
    if "prompt" not in parameters or needed - {"self", "prompt"} or (other_task and not is_known):
        raise ModelUnsupported(
            "{model} is a {family}, which is no text-to-image pipeline.",
            model=model,
            family=pipeline,
        )
    return found


def device_for(family: Family | None, device: Device) -> Device:
    """Return the device in a dtype that the family can compute in."""
    return device if family and family.float16 else device.with_float32_for_float16()
