"""Convolutions on a processor without a GPU, with fewer multiplications.

A three-by-three convolution that computes four rows and columns of its answer at once needs 36
products a channel where the plain way needs 144 (two rows and columns: 16 for 36); what is added
instead costs little. The idea is Winograd's, in the form of Lavin and Gray ("Fast Algorithms for
Convolutional Neural Networks", 2015). It computes in float32, where the answer is about as near to
the true one as the plain way's; with weights kept in float16, four rows at once are wrong by two
thousandths, two by a sixth of that. ``benchmarks/RESULTS.md`` has the seconds.

Where the processor multiplies bfloat16 itself, a quarter of the products in float32 is not quicker
everywhere; :func:`pays` tries it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marsam.cpu import autotune
from marsam.cpu.threads import share_out

if TYPE_CHECKING:
    import torch

FEWEST = 128
"""Channels on either side, below which the additions cost what the products spare."""
TRIAL = "convolutions with fewer multiplications, for bfloat16"
"""What the trial's outcome is remembered as."""
TRIED = 320, 64
"""Channels and places a side of the layer that is tried: the outermost of Stable Diffusion 1.5."""
LARGEST = 640 * 640 * 9
"""Weights of a layer, above which tiles of four take more memory than what they spare is worth."""
SHARED = 4
"""Blocks a thread, above which threads may share them out unevenly."""
TOGETHER = 128
"""Tiles computed at once, at least: fewer make slow products, more do not stay in the cache."""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """A way to compute some rows and columns of the answer at once.

    Attributes:
        size: how many.
        weights: what becomes of the three weights of a row, or column.
        forth: the ``size + 2`` rows (or columns) of input they depend on, as what is multiplied.
        back: the products of as many rows (or columns), as the answer's.
    """

    size: int
    weights: Sequence[Sequence[float]]
    forth: "Callable[[Sequence[torch.Tensor], torch.Tensor], None]"
    back: "Callable[[Sequence[torch.Tensor], torch.Tensor], None]"

    @property
    def seen(self) -> int:
        """Rows and columns of the input that a tile depends on."""
        return self.size + 2


def _forth_two(given: "Sequence[torch.Tensor]", out: "torch.Tensor") -> None:
    import torch

    one, two, three, four = given
    torch.sub(one, three, out=out[0])
    torch.add(two, three, out=out[1])
    torch.sub(three, two, out=out[2])
    torch.sub(two, four, out=out[3])


def _back_two(given: "Sequence[torch.Tensor]", out: "torch.Tensor") -> None:
    import torch

    one, two, three, four = given
    torch.add(one, two, out=out[0])
    out[0].add_(three)
    torch.sub(two, three, out=out[1])
    out[1].sub_(four)


