"""Winograd convolutions for CPUs: 3x3 convolutions with fewer multiplications.

F(4x4, 3x3) computes a tile of 4x4 outputs with 36 multiplications per channel where the plain way
needs 144; F(2x2, 3x3) needs 16 for 36. The additions it costs instead are cheap. The transforms are
those of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015).

All is computed in float32. The relative rms error is 2e-6 for F(4x4) and 4e-7 for F(2x2), that of a
plain convolution 2e-7. Where the transformed weights are stored in fp16 it is 0.0021 and 0.0003 (a
plain convolution in bfloat16: 0.0029). Heavy tails and outlier channels, 40 times as large as the
others, change it little; a common offset of the images makes it smaller. ``benchmarks/RESULTS.md``
has the seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.threads import parallel_for
from marsam.cpu.torch_ops import replace_weight

MIN_CHANNELS = 128
"""Input and output channels below which the additions cost what the multiplications save."""
MAX_F4X4_WEIGHTS = 640 * 640 * 9
"""Weights of a layer above which F(4x4) takes more memory than its speed is worth."""
MIN_BLOCKS_PER_THREAD = 4
"""Blocks per thread above which an uneven share does not matter."""
MIN_TILES_PER_GEMM = 128
"""Tiles multiplied at once, at least: fewer make slow products, more do not stay in the cache."""

Transform = Callable[[Sequence[Tensor], Tensor], None]


@dataclass(frozen=True, kw_only=True)
class WinogradTransform:
    """The three transforms of F(m x m, 3x3), each of one dimension.

    Attributes:
        output_tile: rows (and columns) of output per tile, ``m``.
        kernel_transform: the matrix ``G``, (m + 2) x 3.
        input_transform: multiplies ``m + 2`` rows (or columns) of input by the matrix ``B^T``.
        output_transform: multiplies ``m + 2`` rows (or columns) of products by ``A^T``.
    """

    output_tile: int
    kernel_transform: Sequence[Sequence[float]]
    input_transform: Transform
    output_transform: Transform

    @property
    def input_tile(self) -> int:
        """Rows (and columns) of input that a tile depends on."""
        return self.output_tile + 2


def _input_f2(rows: Sequence[Tensor], out: Tensor) -> None:
    d0, d1, d2, d3 = rows
    torch.sub(d0, d2, out=out[0])
    torch.add(d1, d2, out=out[1])
    torch.sub(d2, d1, out=out[2])
    torch.sub(d1, d3, out=out[3])


def _output_f2(rows: Sequence[Tensor], out: Tensor) -> None:
    m0, m1, m2, m3 = rows
    torch.add(m0, m1, out=out[0])
    out[0].add_(m2)
    torch.sub(m1, m2, out=out[1])
    out[1].sub_(m3)


def _input_f4(rows: Sequence[Tensor], out: Tensor) -> None:
    # Sums that two rows of B^T have in common are computed once.
    d0, d1, d2, d3, d4, d5 = rows
    even, odd = torch.sub(d4, d2, alpha=4), torch.sub(d3, d1, alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(d4, d2, out=even)
    torch.sub(d3, d1, out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    torch.sub(d2, d0, out=out[0])
    torch.sub(even, out[0], alpha=4, out=out[0])
    torch.sub(d5, d3, out=out[5])
    out[5].sub_(odd, alpha=4)


def _output_f4(rows: Sequence[Tensor], out: Tensor) -> None:
    m0, m1, m2, m3, m4, m5 = rows
    near, far = m1 + m2, m3 + m4
    torch.add(m0, near, out=out[0])
    out[0].add_(far)
    torch.add(near, far, alpha=4, out=out[2])
    torch.sub(m1, m2, out=near)
    torch.sub(m3, m4, out=far)
    torch.add(near, far, alpha=2, out=out[1])
    torch.add(near, far, alpha=8, out=out[3])
    out[3].add_(m5)


F2x2 = WinogradTransform(
    output_tile=2,
    kernel_transform=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    input_transform=_input_f2,
    output_transform=_output_f2,
)
F4x4 = WinogradTransform(
    output_tile=4,
    kernel_transform=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    input_transform=_input_f4,
    output_transform=_output_f4,
)


@dataclass(frozen=True)
class LazyRows:
    """Images whose rows are computed when they are needed, a few at a time.

    Attributes:
        shape: (n, channels, height, width).
        compute: takes the first row and the one after the last; returns these rows, (n, rows,
            width, channels).
    """

    shape: tuple[int, int, int, int]
    compute: Callable[[int, int], Tensor]


def _lazy_rows(images: Tensor) -> LazyRows:
    """Wrap images (n, channels, height, width) that are in memory already."""
    n, channels, height, width = images.shape
    rows = images.permute(0, 2, 3, 1)
    shape = n, channels, height, width
    return LazyRows(shape, lambda top, bottom: rows[:, top:bottom])


def transform_kernel(weight: Tensor, transform: WinogradTransform) -> Tensor:
    """Transform weights (out, in, 3, 3) for :func:`winograd_conv2d`.

    To (input_tile * input_tile, out, in), in float32 (float64 weights stay float64).
    """
    dtype = torch.promote_types(weight.dtype, torch.float32)
    matrix = torch.tensor(transform.kernel_transform, dtype=dtype)
    # Both dimensions at once, by a Kronecker product. Columns come before rows, as in the input.
    both = torch.kron(matrix, matrix).view(-1, 3, 3).transpose(1, 2).flatten(1)
    return torch.matmul(both, weight.to(dtype).reshape(-1, 9).T).view(-1, *weight.shape[:2])


def winograd_conv2d(
    images: Tensor | LazyRows,
    weight: Tensor,
    bias: Tensor | None,
    transform: WinogradTransform,
    *,
    residual: Tensor | None = None,
) -> Tensor:
    """Convolve images 3x3 with stride 1 and a padding of one zero.

    Args:
        images: (n, in, height, width), fastest with channels last. Blocks overlap, so
            some rows of :class:`LazyRows` are computed more than once.
        weight: the result of :func:`transform_kernel`.
        bias: (out,), or none.
        transform: the one the weights were transformed with.
        residual: (n, out, height, width); the result is added to it in place. It must not share
            memory with the images.

    Returns:
        ``residual``, or (n, out, height, width), channels last.
    """
    output_tile, input_tile = transform.output_tile, transform.input_tile
    source = images if isinstance(images, LazyRows) else _lazy_rows(images)
    n, channels, height, width = source.shape
    out, matrices = weight.shape[1], weight.transpose(1, 2)
    tile_rows, tile_columns = -(-height // output_tile), -(-width // output_tile)
    shape = n, tile_rows, output_tile, tile_columns, output_tile, out
    if residual is None:
        output = weight.new_empty(shape)
    elif (
        height % output_tile
        or width % output_tile
        or not residual.is_contiguous(memory_format=torch.channels_last)
    ):
        # Tiles reach over its edge, or it cannot be viewed as tiles.
        return residual.add_(winograd_conv2d(images, weight, bias, transform))
    else:
        output = residual.permute(0, 2, 3, 1).view(shape)
    block_rows = _tile_rows_per_block(tile_rows, n * tile_columns)

    def compute_blocks(starts: Sequence[int]) -> None:
        """Compute the blocks that begin with these rows of tiles."""
        # All buffers of a block, reused for the next: the padded input, the input transformed by
        # rows, then by columns, the products, and the products transformed back by columns.
        block = weight.new_zeros(
            (n, output_tile * block_rows + 2, output_tile * tile_columns + 2, channels)
        )
        by_rows = weight.new_empty((input_tile, n, block_rows, block.shape[2], channels))
        inputs = weight.new_empty((input_tile, input_tile, n, block_rows, tile_columns, channels))
        products = weight.new_empty((input_tile, input_tile, n, block_rows, tile_columns, out))
        left = inputs.view(input_tile**2, -1, channels)
        right = products.view(input_tile**2, -1, out)
        by_columns = weight.new_empty((output_tile, input_tile, n, block_rows, tile_columns, out))
        # Overlapping views: row i of every tile of the block at once, and column j.
        rows = block.unfold(1, input_tile, output_tile).unbind(-1)
        columns = by_rows.unfold(3, input_tile, output_tile).unbind(-1)
        for start in starts:
            # Row 0 of the block is the row above its tiles: row -1, of zeros, for the first block.
            first = output_tile * start - 1
            top, bottom = max(first, 0), min(first + block.shape[1], height)
            block[:, top - first : bottom - first, 1 : width + 1] = source.compute(top, bottom)
            block[:, bottom - first :] = 0
            transform.input_transform(rows, by_rows)
            transform.input_transform(columns, inputs)
            torch.bmm(left, matrices, out=right)
            transform.output_transform(products.unbind(), by_columns)
            # The output's tiles, with the rows and columns within a tile as first dimensions.
            target = output[:, start : start + block_rows].permute(2, 4, 0, 1, 3, 5)
            result = target if residual is None else weight.new_empty(target.shape)
            transform.output_transform(by_columns.unbind(1), result)
            if bias is not None:
                result += bias
            if residual is not None:
                target += result

    blocks, threads = range(0, tile_rows, block_rows), torch.get_num_threads()
    # Every thread reads all the weights. For a few blocks that cannot be shared out evenly it is
    # faster to compute them in turn, each product with all threads.
    if len(blocks) % threads == 0 or len(blocks) > MIN_BLOCKS_PER_THREAD * threads:
        parallel_for(compute_blocks, blocks)
    else:
        compute_blocks(blocks)
    padded = output.view(n, output_tile * tile_rows, output_tile * tile_columns, out)
    return padded[:, :height, :width].permute(0, 3, 1, 2)


def _tile_rows_per_block(tile_rows: int, tiles_per_row: int) -> int:
    """Rows of tiles to compute at once: a divisor of all, as a small last block would be slow."""
    enough = (
        rows
        for rows in range(1, tile_rows)
        if tile_rows % rows == 0 and rows * tiles_per_row >= MIN_TILES_PER_GEMM
    )
    return next(enough, tile_rows)


def supported_layers(network: nn.Module) -> list[Any]:
    """The 3x3 convolutions of a network with at least ``MIN_CHANNELS`` inputs and outputs."""
    return [layer for layer in network.modules() if _is_supported(layer)]


def apply_winograd(layers: Iterable[Any]) -> None:
    """Replace the forward of :func:`supported_layers`.

    The transformed weights take the place of the layer's own, in fp16 where those are in fp16.
    """
    for layer in layers:
        transform = F4x4 if layer.weight.numel() <= MAX_F4X4_WEIGHTS else F2x2
        weight = transform_kernel(layer.weight.detach(), transform)
        if layer.weight.dtype == torch.float16:
            weight = weight.half()
        replace_weight(layer, weight)
        layer.forward = _WinogradForward(layer, transform)


def uses_winograd(layer: nn.Module) -> bool:
    """Whether :func:`apply_winograd` replaced a layer's forward, which then takes lazy rows."""
    return isinstance(layer.forward, _WinogradForward)


def _is_supported(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.dilation == layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.groups == 1
        and min(layer.in_channels, layer.out_channels) >= MIN_CHANNELS
    )


class _WinogradForward:
    """Replaces a convolution's ``forward``."""

    def __init__(self, layer: nn.Conv2d, transform: WinogradTransform) -> None:
        self._layer, self._transform = layer, transform

    def set_weight(self, weight: Tensor) -> None:
        """Use other weights (out, in, 3, 3), stored in the same dtype as before."""
        self._layer.weight.copy_(transform_kernel(weight, self._transform))

    def __call__(self, images: Tensor | LazyRows, *, residual: Tensor | None = None) -> Tensor:
        weight, bias = self._layer.weight.float(), self._layer.bias
        return winograd_conv2d(images, weight, bias, self._transform, residual=residual)
