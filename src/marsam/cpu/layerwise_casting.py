"""Layerwise casting: 16-bit weight storage and float32 compute, on a CPU without bfloat16.

A layer's weights are cast to float32 for the moment it multiplies. With the hundreds of rows that
an image has, the cast takes a fiftieth of the time of the product. Weights published in fp16 lose
nothing by it (except in :mod:`marsam.cpu.winograd`'s convolutions), nor do the linear layers and
embeddings of models published in bfloat16, which also stay in their files: the system reads them
when they are used, and can drop them. Float32 weights change by two ten-thousandths of their size,
outliers or not.

Only for networks whose layers are called through ``forward``: some networks read another layer's
weights, or its dtype.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

HALF_DTYPES: Mapping[str, torch.dtype] = {"BF16": torch.bfloat16, "F16": torch.float16}
"""The dtypes of 16 bits, by their names in safetensors."""
CAST_CHUNK_NUMEL = 2**24
"""Weights of a convolution cast at once, at most: 64 MB, and as much again for torch's blocked
copy. Smaller chunks would slow down layers that compute few rows."""
LINEAR_CHUNK_NUMEL = 2**22
"""Weights of a linear layer cast at once, at most: 16 MB, which stay in a cache until they are
multiplied."""


def apply_layerwise_casting(network: nn.Module, *, skip: Tensor | None = None) -> None:
    """Store the weights of linear layers, convolutions and embeddings in 16 bits, others in 32.

    Those in 16 bits are float16, or bfloat16 where the network was loaded so.
    ``skip`` stays in float32, such as the first weight, which ``network.dtype`` is read from. So do
    the layers that a model of transformers or diffusers keeps in float32: T5 converts what it
    computes to the dtype of such a layer, and in float16 that overflows.
    """
    kept = {
        name
        for kind in ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
        for name in getattr(network, kind, None) or ()
    }
    stored: dict[Any, torch.dtype] = {}
    for path, layer in network.named_modules():
        forward = None if kept & set(path.split(".")) else _casting_forward(layer)
        if forward is not None and layer.weight is not skip:
            layer.forward = forward
            is_exact = layer.weight.dtype == torch.bfloat16 and not isinstance(layer, nn.Conv2d)
            stored[layer.weight] = torch.bfloat16 if is_exact else torch.float16
    for tensor in {*network.parameters(), *network.buffers()}:
        dtype = stored.get(tensor, torch.float32)
        if tensor.is_floating_point() and dtype != torch.bfloat16:
            # Always copy: a view of a memory-mapped file would keep the whole file in memory.
            tensor.data = tensor.data.to(dtype, copy=True)


def _chunked_forward(
    layer: Any, compute: Callable[..., Tensor], dim: int, chunk_numel: int
) -> Tensor:
    """Compute a layer's outputs for one chunk of weights after another; join them along ``dim``."""
    weights = torch.chunk(layer.weight, -(-layer.weight.numel() // chunk_numel))
    biases = [None] * len(weights) if layer.bias is None else layer.bias.chunk(len(weights))
    outputs = [compute(chunk.float(), bias) for chunk, bias in zip(weights, biases, strict=True)]
    return torch.cat(outputs, dim) if len(outputs) > 1 else outputs[0]


def _casting_forward(layer: Any) -> Callable[[Tensor], Tensor] | None:
    """The replacement for a layer's ``forward``; None for layers of other kinds."""
    if type(layer) is nn.Linear:
        return lambda states: _chunked_forward(
            layer, partial(linear, states.float()), -1, LINEAR_CHUNK_NUMEL
        )
    if type(layer) is nn.Conv2d and layer.groups == 1:
        compute = layer._conv_forward
        return lambda images: _chunked_forward(
            layer, partial(compute, images.float()), 1, CAST_CHUNK_NUMEL
        )
    # NLLB's embedding is a subclass that scales its rows; other subclasses are unknown to us.
    scale = 1.0 if type(layer) is nn.Embedding else getattr(layer, "embed_scale", None)
    if isinstance(layer, nn.Embedding) and scale is not None:
        return lambda ids: embedding(ids, layer.weight, layer.padding_idx).float() * scale
    return None
