"""Put a pipeline on a GPU: whole if it fits, else each network when it is needed."""

from typing import Any

import torch
from torch import nn

from marsam.device import Device

RESERVED_FOR_ACTIVATIONS = 0.2
"""Share of a GPU's free memory that weights leave to what is computed from them."""


def place_pipeline(pipe: Any, device: Device) -> None:
    """Put a pipeline of diffusers on a device.

    On a GPU of too little memory for all networks, each is there only while it computes, and if
    even one alone does not fit, layer by layer: diffusers' own offloading.
    """
    if device.kind != "cuda":
        pipe.to(device.kind)
        return
    free, _total = torch.cuda.mem_get_info()
    available = free * (1 - RESERVED_FOR_ACTIVATIONS)
    sizes = [
        network_bytes(part) for part in pipe.components.values() if isinstance(part, nn.Module)
    ]
    if sum(sizes) <= available:
        pipe.to(device.kind)
    elif max(sizes) <= available:
        pipe.enable_model_cpu_offload()
    else:
        pipe.enable_sequential_cpu_offload()


def network_bytes(network: nn.Module) -> int:
    """Return the bytes of a network's weights."""
    tensors = (*network.parameters(), *network.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
