"""Prepacked weights (oneDNN's blocked layout), for x86 CPUs with bfloat16.

torch keeps weights row by row and has oneDNN copy them into its own layout for every product.
Copied once, they take no more memory and the results are bit-equal. Products of few rows, as of a
sentence, take a third of the time; those of an image's many rows a tenth to a quarter less.
"""

from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.torch_ops import (
    Activation,
    has_onednn,
    prepack_conv2d,
    prepack_linear,
    prepacked_conv2d,
    prepacked_linear,
    prepacked_linear_mul,
)
from marsam.device import Device

CONV_SIDE_PIXELS = 8
"""Height and width of the inputs that oneDNN chooses a convolution's layout for; larger inputs are
not slower with it."""


def prepacks_onednn(device: Device) -> bool:
    """Whether weights are prepacked on this device."""
    return device.has_bf16 and has_onednn(torch.bfloat16)


def prepack_weights(network: nn.Module, device: Device) -> None:
    """Prepack the weights of a network's linear layers and convolutions, where that is faster.

    They must be called through ``forward``, and nothing may read their weights but for the dtype.
    Layers whose ``forward`` was replaced already stay.
    """
    if not prepacks_onednn(device):
        return
    layers: list[Any] = [layer for layer in network.modules() if "forward" not in vars(layer)]
    for layer in layers:
        kind = type(layer)
        if kind is nn.Linear:
            layer.forward = PrepackedLinear(layer)
        elif kind is nn.Conv2d and layer.padding_mode == "zeros" and type(layer.padding) is tuple:
            layer.forward = _PrepackedConv2d(layer)


class _PrepackedForward:
    """Replaces a layer's ``forward``."""

    chunks = 1
    """Parts of the layer's outputs that are computed one after another."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self.set_weight(layer.weight)

    def set_weight(self, weight: Tensor) -> None:
        """Use other weights, of the layer's shape and dtype."""
        self._weights = [self._prepack(chunk) for chunk in weight.detach().chunk(self.chunks)]
        # Frees the layer's own weights; models still read the dtype here.
        self._layer.weight = nn.Parameter(self._weights[0], requires_grad=False)

    def _prepack(self, weight: Tensor) -> Tensor:
        return prepack_linear(weight)


class PrepackedLinear(_PrepackedForward):
    """The forward of a linear layer."""

    def __call__(self, states: Tensor, activation: Activation = "none") -> Tensor:
        """States (…, inputs) to (…, outputs); the activation is fused into the product."""
        return prepacked_linear(states, self._weights[0], self._layer.bias, activation)


class PrepackedGEGLU(_PrepackedForward):
    """The forward of a GEGLU's projection, its gate included: ``values * gelu(gates)``."""

    chunks = 2

    def __call__(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs / 2)."""
        bias = self._layer.bias
        value_bias, gate_bias = (None, None) if bias is None else bias.chunk(2)
        gate = prepacked_linear(states, self._weights[1], gate_bias, "gelu")
        return prepacked_linear_mul(states, gate, self._weights[0], value_bias)


class _PrepackedConv2d(_PrepackedForward):
    def _prepack(self, weight: Tensor) -> Tensor:
        layer = self._layer
        self._geometry = layer.padding, layer.stride, layer.dilation, layer.groups
        input_size = [1, layer.in_channels, CONV_SIDE_PIXELS, CONV_SIDE_PIXELS]
        return prepack_conv2d(weight, input_size, self._geometry)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (n, inputs, height, width) to (n, outputs, …)."""
        return prepacked_conv2d(images, self._weights[0], self._layer.bias, self._geometry)
