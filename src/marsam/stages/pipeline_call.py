"""Call a pipeline of any family: with the arguments that it takes, and with errors told apart."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from marsam.errors import ModelError, OptionError
from marsam.stages.families import Family

CHECKS = ("check_inputs", "set_timesteps", "retrieve_timesteps", "__call__")
"""Functions of diffusers that check what a pipeline was asked for."""

OnStep = Callable[[int, Tensor], None]
"""Called after each step with its index and the latents."""


def call_pipeline(
    pipe: Any, family: Family, given: Mapping[str, Any], *, steps: int, on_step: OnStep
) -> Any:
    """Paint one picture with a pipeline, and return its output.

    Args:
        pipe: a pipeline of diffusers.
        family: how it is used.
        given: arguments, of which those are left out that are None or that it does not take.
        steps: number of denoising steps.
        on_step: called after each step, where the pipeline says that one is done.

    Raises:
        OptionError: the pipeline refuses what it was asked for.
        ModelError: the numbers overflow.
    """
    takes = inspect.signature(type(pipe).__call__).parameters

    def after_step(index: int, latents: Tensor) -> None:
        if not torch.isfinite(latents).all():
            raise empty_picture(latents.dtype)
        on_step(index, latents)

    def on_step_end(
        _pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        after_step(index, tensors["latents"])
        return {}

    asked = {**family.arguments, **given, "num_inference_steps": steps}
    arguments = {k: value for k, value in asked.items() if k in takes and value is not None}
    if "callback_on_step_end" in takes:
        arguments["callback_on_step_end"] = on_step_end
    elif "callback" in takes:  # PixArt
        arguments["callback"] = lambda index, _timestep, latents: after_step(index, latents)
    if "intermediate_timesteps" in takes and steps != 2:
        arguments["intermediate_timesteps"] = None  # Sana-Sprint's default is for two steps
    # What is not a number is found above, and below in the picture.
    with _option_errors(), np.errstate(invalid="ignore"):
        return pipe(**arguments)


def require_content(image: Image.Image, dtype: torch.dtype) -> Image.Image:
    """Return a picture, but not one of a single colour: no prompt gives that, but overflow does.

    Raises:
        ModelError: it has one colour.
    """
    if image.convert("RGB").getcolors(maxcolors=1) is not None:
        raise empty_picture(dtype)
    return image


def empty_picture(dtype: torch.dtype) -> ModelError:
    """The error of a painter whose numbers overflow."""
    return ModelError(
        "The painter gave an empty picture: its numbers overflow in {dtype}. "
        "Use another device (--device cpu) or another painter.",
        dtype=str(dtype).removeprefix("torch."),
    )


@contextmanager
def _option_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is None or trace.tb_frame.f_code.co_name not in CHECKS:
            raise
        if not str(trace.tb_frame.f_globals.get("__name__")).startswith("diffusers."):
            raise
        raise OptionError(
            "The painter cannot paint with these options: {reason}", reason=error
        ) from error
