"""Layerwise casting: fp16 weight storage and float32 compute, on a CPU without bfloat16.

A layer's weights are cast to float32 for the moment it multiplies. With the hundreds of rows that
an image has, the cast takes a fiftieth of the time of the product. Weights published in fp16 lose
nothing by it (except in :mod:`marsam.cpu.winograd`'s convolutions); float32 weights change by two
ten-thousandths.

Only for networks whose layers are called through ``forward``: some networks read another layer's
weights, or its dtype.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

CAST_CHUNK_NUMEL = 2**24
"""Weights of a layer cast at once, at most: 64 MB, and as much again for torch's blocked copy.
Smaller chunks would slow down layers that compute few rows."""


def apply_layerwise_casting(network: nn.Module, *, skip: Tensor | None = None) -> None:
    """Store the weights of linear layers, convolutions and embeddings in fp16, the rest in float32.

    Args:
        network: in either dtype.
        skip: a weight that stays in float32, such as the first one, which ``network.dtype`` is
            read from.
    """
    stored: set[Any] = set()
    for layer in network.modules():
        forward = _casting_forward(layer)
        if forward is not None and layer.weight is not skip:
            layer.forward = forward
            stored.add(layer.weight)  # a set: layers may share a weight
    for weight in stored:
        weight.data = _copy(weight, torch.float16)
    for other in {*network.parameters(), *network.buffers()} - stored:
        if other.is_floating_point():
            other.data = _copy(other, torch.float32)


def _copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Always copy: a view of a memory-mapped file would keep the whole file in memory."""
    return tensor.data.to(dtype, copy=True)


def _chunked_forward(
    weight: Tensor,
    bias: Tensor | None,
    compute: Callable[[Tensor, Tensor | None], Tensor],
    dim: int,
) -> Tensor:
    """Compute a layer's outputs for one chunk of weights after another; join them along ``dim``."""
    weights = torch.chunk(weight, -(-weight.numel() // CAST_CHUNK_NUMEL))
    biases = [None] * len(weights) if bias is None else torch.chunk(bias, len(weights))
    outputs = [compute(chunk.float(), b) for chunk, b in zip(weights, biases, strict=True)]
    return torch.cat(outputs, dim) if len(outputs) > 1 else outputs[0]


def _casting_forward(layer: Any) -> Callable[[Tensor], Tensor] | None:
    """The replacement for a layer's ``forward``; None for layers of other kinds."""
    if type(layer) is nn.Linear:
        return lambda states: _chunked_forward(
            layer.weight, layer.bias, lambda weight, bias: linear(states.float(), weight, bias), -1
        )
    if type(layer) is nn.Conv2d and layer.groups == 1:
        return lambda images: _chunked_forward(
            layer.weight,
            layer.bias,
            lambda weight, bias: layer._conv_forward(images.float(), weight, bias),
            1,
        )
    # NLLB's embedding is a subclass that scales its rows; other subclasses are unknown to us.
    scale = 1.0 if type(layer) is nn.Embedding else getattr(layer, "embed_scale", None)
    if isinstance(layer, nn.Embedding) and scale is not None:
        return lambda ids: embedding(ids, layer.weight, layer.padding_idx).float() * scale
    return None
