"""Classifier-free guidance: compute once what the conditional and unconditional halves share.

With guidance, the U-Net's batch holds every latent twice, with the prompt and with the negative
prompt. Until its first cross-attention layer both halves are equal, so that half the batch is
enough: 3 to 5 % of a step (``benchmarks/RESULTS.md``).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor


def apply_cfg_sharing(unet: Any) -> None:
    """Share the layers before a U-Net's first cross-attention; leave other networks as they are."""
    from diffusers import UNet2DConditionModel

    if not isinstance(unet, UNet2DConditionModel):
        return
    first: Any = unet.down_blocks[0]
    # Cheap layers too: computed on both halves, they may round them differently; then the halves
    # are no longer equal for the layers that follow.
    layers = [unet.time_embedding, unet.conv_in, first.resnets[0]]
    for transformer in (getattr(first, "attentions", None) or ())[:1]:
        if hasattr(transformer, "transformer_blocks"):
            attention = transformer.transformer_blocks[0].attn1
            layers += [transformer.norm, transformer.proj_in, attention]
    for layer in filter(None, layers):
        layer.forward = share_cfg_halves(layer.forward)


def share_cfg_halves(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap a forward so that it computes one half of the batch where both halves are equal.

    All tensors it takes and returns have the batch as first dimension.
    """

    @wraps(forward, updated=())  # stages.lora unwraps it to set weights
    def shared(*args: Any, **kwargs: Any) -> Tensor:
        inputs = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        if not all(map(_has_equal_halves, inputs)):
            return forward(*args, **kwargs)
        half = forward(*map(_first_half, args), **{k: _first_half(v) for k, v in kwargs.items()})
        return torch.cat([half, half])

    return shared


def _has_equal_halves(tensor: Tensor) -> bool:
    half, odd = divmod(len(tensor), 2)
    return half > 0 and not odd and torch.equal(tensor[:half], tensor[half:])


def _first_half(value: Any) -> Any:
    return value[: len(value) // 2] if isinstance(value, Tensor) else value