def _forth_four(given: "Sequence[torch.Tensor]", out: "torch.Tensor") -> None:
    import torch

    one, two, three, four, five, six = given
    even, odd = torch.sub(five, three, alpha=4), torch.sub(four, two, alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(five, three, out=even)
    torch.sub(four, two, out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    torch.sub(three, one, out=out[0])
    torch.sub(even, out[0], alpha=4, out=out[0])
    torch.sub(six, four, out=out[5])
    out[5].sub_(odd, alpha=4)


def _back_four(given: "Sequence[torch.Tensor]", out: "torch.Tensor") -> None:
    import torch

    one, two, three, four, five, six = given
    near, far = two + three, four + five
    torch.add(one, near, out=out[0])
    out[0].add_(far)
    torch.add(near, far, alpha=4, out=out[2])
    torch.sub(two, three, out=near)
    torch.sub(four, five, out=far)
    torch.add(near, far, alpha=2, out=out[1])
    torch.add(near, far, alpha=8, out=out[3])
    out[3].add_(six)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Pictures of which some rows are made when they are asked for, and never the whole.

    Attributes:
        shape: (n, channels, height, width).
        dtype: their number format.
        made: the rows from one to before another, (n, rows, width, channels).
    """

    shape: tuple[int, int, int, int]
    dtype: "torch.dtype"
    made: "Callable[[int, int], torch.Tensor]"


def rows_of(pictures: "torch.Tensor") -> Rows:
    """Those of pictures (n, channels, height, width) that are there already."""
    n, channels, height, width = pictures.shape
    places = pictures.permute(0, 2, 3, 1)
    return Rows(
        shape=(n, channels, height, width),
        dtype=pictures.dtype,
        made=lambda top, bottom: places[:, top:bottom],
    )


TWO = Tiles(
    size=2,
    weights=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    forth=_forth_two,
    back=_back_two,
)
FOUR = Tiles(
    size=4,
    weights=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    forth=_forth_four,
    back=_back_four,
)


def transformed(weight: "torch.Tensor", tiles: Tiles) -> "torch.Tensor":
    """Weights (out, in, 3, 3) as :func:`convolve` takes them: (seen * seen, out, in), float32.

    Those of bfloat16 become wider; of float64, they stay so.
    """
    import torch

    full = torch.promote_types(weight.dtype, torch.float32)
    table = torch.tensor(tiles.weights, dtype=full)
    # Columns before rows, as the input's.
    both = torch.kron(table, table).view(-1, 3, 3).transpose(1, 2).flatten(1)
    changed: torch.Tensor = both @ weight.to(full).reshape(-1, 9).T
    return changed.view(-1, *weight.shape[:2])


def convolve(
    pictures: "torch.Tensor | Rows",
    weight: "torch.Tensor",
    bias: "torch.Tensor | None",
    tiles: Tiles,
    *,
    onto: "torch.Tensor | None" = None,
) -> "torch.Tensor":
    """A three-by-three convolution with a border of zeros.

    Args:
        pictures: (n, in, height, width), quickest with channels last; of any number format. Rows
            are made a little more often than once, as blocks of them overlap.
        weight: (seen * seen, out, in), of :func:`transformed`.
        bias: (out,), or none.
        tiles: which they were transformed for.
        onto: (n, out, height, width), to which the answer is added in place; not what the pictures
            are made of.

    Returns:
        ``onto``, or (n, out, height, width), channels last, in the pictures' number format.
    """
    import torch

    size, seen = tiles.size, tiles.seen
    given = pictures if isinstance(pictures, Rows) else rows_of(pictures)
    n, channels, height, width = given.shape
    out, factor = weight.shape[1], weight.transpose(1, 2)
    down, across = -(-height // size), -(-width // size)
    shape = n, down, size, across, size, out
    if onto is None:
        answer = weight.new_empty(shape, dtype=given.dtype)
    elif height % size or width % size or not onto.is_contiguous(memory_format=torch.channels_last):
        return onto.add_(convolve(pictures, weight, bias, tiles))
    else:
        answer = onto.permute(0, 2, 3, 1).view(shape)
    rows = _rows(down, n * across)

    def work(starts: Sequence[int]) -> None:
        """The blocks that begin with these rows of tiles."""
        block = weight.new_zeros((n, size * rows + 2, size * across + 2, channels))
        # What becomes of a block: its rows transformed, its columns, multiplied, columns, rows.
        tall = weight.new_empty((seen, n, rows, block.shape[2], channels))
        factors = weight.new_empty((seen, seen, n, rows, across, channels))
        products = weight.new_empty((seen, seen, n, rows, across, out))
        left, right = factors.view(seen**2, -1, channels), products.view(seen**2, -1, out)
        narrow = weight.new_empty((size, seen, n, rows, across, out))
        last_row, last_column = size * rows - size + 1, size * across - size + 1
        for start in starts:
            above = size * start - 1  # the block's first row, or of zeros above the first block
            top, bottom = max(above, 0), min(above + block.shape[1], height)
            block[:, top - above : bottom - above, 1 : width + 1] = given.made(top, bottom)
            block[:, bottom - above :] = 0
            tiles.forth([block[:, i : i + last_row : size] for i in range(seen)], tall)
            columns = [tall[:, :, :, j : j + last_column : size] for j in range(seen)]
            tiles.forth(columns, factors)
            torch.bmm(left, factor, out=right)
            tiles.back(list(products), narrow)
            # Rows and columns within tiles first, as they are written.
            place = answer[:, start : start + rows].permute(2, 4, 0, 1, 3, 5)
            direct = onto is None and place.dtype == weight.dtype
            exact = place if direct else weight.new_empty(place.shape)
            tiles.back([narrow[:, i] for i in range(seen)], exact)
            if bias is not None:
                exact += bias
            if onto is not None:
                place += exact
            elif not direct:
                place.copy_(exact)

    blocks, threads = range(0, down, rows), torch.get_num_threads()
    # What a few blocks take to multiply with is better read by one thread than by each.
    if len(blocks) % threads == 0 or len(blocks) > SHARED * threads:
        share_out(work, blocks)
    else:
        work(blocks)
    whole = answer.view(n, size * down, size * across, out)[:, :height, :width]
    return whole.permute(0, 3, 1, 2)


def _rows(down: int, tiles: int) -> int:
    """How many of so many rows of tiles to compute at once; a divisor, as a rest would be slow."""
    enough = (rows for rows in range(1, down) if down % rows == 0 and rows * tiles >= TOGETHER)
    return next(enough, down)


def pays() -> bool:
    """Whether it is quicker here than plain convolutions in bfloat16; tried once a machine."""
    import torch
    from torch.nn.functional import conv2d

    channels, side = TRIED
    # No numbers are drawn: somebody's seed may be in use.
    weight = torch.ones(channels, channels, 3, 3, dtype=torch.bfloat16)
    pictures = torch.ones(2, channels, side, side, dtype=torch.bfloat16)
    weight, pictures = (t.contiguous(memory_format=torch.channels_last) for t in (weight, pictures))
    other = transformed(weight, FOUR)
    return autotune.quicker(
        TRIAL,
        lambda: conv2d(pictures, weight, padding=1),
        lambda: convolve(pictures, other, None, FOUR),
    )


def suited(network: Any, *, fewest: int = FEWEST) -> list[Any]:
    """The layers of a network it may make faster: those with so many channels on either side."""
    return [layer for layer in network.modules() if _suits(layer, fewest)]


def install(layers: Iterable[Any]) -> None:
    """Use it for some layers that suit.

    Their weights become their transform, so that they are not kept twice; it is kept in float16
    where they were.
    """
    import torch
    from torch import nn

    for layer in layers:
        tiles = FOUR if layer.weight.numel() <= LARGEST else TWO
        weight = transformed(layer.weight.detach(), tiles)
        if layer.weight.dtype == torch.float16:
            weight = weight.half()
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.forward = _Forward(layer, tiles)


def is_installed(layer: Any) -> bool:
    """Whether a layer computes so, and takes :class:`Rows`."""
    return isinstance(layer.forward, _Forward)


def _suits(layer: Any, fewest: int) -> bool:
    from torch import nn

    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.dilation == layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.groups == 1
        and min(layer.in_channels, layer.out_channels) >= fewest
    )


class _Forward:
    """What is called in place of a layer's own ``forward``."""

    def __init__(self, layer: Any, tiles: Tiles) -> None:
        self._layer, self._tiles = layer, tiles

    def set_weight(self, weight: "torch.Tensor") -> None:
        """Compute with other weights, in the number format in which the layer keeps them."""
        self._layer.weight.copy_(transformed(weight, self._tiles))

    def __call__(
        self, pictures: "torch.Tensor | Rows", *, onto: "torch.Tensor | None" = None
    ) -> "torch.Tensor":
        layer = self._layer
        return convolve(pictures, layer.weight.float(), layer.bias, self._tiles, onto=onto)
