"""Tiled attention for a CPU with bfloat16: scores are computed in tiles that stay in the cache.

torch's own CPU kernel spends two fifths of a Stable Diffusion step on the first level, which has
4,096 tokens and a head dimension of 40. For a few heads and rows at a time, attention is plain
matrix products, which run at the speed of the chip (``benchmarks/RESULTS.md``).

It is less exact than torch's kernel: scores are rounded to bfloat16 before ``exp2``, and their
row's maximum is not subtracted, so that the error grows with the scores. Relative rms error against
float64, on random data of 1,024 tokens: 0.0054 (torch's kernel: 0.0023) where the largest score is
5.7, 0.023 (0.0016) where it is 72, and 0.101 (0.0023) where all keys share an offset of 60. No
effect on a picture or a caption has been seen.
"""

import itertools
import math
from typing import Any

import torch
from torch import Tensor

MAX_SCORES = 2**22
"""Scores computed at once, at most: 8 MB of bfloat16."""
MIN_QUERY_ROWS = 256
"""Query rows of a head that a tile holds before it holds more heads."""
MIN_EXP_SUM, MAX_EXP_SUM = 2.0**-100, 2.0**100
"""A row whose sum of powers is between them lost no power that matters to over- or underflow."""


class TiledAttnProcessor:
    """Attention processor of diffusers that calls :func:`tiled_attention`.

    Only for plain ``diffusers.models.attention_processor.Attention`` modules, without query
    normalisation or residual connection (see :func:`apply_tiled_attention`). It ignores the mask:
    text-to-image pipelines give their U-Net none.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Hidden states (n, tokens, channels) to the same shape."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        projected = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        heads = [states.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for states in projected]
        attended = tiled_attention(*heads)
        output: Tensor = attn.to_out[0](attended.transpose(1, 2).flatten(2))
        return output


def tiled_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention: (n, heads, tokens, head dimension) each, like the output.

    Keys and values may have another number of tokens than queries. The softmax is ``exp2`` without
    subtracting the maximum first. The sum that divides each row comes out of the product with the
    values, as one more column of ones. A tile whose sums show an over- or underflow is computed
    again with the plain softmax.
    """
    n, heads, tokens, head_dim = query.shape
    key_tokens = key.shape[2]
    output = torch.empty_like(query)
    # Products are fastest with round numbers of columns. Padded keys score 0, that is a power of 1,
    # but their rows of `values` are zeros, so they count for nothing.
    columns, value_columns = 32 * math.ceil(key_tokens / 32), 16 * math.ceil((head_dim + 1) / 16)
    # exp2 is faster than exp: e^x = 2^(x / ln 2).
    scale = head_dim**-0.5 / math.log(2)
    # Tiles of equal size: a small last one would cost nearly as much as a full one.
    tile_heads = max(1, min(heads, MAX_SCORES // (columns * min(tokens, MIN_QUERY_ROWS))))
    tile_rows = math.ceil(tokens / math.ceil(tokens * columns * tile_heads / MAX_SCORES))
    buffer = query.new_empty(tile_heads * tile_rows * columns)
    for image, first_head in itertools.product(range(n), range(0, heads, tile_heads)):
        some_heads = slice(first_head, first_head + tile_heads)
        # Contiguous copies, as every tile of these heads reads them again.
        keys = query.new_zeros(len(key[image, some_heads]), columns, head_dim)
        torch.mul(key[image, some_heads], scale, out=keys[:, :key_tokens])
        values = query.new_zeros(len(keys), columns, value_columns)
        values[:, :key_tokens, :head_dim] = value[image, some_heads]
        values[:, :key_tokens, head_dim] = 1
        for start in range(0, tokens, tile_rows):
            rows = query[image, some_heads, start : start + tile_rows]
            result = output[image, some_heads, start : start + tile_rows]
            scores = buffer[: len(keys) * rows.shape[1] * columns].view(len(keys), -1, columns)
            powers = torch.bmm(rows, keys.mT, out=scores).exp2_()
            weighted = torch.bmm(powers, values)
            sums = weighted[..., head_dim : head_dim + 1]
            least, most = sums.aminmax()
            if least > MIN_EXP_SUM and most < MAX_EXP_SUM:
                torch.div(weighted[..., :head_dim], sums, out=result)
            else:
                scores = torch.bmm(rows, keys[:, :key_tokens].mT) * math.log(2)
                result[:] = scores.softmax(-1) @ values[:, :key_tokens, :head_dim]
    return output


def apply_tiled_attention(unet: Any) -> None:
    """Give a U-Net's plain attention modules the tiled processor; others keep theirs."""
    from diffusers.models.attention_processor import AttnProcessor2_0

    def is_plain(module: Any) -> bool:
        extras = (module.norm_q, module.norm_k, module.group_norm, module.spatial_norm)
        return (
            type(module.processor) is AttnProcessor2_0
            and not any(extra is not None for extra in extras)
            and not module.norm_cross
            and not module.residual_connection
            and module.rescale_output_factor == 1
        )

    for module in unet.modules():
        if hasattr(module, "to_q") and hasattr(module, "processor") and is_plain(module):
            module.set_processor(TiledAttnProcessor())
