"""Image-to-image: the diffusers pipeline of a painter's family, on the weights it has loaded."""

import inspect
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from marsam.cpu import optimize
from marsam.device import Device
from marsam.imaging.start_picture import fit_start


def image_to_image_pipeline(pipe: Any, family: str) -> Any:
    """Return a pipeline that starts from an image; it shares all parts with the given one.

    ``family`` is the name of its class. Not by ``from_pipe``, which converts the parts to one
    dtype.
    """
    import diffusers

    pipeline = getattr(diffusers, family)
    given = {**pipe.config, **pipe.components}
    wanted = inspect.signature(pipeline).parameters
    variation = pipeline(**{name: given[name] for name in wanted if name in given})
    variation.set_progress_bar_config(disable=True)
    return variation


def fit_to_pipeline(
    pipe: Any, start: Image.Image, width: int | None, height: int | None
) -> Image.Image:
    """Return a start picture at the size of the pictures; None is the pipeline's own side."""
    if hasattr(pipe, "unet"):
        side = pipe.unet.config.sample_size * pipe.vae_scale_factor
    else:
        side = getattr(pipe, "default_sample_size", 128) * pipe.vae_scale_factor
    return fit_start(start, width or side, height or side)


def load_encoder(
    vae: Any,
    folder: Path,
    device: Device,
    *,
    variant: str | None,
    dtype: torch.dtype,
    half_storage: bool,
) -> None:
    """Load the encoder of a VAE of which only the decoder was kept.

    Args:
        vae: gets the encoder.
        folder: the VAE's files.
        device: where it computes, and in which dtype.
        variant: of the files, as in ``from_pretrained``.
        dtype: what the weights are loaded in.
        half_storage: store the weights in 16 bits.
    """
    whole = type(vae).from_pretrained(folder, dtype=dtype, variant=variant, local_files_only=True)
    encoder = whole.encoder.to(device.kind)
    if half_storage:
        optimize.store_in_half(encoder)
    if device.is_cpu:
        optimize.use_channels_last(encoder)
    if device.torch_dtype != torch.float16:
        # In float16 alone an encoder overflows; the pipeline would convert the whole VAE.
        vae.register_to_config(force_upcast=False)
    vae.encoder = encoder
