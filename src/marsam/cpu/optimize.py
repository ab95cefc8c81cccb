"""Apply the optimisations for a CPU to the networks of a diffusers pipeline."""

from typing import Any

import torch
from torch import nn

from marsam.cpu.cfg_sharing import apply_cfg_sharing
from marsam.cpu.layerwise_casting import apply_layerwise_casting
from marsam.cpu.prepacked import PrepackedGEGLU, prepack_weights, prepacks_onednn
from marsam.cpu.tiled_attention import apply_tiled_attention, uses_tiled_attention
from marsam.cpu.vae_decoder import apply_streaming_decoder
from marsam.cpu.winograd import apply_winograd, supported_layers
from marsam.device import Device


def store_pipeline_in_half(pipe: Any) -> None:
    """Store the weights of a pipeline's networks in 16 bits; they compute in float32."""
    networks = [part for part in pipe.components.values() if isinstance(part, nn.Module)]
    # While a network is cast it is in memory twice: the largest first, while the others are still
    # in their files.
    for network in sorted(networks, key=lambda part: -sum(map(torch.numel, part.parameters()))):
        store_in_half(network)


def store_in_half(network: nn.Module) -> None:
    """Store the weights of a network in 16 bits; it computes in float32."""
    # The first weight stays in float32: networks read the dtype they compute in from it.
    apply_layerwise_casting(network, skip=next(network.parameters(), None))


def use_channels_last(network: nn.Module) -> None:
    """Store the weights of two-dimensional convolutions with the channels last."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.to(memory_format=torch.channels_last)


def optimize_pipeline(pipe: Any, device: Device) -> None:
    """Apply what is faster on this CPU in the dtype it computes in."""
    unet, vae = getattr(pipe, "unet", None), getattr(pipe, "vae", None)
    decoder = getattr(vae, "decoder", nn.Module())
    for network in filter(None, (unet, vae)):
        use_channels_last(network)
    for layer in decoder.modules():
        if type(layer) is nn.SiLU:
            layer.inplace = True  # no other layer reads its input
    if unet is not None and uses_tiled_attention(device):
        apply_tiled_attention(unet)
    if device.has_spare_memory and not device.has_bf16:
        _apply_winograd(unet, decoder)
        apply_streaming_decoder(decoder)
    if unet is not None and prepacks_onednn(device):
        _prepack_unet(unet, device)
    apply_cfg_sharing(unet)


def optimize_tiny_vae(vae: nn.Module) -> None:
    """Apply what is faster on a CPU to a tiny VAE (TAESD)."""
    use_channels_last(vae)
    for layer in vae.modules():
        if type(layer) is nn.ReLU:
            layer.inplace = True  # no other layer reads its input


def _prepack_unet(unet: Any, device: Device) -> None:
    """Prepack a U-Net's weights, with the gates fused into the products of its GEGLU layers."""
    from diffusers.models.activations import GEGLU

    for layer in unet.modules():
        if type(layer) is GEGLU:
            layer.forward = layer.proj.forward = PrepackedGEGLU(layer.proj)
    prepack_weights(unet, device)


def _apply_winograd(unet: Any, decoder: nn.Module) -> None:
    """Use Winograd for the convolutions that are worth the memory of their transformed weights."""
    parts = (getattr(unet, part, None) for part in ("down_blocks", "mid_block", "up_blocks"))
    has_inner_levels = all(part is not None for part in parts) and len(unet.down_blocks) > 1
    # Not the innermost level: the most weights, and the fewest pixels to use them on.
    outer = [*unet.down_blocks[:-1], *unet.up_blocks[1:]] if has_inner_levels else []
    apply_winograd(supported_layers(nn.ModuleList([*outer, decoder])))
