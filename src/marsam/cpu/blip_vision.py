"""BLIP on a CPU: a vision encoder without attention weights, and image K/V computed once per image.

transformers' BLIP encoder writes all attention weights to memory, and its decoder projects the
image's keys and values again for every beam.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from marsam.cpu.prepacked import prepack_weights, prepacks_onednn
from marsam.cpu.tiled_attention import tiled_attention, uses_tiled_attention
from marsam.device import Device

Attention = Callable[..., Tensor]


def _vision_attention(
    attention: Any, attend: Attention, hidden_states: Tensor, **_: Any
) -> tuple[Tensor, None]:
    """The forward of a ``BlipAttention``, by a kernel that does not return the weights.

    Hidden states (n, tokens, channels) to the same shape.
    """
    heads = attention.qkv(hidden_states).unflatten(-1, (3, attention.num_heads, -1))
    attended = attend(*heads.permute(2, 0, 3, 1, 4))
    return attention.projection(attended.transpose(1, 2).flatten(2)), None


class OncePerImageProjection(nn.Module):
    """A key or value projection of cross-attention, computed once per image for all its beams."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.beams = 1

    def forward(self, states: Tensor) -> Tensor:
        """Image states (images x beams, tokens, channels), equal for all beams of an image."""
        return torch.repeat_interleave(self.layer(states[:: self.beams]), self.beams, 0)


def apply_blip_optimizations(model: Any, device: Device) -> list[OncePerImageProjection]:
    """Optimise a ``BlipForConditionalGeneration``; return its cross-attention projections.

    Set their ``beams`` before each ``generate``.
    """
    encoder = model.vision_model.encoder
    is_tiled = uses_tiled_attention(device)
    attend: Attention = tiled_attention if is_tiled else scaled_dot_product_attention
    for layer in encoder.layers:
        layer.self_attn.forward = partial(_vision_attention, layer.self_attn, attend)
    prepack_weights(encoder, device)
    if prepacks_onednn(device) and encoder.config.hidden_act == "gelu":
        for layer in encoder.layers:  # GELU is fused into the first product
            layer.mlp.fc1.forward = partial(layer.mlp.fc1.forward, activation="gelu")
            layer.mlp.activation_fn = nn.Identity()
    projections = []
    for layer in model.text_decoder.bert.encoder.layer:
        attention = layer.crossattention.self
        attention.key = OncePerImageProjection(attention.key)
        attention.value = OncePerImageProjection(attention.value)
        projections += [attention.key, attention.value]
    prepack_weights(nn.ModuleList(projections), device)
    return projections
