"""Streaming VAE decoder: half the memory for the layers as large as the image.

The decoder's last layers have hundreds of channels per pixel: a quarter of a gigabyte each at 512
pixels. Between two convolutions, a group normalisation or an upsampling would fill as much again.
The convolutions of :mod:`marsam.cpu.winograd` read a few rows at a time, so both are computed for
those rows when they are read.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from marsam.cpu import winograd
from marsam.cpu.allocator import trim_memory

GROUPNORM_CHUNK_NUMEL = 2**20
"""Numbers summed at once for a mean: they stay in the cache."""


def apply_streaming_decoder(decoder: nn.Module) -> None:
    """Stream the blocks of a decoder whose convolutions use Winograd; leave all other layers."""
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.upsampling import Upsample2D

    for part in decoder.modules():
        if type(part) is ResnetBlock2D and _can_stream_block(part):
            part.forward = partial(_streaming_resnet_block, part)
        elif type(part) is Upsample2D and _can_stream_upsample(part):
            part.forward = partial(_streaming_upsample, part)


def groupnorm_silu_rows(images: Tensor, norm: nn.GroupNorm) -> winograd.LazyRows:
    """GroupNorm with weights, then SiLU, of images (n, channels, height, width), row by row.

    Fastest with channels last.
    """
    n, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1)
    groups, group_channels = norm.num_groups, channels // norm.num_groups
    count = group_channels * height * width
    chunk_rows = max(1, GROUPNORM_CHUNK_NUMEL // (n * width * channels))
    chunks = torch.split(pixels, chunk_rows, dim=1)

    def group_mean(sums: list[Tensor]) -> Tensor:
        """From sums per channel and chunk to the mean of each group, for each of its channels."""
        total: Tensor = torch.stack(sums).double().sum(0)
        total = total.view(n, groups, group_channels).sum(-1) / count
        return total.repeat_interleave(group_channels, 1).view(n, 1, 1, channels)

    mean = group_mean([chunk.sum((1, 2)) for chunk in chunks])
    near = mean.to(images.dtype)
    variance = group_mean([(chunk - near).square_().sum((1, 2)) for chunk in chunks])
    # Normalisation and affine weights in one multiplication and addition per pixel.
    scale = norm.weight * (variance + norm.eps).rsqrt()
    shift = (norm.bias - mean * scale).to(images.dtype)
    scale = scale.to(images.dtype)

    def compute(top: int, bottom: int) -> Tensor:
        return silu(torch.addcmul(shift, pixels[:, top:bottom], scale), inplace=True)

    return winograd.LazyRows((n, channels, height, width), compute)


def upsample2x_rows(images: Tensor) -> winograd.LazyRows:
    """Nearest-neighbour upsampling of images (n, channels, height, width) by 2, row by row."""
    n, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1)

    def compute(top: int, bottom: int) -> Tensor:
        some = pixels[:, top // 2 : (bottom + 1) // 2, None, :, None]
        rows = some.expand(n, -1, 2, width, 2, channels).reshape(n, -1, 2 * width, channels)
        return rows[:, top % 2 :][:, : bottom - top]  # an odd first row is the second of a pair

    return winograd.LazyRows((n, channels, 2 * height, 2 * width), compute)


def _can_stream_block(block: Any) -> bool:
    """Whether a block has no time embedding and keeps the image's size, as those of decoders."""
    return (
        block.upsample is block.downsample is block.time_emb_proj is None
        and block.time_embedding_norm != "scale_shift"
        and block.output_scale_factor == 1
        and isinstance(block.nonlinearity, nn.SiLU)
        and getattr(block.conv_shortcut, "kernel_size", (1, 1)) == (1, 1)
        and winograd.uses_winograd(block.conv1)
        and winograd.uses_winograd(block.conv2)
    )


def _can_stream_upsample(layer: Any) -> bool:
    return (
        layer.norm is None
        and layer.interpolate
        and layer.use_conv
        and layer.name == "conv"
        and winograd.uses_winograd(layer.conv)
    )


def _streaming_resnet_block(block: Any, images: Tensor, temb: None = None) -> Tensor:  # noqa: ARG001
    """The ``forward`` of a ``ResnetBlock2D``; decoders have no time embedding."""
    hidden = block.conv1(groupnorm_silu_rows(images, block.norm1))
    # The input is not read again, so the result may be added to it in place.
    residual = images if block.conv_shortcut is None else _conv1x1(images, block.conv_shortcut)
    output: Tensor = block.conv2(groupnorm_silu_rows(hidden, block.norm2), residual=residual)
    return output


def _conv1x1(images: Tensor, layer: nn.Conv2d) -> Tensor:
    """A 1x1 convolution as a matrix product: torch's convolution would copy the images first."""
    pixels, weight = images.permute(0, 2, 3, 1), layer.weight.flatten(1)
    return linear(pixels, weight.to(images.dtype), layer.bias).permute(0, 3, 1, 2)


def _streaming_upsample(layer: Any, images: Tensor) -> Tensor:
    """The ``forward`` of an ``Upsample2D``."""
    trim_memory()  # return the smaller layers' memory before larger ones are allocated
    output: Tensor = layer.conv(upsample2x_rows(images))
    return output
