"""Weights in the form in which oneDNN multiplies them, where a processor computes bfloat16.

torch keeps weights as they were read, and has them arranged anew for each product. Arranged once,
they take no more memory and the answers are the same to the last bit; products of the few rows that
a sentence has take a third of the time, those of a picture's rows a tenth to a quarter less.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from marsam.device import Device

SIDE = 8
"""Places a side for which a convolution's weights are arranged; what they are used on is not less
quick for that."""


def pack(network: nn.Module, device: Device) -> None:
    """Have linear layers and convolutions of a network multiply so, where that is quicker.

    Args:
        network: whose layers are asked through ``forward``, and for no more of their weights than
            the number format. Layers with a ``forward`` of their own stay.
        device: what it computes on.
    """
    if not device.packs_bfloat16:
        return
    for layer in network.modules():
        if "forward" not in vars(layer):
            forward = _forward(layer)
            if forward is not None:
                layer.forward = forward


def _forward(layer: Any) -> Any:
    """What to call in place of a layer's own ``forward``; None for other kinds of layers."""
    if type(layer) is nn.Linear:
        return PackedLinear(layer)
    if type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and type(layer.padding) is tuple:
        return _Convolution(layer)
    return None


class _Packed:
    """What is called in place of a layer's own ``forward``."""

    parts = 1
    """Pieces of the layer's outputs that are worked out one after another."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self.set_weight(layer.weight)

    def set_weight(self, weight: Tensor) -> None:
        """Multiply with other weights, in the layer's shape and number format."""
        self._weights = [self._arranged(part) for part in weight.detach().chunk(self.parts)]
        # For those who ask for its number format.
        self._layer.weight = nn.Parameter(self._weights[0], requires_grad=False)

    def _arranged(self, weight: Tensor) -> Tensor:
        arranged: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        return arranged


class PackedLinear(_Packed):
    """A linear layer's."""

    def __call__(self, states: Tensor, then: Literal["none", "gelu"] = "none") -> Tensor:
        """States (…, inputs) to (…, outputs); what comes ``then`` costs nothing more."""
        return _product(states, self._weights[0], self._layer.bias, then)


class Gated(_Packed):
    """That of a linear layer, half of whose outputs say how much of the others is let through."""

    parts = 2

    def __call__(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs / 2)."""
        bias = self._layer.bias
        biases = (None, None) if bias is None else bias.chunk(2)
        gate = _product(states, self._weights[1], biases[1], "gelu")
        multiply = torch.ops.mkldnn._linear_pointwise.binary
        answer: Tensor = multiply(states, gate, self._weights[0], biases[0], "mul")
        return answer


def _product(states: Tensor, weight: Tensor, bias: Tensor | None, then: str) -> Tensor:
    # Of the kinds of "gelu", the exact one.
    answer: Tensor = torch.ops.mkldnn._linear_pointwise(states, weight, bias, then, [], "none")
    return answer


class _Convolution(_Packed):
    def _arranged(self, weight: Tensor) -> Tensor:
        layer = self._layer
        arranged: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            weight, *self._geometry, [1, layer.in_channels, SIDE, SIDE]
        )
        return arranged

    @property
    def _geometry(self) -> tuple[Any, ...]:
        layer = self._layer
        return layer.padding, layer.stride, layer.dilation, layer.groups

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (n, inputs, height, width) to (n, outputs, …)."""
        answer: Tensor = torch.ops.mkldnn._convolution_pointwise(
            pictures, self._weights[0], self._layer.bias, *self._geometry, "none", [], ""
        )
        return answer
