"""Text models that read less memory for each word they write.

Writing a word reads every weight of the decoder once; on a processor that is all the time there is.
Where the processor computes bfloat16, weights of eight bits with a scale a row are half of that,
and differ from the model's own by less than its arithmetic does. Where it computes float32, weights
of sixteen bits are half of that, and differ from the model's own a tenth as much as bfloat16 would
(not at all from those that come in float16); they lie in memory as FBGEMM multiplies them, whose
products of a few rows take as long as reading does, and torch's own many times that.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from marsam.device import Device

FEW = 16
"""Rows up to which torch's kernel for eight-bit weights is the faster one on any chip seen."""
PIECE = 16_384
"""Outputs packed at once: packing more takes longer for each of them, and more memory."""


class NarrowLinear(nn.Module):
    """A linear layer with its weights (outputs, inputs) in eight bits."""

    narrow: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        pieces = torch.split(weight.detach(), PIECE)
        scales = [piece.float().abs().amax(1).clamp_min(1e-12) / 127 for piece in pieces]
        rounded = [
            (piece.float() / scale[:, None]).round_().to(torch.int8)
            for piece, scale in zip(pieces, scales, strict=True)
        ]
        self.register_buffer("narrow", torch.cat(rounded))
        self.register_buffer("scale", torch.cat(scales).to(weight.dtype))
        self.register_buffer("bias", bias)

    @property
    def weight(self) -> Tensor:
        """As it would be in full; some models ask a layer for its number format."""
        full: Tensor = self.narrow.to(self.scale.dtype) * self.scale[:, None]
        return full

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs)."""
        rows = states.reshape(-1, states.shape[-1])
        if len(rows) > FEW:
            return linear(states, self.weight, self.bias)
        answer = torch._weight_int8pack_mm(rows, self.narrow, self.scale)
        answer = answer.view(*states.shape[:-1], -1)
        return answer if self.bias is None else answer + self.bias


class HalfLinear(nn.Module):
    """A linear layer that computes in float32, its weights (outputs, inputs) in float16."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        pieces = torch.split(weight.detach(), PIECE)
        # A view of a file would hold all of it in memory.
        bias = bias.detach().clone() if bias is not None else None
        biases = [None] * len(pieces) if bias is None else torch.split(bias, PIECE)
        pack = torch.ops.quantized.linear_prepack_fp16
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            self._packed = list(pool.map(lambda w, b: pack(w.float(), b), pieces, biases))

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs)."""
        multiply = torch.ops.quantized.linear_dynamic_fp16
        answers: list[Tensor] = [multiply(states, piece) for piece in self._packed]
        return torch.cat(answers, -1) if len(answers) > 1 else answers[0]


def narrowed(layer: nn.Linear, device: Device) -> nn.Module:
    """The layer as it is quickest for a few rows; the same one where nothing else is."""
    if device.is_bfloat16_processor and layer.in_features % 32 == 0:
        return NarrowLinear(layer.weight, layer.bias)
    if device.packs_weights:
        return HalfLinear(layer.weight, layer.bias)
    return layer


def narrow(network: nn.Module, device: Device) -> None:
    """Exchange every linear layer of a network that sees few rows at once, as texts have.

    Layers with a ``forward`` of their own stay.
    """
    places = [
        (module, name)
        for module in network.modules()
        for name, layer in module.named_children()
        if type(layer) is nn.Linear and "forward" not in vars(layer)
    ]

    def exchange(place: tuple[nn.Module, str]) -> None:
        module, name = place
        layer: Any = getattr(module, name)
        setattr(module, name, narrowed(layer, device))

    # Packing is the work of one core, and takes as long as a few words do.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(exchange, places))
