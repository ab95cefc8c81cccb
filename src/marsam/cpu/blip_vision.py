"""BLIP on a CPU: a vision encoder without attention weights, and image K/V computed once per image.

transformers' BLIP encoder writes all attention weights to memory, and its decoder projects the
image's keys and values again for every beam.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from marsam.cpu.prepacked import prepack_weights, prepacks_onednn
from marsam.cpu.tiled_attention import tiled_attention
from marsam.device import Device


class VisionSdpaAttention(nn.Module):
    """Self-attention of BLIP's vision encoder by a kernel that does not return the weights.

    Args:
        attention: the ``BlipAttention`` it replaces, and whose layers it takes.
        tiled: use :func:`~marsam.cpu.tiled_attention.tiled_attention` rather than torch's kernel.
    """

    def __init__(self, attention: Any, *, tiled: bool) -> None:
        super().__init__()
        self.heads = attention.num_heads
        self.attend = tiled_attention if tiled else scaled_dot_product_attention
        self.qkv, self.projection = attention.qkv, attention.projection

    def forward(self, hidden_states: Tensor, **_: Any) -> tuple[Tensor, None]:
        """Hidden states (n, tokens, channels) to the same shape, and no weights."""
        query, key, value = (
            self.qkv(hidden_states).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        attended = self.attend(query, key, value)
        output: Tensor = self.projection(attended.transpose(1, 2).flatten(2))
        return output, None


class OncePerImageProjection(nn.Module):
    """A key or value projection of cross-attention, computed once per image for all its beams."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.beams = 1

    def forward(self, states: Tensor) -> Tensor:
        """Image states (images x beams, tokens, channels), equal for all beams of an image."""
        output: Tensor = self.layer(states[:: self.beams])
        return output.repeat_interleave(self.beams, 0)


def _mlp_with_fused_gelu(mlp: Any) -> Callable[[Tensor], Tensor]:
    """The forward of an MLP of two prepacked layers, GELU fused into the first product."""

    def forward(states: Tensor) -> Tensor:
        output: Tensor = mlp.fc2(mlp.fc1.forward(states, "gelu"))
        return output

    return forward


def apply_blip_optimizations(model: Any, device: Device) -> list[OncePerImageProjection]:
    """Optimise a ``BlipForConditionalGeneration``.

    Returns:
        The cross-attention projections: set their ``beams`` before each ``generate``.
    """
    encoder = model.vision_model.encoder
    for layer in encoder.layers:
        layer.self_attn = VisionSdpaAttention(layer.self_attn, tiled=device.has_bf16)
    prepack_weights(encoder, device)
    if prepacks_onednn(device) and encoder.config.hidden_act == "gelu":
        for layer in encoder.layers:
            layer.mlp.forward = _mlp_with_fused_gelu(layer.mlp)
    projections = []
    for layer in model.text_decoder.bert.encoder.layer:
        attention = layer.crossattention.self
        prepack_weights(nn.ModuleList([attention.key, attention.value]), device)
        attention.key, attention.value = map(
            OncePerImageProjection, (attention.key, attention.value)
        )
        projections += [attention.key, attention.value]
    return projections
