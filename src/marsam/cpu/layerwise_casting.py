"""Weights in half the memory, on a processor that computes float32.

They are kept in float16, the form in which painters are published, and made wider for the moment in
which a layer multiplies with them: for the hundreds of rows that a picture has, a fiftieth of the
time that multiplying takes. What comes in float16 loses nothing by it (but where its convolutions
are :mod:`marsam.cpu.winograd`'s), what comes in float32 two in ten thousand.

Only for networks whose layers are asked through ``forward``: some read another layer's weights
themselves, or its number format.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

PIECE = 2**24
"""Weights of a layer that are made wider at once, at most: 64 megabytes, and as many for torch to
rearrange them in. Fewer would be slower for layers that see few places."""


def halve(network: nn.Module, *, but: Tensor | None = None) -> None:
    """Keep the weights of linear layers, convolutions and embeddings so, all else in float32.

    Args:
        network: in either number format.
        but: a weight that is kept in float32 too, such as the one by which a network tells others
            in which number format it computes.
    """
    kept: set[Any] = set()
    for layer in network.modules():
        forward = _forward(layer)
        if forward is not None and layer.weight is not but:
            layer.forward = forward
            kept.add(layer.weight)  # which layers may share
    for weight in kept:
        weight.data = _copy(weight, torch.float16)
    for other in {*network.parameters(), *network.buffers()} - kept:
        if other.is_floating_point():
            other.data = _copy(other, torch.float32)


def _copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The numbers in memory of their own: a view of a file would hold all of it."""
    return tensor.data.to(dtype, copy=True)


def _in_pieces(
    weight: Tensor, bias: Tensor | None, answer: Callable[[Tensor, Tensor | None], Tensor], dim: int
) -> Tensor:
    """What all of a layer's outputs are, along a dimension, each ``answer`` being those of some."""
    weights = torch.chunk(weight, -(-weight.numel() // PIECE))
    biases = [None] * len(weights) if bias is None else torch.chunk(bias, len(weights))
    pieces = [answer(piece.float(), b) for piece, b in zip(weights, biases, strict=True)]
    return torch.cat(pieces, dim) if len(pieces) > 1 else pieces[0]


def _forward(layer: Any) -> Any:
    """What to call in place of a layer's own ``forward``; None for other kinds of layers."""
    if type(layer) is nn.Linear:
        return lambda given: _in_pieces(
            layer.weight, layer.bias, lambda weight, bias: linear(given.float(), weight, bias), -1
        )
    if type(layer) is nn.Conv2d and layer.groups == 1:
        return lambda given: _in_pieces(
            layer.weight,
            layer.bias,
            lambda weight, bias: layer._conv_forward(given.float(), weight, bias),
            1,
        )
    scale = 1.0 if type(layer) is nn.Embedding else getattr(layer, "embed_scale", None)
    if isinstance(layer, nn.Embedding) and scale is not None:  # NLLB's multiply what they look up
        return lambda ids: embedding(ids, layer.weight, layer.padding_idx).float() * scale
    return None
