"""Prepacked weights (oneDNN's blocked layout), for x86 CPUs with bfloat16.

torch keeps weights row by row and has oneDNN copy them into its own layout for every product.
Copied once, they take no more memory and the results are bit-equal. Products of few rows, as of a
sentence, take a third of the time; those of an image's many rows a tenth to a quarter less.
"""

from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.allocator import release_pages
from marsam.cpu.torch_ops import (
    Activation,
    has_onednn,
    prepack_conv2d,
    prepack_linear,
    prepacked_conv2d,
    prepacked_linear,
    prepacked_linear_mul,
    replace_weight,
)
from marsam.device import Device


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
        self._keep([self._prepack(chunk) for chunk in weight.detach().chunk(self.chunks)])
        release_pages(weight)

    def _keep(self, weights: list[Tensor]) -> None:
        self._weights = weights
        # Frees the layer's own weights; models still read the dtype here.
        replace_weight(self._layer, weights[0])

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
    """The forward of a convolution, prepacked for the size of the images that it gets.

    For images of another size oneDNN may take a kernel that is 10 to 100 times slower: a 3x3
    convolution of 96 channels with 16x16 pixels took 3.1 ms with the layout for 8x8, 0.2 with its
    own and 0.3 without prepacking (Zen 4, two cores).
    """

    _side: torch.Size | None = None
    """Height and width that the weights are prepacked for."""

    def _prepack(self, weight: Tensor) -> Tensor:
        layer = self._layer
        self._geometry = layer.padding, layer.stride, layer.dilation, layer.groups
        self._side = None
        return weight

    def __call__(self, images: Tensor) -> Tensor:
        """Images (n, inputs, height, width) to (n, outputs, …)."""
        if images.shape[2:] != self._side:
            weight = self._weights[0]
            plain = weight.to_dense() if weight.is_mkldnn else weight
            self._keep([prepack_conv2d(plain, list(images.shape), self._geometry)])
            self._side = images.shape[2:]
        return prepacked_conv2d(images, self._weights[0], self._layer.bias, self._geometry)
