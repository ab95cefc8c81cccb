"""What a pipeline's networks are exchanged for, where a processor paints without a GPU."""

from typing import Any

from marsam.cpu import cfg_sharing, prepacked, tiled_attention, vae_decoder, winograd
from marsam.device import Device


def halve(pipe: Any) -> None:
    """Its networks' weights in half the memory, but for the first ones, which tell the format."""
    import torch
    from torch import nn

    from marsam.cpu import layerwise_casting

    parts = [part for part in pipe.components.values() if isinstance(part, nn.Module)]
    # A part is there twice while it is done: the largest while the others are not there at all.
    for part in sorted(parts, key=lambda part: -sum(map(torch.numel, part.parameters()))):
        layerwise_casting.halve(part, but=next(part.parameters(), None))


def suit_processor(pipe: Any, device: Device) -> None:
    """What is fastest without a GPU, by number format."""
    import torch

    unet: Any = getattr(pipe, "unet", None)
    vae: Any = getattr(pipe, "vae", None)
    for network in (unet, vae):
        if network is not None:
            network.to(memory_format=torch.channels_last)
    if device.is_bfloat16_processor and unet is not None:
        tiled_attention.install(unet)
    for layer in vae.decoder.modules() if hasattr(vae, "decoder") else ():
        if type(layer) is torch.nn.SiLU:
            layer.inplace = True  # it follows a layer whose answer nobody else reads
    if device.has_room:
        _multiply_less(unet, vae, device)
    if hasattr(vae, "decoder"):
        vae_decoder.install(vae.decoder)
    if unet is not None and device.packs_bfloat16:
        _pack(unet, device)
    cfg_sharing.install(unet)


def _pack(unet: Any, device: Device) -> None:
    """Its weights as they are multiplied, and gates worked out with what they let through."""
    from diffusers.models.activations import GEGLU

    for layer in unet.modules():
        if type(layer) is GEGLU:
            layer.forward = layer.proj.forward = prepacked.Gated(layer.proj)
    prepacked.pack(unet, device)


def _multiply_less(unet: Any, vae: Any, device: Device) -> None:
    """Convolutions with fewer multiplications, where they are worth the memory they take."""
    levels = _has_levels(unet)
    if not device.is_bfloat16_processor:
        # The innermost layers have the most weights, and few places to use them on.
        wide = [*unet.down_blocks[:-1], *unet.up_blocks[1:]] if levels else []
        for part in (*wide, getattr(vae, "decoder", None)):
            if part is not None:
                winograd.install(winograd.suited(part))
    elif levels:
        # Weights become eight times as large: only those used on the most places.
        upsamplers = getattr(unet.up_blocks[-2], "upsamplers", None)
        outer = [
            layer
            for part in (unet.down_blocks[0], upsamplers, unet.up_blocks[-1])
            if part is not None
            for layer in winograd.suited(part, fewest=winograd.TRIED[0])
        ]
        if outer and winograd.pays():
            winograd.install(outer)


def _has_levels(unet: Any) -> bool:
    """Whether a U-Net has layers inside its outermost pair."""
    blocks = (getattr(unet, part, None) for part in ("down_blocks", "mid_block", "up_blocks"))
    return all(block is not None for block in blocks) and len(unet.down_blocks) > 1
