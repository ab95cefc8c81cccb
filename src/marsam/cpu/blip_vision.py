"""BLIP's look at a picture, without the work that changes nothing.

Its vision tower attends without writing every weight to memory; and its decoder works out once what
a picture looks like to it, not once for each of the picture's beams.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from marsam.cpu.prepacked import pack
from marsam.cpu.tiled_attention import attend
from marsam.device import Device


class TowerAttention(nn.Module):
    """What a layer of BLIP's vision tower attends with; the same layers as ``BlipAttention``'s."""

    def __init__(self, given: Any, *, pieces: bool) -> None:
        super().__init__()
        self.heads = given.num_heads
        self.attend = attend if pieces else scaled_dot_product_attention
        self.qkv, self.projection = given.qkv, given.projection

    def forward(self, hidden_states: Tensor, **_: Any) -> tuple[Tensor, None]:
        """Places (n, places, width) to the same shape; the weights are not kept."""
        query, key, value = (
            self.qkv(hidden_states).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        attended = self.attend(query, key, value)
        out: Tensor = self.projection(attended.transpose(1, 2).flatten(2))
        return out, None


class OncePerPicture(nn.Module):
    """A linear layer of what a picture's beams share, who stand one after another."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.beams = 1

    def forward(self, states: Tensor) -> Tensor:
        """States (pictures x beams, places, width), the same for all beams of a picture."""
        answer: Tensor = self.layer(states[:: self.beams])
        return answer.repeat_interleave(self.beams, 0)


def _activated_within(mlp: Any) -> Callable[[Tensor], Tensor]:
    """What two packed layers say, the first one's answers activated as they are made."""

    def answer(states: Tensor) -> Tensor:
        said: Tensor = mlp.fc2(mlp.fc1.forward(states, "gelu"))
        return said

    return answer


def install(model: Any, device: Device) -> list[OncePerPicture]:
    """Change a BLIP model so; the layers returned have to know how many beams there are.

    Args:
        model: a ``BlipForConditionalGeneration``.
        device: what it computes on.
    """
    tower = model.vision_model.encoder
    for layer in tower.layers:
        layer.self_attn = TowerAttention(layer.self_attn, pieces=device.is_bfloat16_processor)
    pack(tower, device)
    if device.packs_bfloat16 and tower.config.hidden_act == "gelu":
        for layer in tower.layers:
            layer.mlp.forward = _activated_within(layer.mlp)
    shared = []
    for layer in model.text_decoder.bert.encoder.layer:
        attention = layer.crossattention.self
        pack(nn.ModuleList([attention.key, attention.value]), device)
        attention.key, attention.value = map(OncePerPicture, (attention.key, attention.value))
        shared += [attention.key, attention.value]
    return shared
