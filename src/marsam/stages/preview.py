"""Previews: small pictures decoded from the latents of an unfinished picture."""

import logging
from contextlib import suppress
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

PREVIEW_LATENTS = 16
"""Latents per side that a preview is decoded from, at most: cheap, and large enough to see."""

_log = logging.getLogger(__name__)


def preview(
    pipe: Any, vae: Any, latents: Tensor, *, width: int | None, height: int | None
) -> Image.Image | None:
    """Decode a small picture of the current state; None when that fails.

    Schedulers that predict the denoised latents keep that prediction, which is far clearer than the
    noisy latents.

    Args:
        pipe: the pipeline, at work.
        vae: decodes its latents.
        latents: of one picture.
        width: of the picture in pixels; None is the pipeline's own.
        height: the same.
    """
    with suppress(AttributeError, IndexError, TypeError):
        denoised = pipe.scheduler.model_outputs[-1]
        latents = denoised if denoised is not None else latents
    try:
        return _decode(pipe, vae, latents[:1], width=width, height=height)
    except Exception:  # a preview never costs a picture
        _log.debug("no preview", exc_info=True)
        return None


def _decode(
    pipe: Any, vae: Any, latents: Tensor, *, width: int | None, height: int | None
) -> Image.Image:
    if latents.ndim == 3:
        side = getattr(pipe, "default_sample_size", 0) * pipe.vae_scale_factor
        latents = _unpacked(pipe, latents, width=width or side, height=height or side)
    frames = latents.shape[2:-2]  # Qwen-Image has the decoder of a video: one frame
    latents = latents.flatten(1, -3).float()
    side = min(PREVIEW_LATENTS, *latents.shape[-2:])
    small = _as_decoded(vae, adaptive_avg_pool2d(latents, side))
    small = small.view(1, -1, *frames, *small.shape[-2:])
    pixels = vae.decode(small.to(vae.dtype), return_dict=False)[0]
    pixels = pixels.flatten(1, -3) if frames else pixels
    shown: Image.Image = pipe.image_processor.postprocess(pixels.float(), output_type="pil")[0]
    return shown


def _unpacked(pipe: Any, latents: Tensor, *, width: int, height: int) -> Tensor:
    """Packed latents (1, patches, channels) as images, by the pipeline's own methods."""
    if not hasattr(pipe, "_unpack_latents_with_ids"):
        unpacked: Tensor = pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)
        return unpacked
    patch = 2 * pipe.vae_scale_factor
    rows, columns = height // patch, width // patch
    ids = pipe._prepare_latent_ids(torch.empty(1, 1, rows, columns)).to(latents.device)
    patches = pipe._unpack_latents_with_ids(latents, ids, rows, columns).float()
    norm = pipe.vae.bn
    deviation = (norm.running_var + pipe.vae.config.batch_norm_eps).sqrt()
    patches = patches * deviation.view(1, -1, 1, 1) + norm.running_mean.view(1, -1, 1, 1)
    images: Tensor = pipe._unpatchify_latents(patches)
    return images


def _as_decoded(vae: Any, latents: Tensor) -> Tensor:
    """Latents in the scale of the decoder."""
    mean, std = (getattr(vae.config, f"latents_{name}", None) for name in ("mean", "std"))
    if mean is not None and std is not None:
        device = latents.device
        spread = torch.tensor(std, device=device).view(1, -1, 1, 1)
        return latents * spread + torch.tensor(mean, device=device).view(1, -1, 1, 1)
    factor = getattr(vae.config, "scaling_factor", None) or 1.0
    return latents / factor + (getattr(vae.config, "shift_factor", None) or 0.0)
