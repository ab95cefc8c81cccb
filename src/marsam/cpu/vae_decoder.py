"""Decoding a picture in half the memory.

A decoder's last layers are as large as the picture, with hundreds of numbers a place: a quarter of
a gigabyte each at 512 pixels. Between two convolutions one is normalised and another doubled in
size, each into memory of its own. Convolutions of :mod:`marsam.cpu.winograd` ask for some rows at a
time, so both are done to those rows as they are asked for.
"""

from typing import TYPE_CHECKING, Any

from marsam.cpu import winograd
from marsam.cpu.allocator import trim_memory

if TYPE_CHECKING:
    import torch

TOGETHER = 2**20
"""Numbers that are looked at at once for their mean: they stay in the cache."""


def install(decoder: Any) -> None:
    """Decode so where a decoder's convolutions are already those; leave all other layers."""
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.upsampling import Upsample2D

    for part in decoder.modules():
        if type(part) is ResnetBlock2D and _is_plain(part):
            part.forward = _Residual(part)
        elif type(part) is Upsample2D and _doubles(part):
            part.forward = _Doubled(part)


def normalised(pictures: "torch.Tensor", norm: Any) -> winograd.Rows:
    """What SiLU makes of what a group normalisation makes of pictures (n, channels, …).

    Args:
        pictures: quickest with channels last.
        norm: torch's ``GroupNorm``, with weights.
    """
    import torch

    n, channels, height, width = pictures.shape
    places = pictures.permute(0, 2, 3, 1)
    groups, members = norm.num_groups, channels // norm.num_groups
    count = members * height * width
    pieces = torch.split(places, max(1, TOGETHER // (n * width * channels)), dim=1)

    def mean(sums: "list[torch.Tensor]") -> "torch.Tensor":
        """Of a group's numbers, from sums of its channels', for each of its channels."""
        total: torch.Tensor = torch.stack(sums).double().sum(0)
        total = total.view(n, groups, members).sum(-1) / count
        return total.repeat_interleave(members, 1).view(n, 1, 1, channels)

    middle = mean([piece.sum((1, 2)) for piece in pieces])
    near = middle.to(pictures.dtype)
    spread = mean([(piece - near).square_().sum((1, 2)) for piece in pieces])
    scale = norm.weight * (spread + norm.eps).rsqrt()
    shift = norm.bias - middle * scale
    scale, shift = scale.to(pictures.dtype), shift.to(pictures.dtype)

    def made(top: int, bottom: int) -> "torch.Tensor":
        some = torch.addcmul(shift, places[:, top:bottom], scale)
        torch.nn.functional.silu(some, inplace=True)
        return some

    return winograd.Rows(shape=(n, channels, height, width), dtype=pictures.dtype, made=made)


def doubled(pictures: "torch.Tensor") -> winograd.Rows:
    """Pictures (n, channels, height, width) with each place four times: twice as high and wide."""
    n, channels, height, width = pictures.shape
    places = pictures.permute(0, 2, 3, 1)

    def made(top: int, bottom: int) -> "torch.Tensor":
        some = places[:, top // 2 : (bottom + 1) // 2, None, :, None]
        rows = some.expand(n, -1, 2, width, 2, channels).reshape(n, -1, 2 * width, channels)
        return rows[:, top % 2 :][:, : bottom - top]

    return winograd.Rows(
        shape=(n, channels, 2 * height, 2 * width), dtype=pictures.dtype, made=made
    )


def _is_plain(block: Any) -> bool:
    """Whether a block knows no time and changes no size, as a decoder's."""
    import torch

    return (
        block.upsample is block.downsample is block.time_emb_proj is None
        and block.time_embedding_norm != "scale_shift"
        and block.output_scale_factor == 1
        and isinstance(block.nonlinearity, torch.nn.SiLU)
        and getattr(block.conv_shortcut, "kernel_size", (1, 1)) == (1, 1)
        and winograd.is_installed(block.conv1)
        and winograd.is_installed(block.conv2)
    )


def _doubles(layer: Any) -> bool:
    return (
        layer.norm is None
        and layer.interpolate
        and layer.use_conv
        and layer.name == "conv"
        and winograd.is_installed(layer.conv)
    )


class _Residual:
    """What is called in place of a residual block's own ``forward``."""

    def __init__(self, block: Any) -> None:
        self._block = block

    def __call__(
        self,
        pictures: "torch.Tensor",
        temb: None = None,  # noqa: ARG002 -- a decoder knows no time
    ) -> "torch.Tensor":
        block, shortcut = self._block, self._block.conv_shortcut
        inner = block.conv1(normalised(pictures, block.norm1))
        # Whoever gave them does not read them again.
        answer = pictures if shortcut is None else _placewise(pictures, shortcut)
        return block.conv2(normalised(inner, block.norm2), onto=answer)  # type: ignore[no-any-return]


def _placewise(pictures: "torch.Tensor", layer: Any) -> "torch.Tensor":
    """A convolution that sees one place, as a product: torch would rearrange all of them first."""
    from torch.nn.functional import linear

    places, weight = pictures.permute(0, 2, 3, 1), layer.weight.flatten(1)
    return linear(places, weight.to(pictures.dtype), layer.bias).permute(0, 3, 1, 2)


class _Doubled:
    """What is called in place of an upsampling layer's own ``forward``."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, pictures: "torch.Tensor") -> "torch.Tensor":
        trim_memory()
        answer: torch.Tensor = self._layer.conv(doubled(pictures))
        return answer
