"""Tiled attention for a CPU with bfloat16: scores are computed in tiles that stay in the cache.

torch's own CPU kernel spends two fifths of a Stable Diffusion step on the first level, which has
4,096 tokens and a head dimension of 40. For a few heads and rows at a time, attention is plain
matrix products and one softmax, which run at the speed of the chip.

It rounds where torch's kernel does: scores stay in float32, the weights and the output are
bfloat16. So the relative error of a row against float64 (rms over rows) is 0.93 to 1.49 times that
of torch's kernel, for scores of up to 70 and keys that share an offset of up to 60, on smooth data,
with heavy tails and with outlier channels. Scores rounded to bfloat16, whose product takes a
quarter of the time, had 2 to 45 times its error; with their row's maximum subtracted before they
were rounded, up to 2.2 times.
"""

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from marsam.cpu.torch_ops import has_amx
from marsam.device import Device

MAX_SCORES = 2**20
"""Scores computed at once, at most: 4 MB of float32."""
MIN_QUERY_ROWS = 256
"""Query rows of a head that a tile holds before it holds more heads."""


def uses_tiled_attention(device: Device) -> bool:
    """Whether attention is tiled on this device.

    Not with AMX: for it torch's own kernel packs keys and values, and float32 is far slower.
    """
    return device.has_bf16 and not has_amx()


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

    Keys and values may have another number of tokens than queries.
    """
    n, heads, tokens, head_dim = query.shape
    key_tokens = key.shape[2]
    output = torch.empty_like(query)
    columns = 32 * math.ceil(key_tokens / 32)  # products are fastest with round numbers
    # Tiles of equal size: a small last one would cost nearly as much as a full one.
    tile_heads = max(1, min(heads, MAX_SCORES // (columns * min(tokens, MIN_QUERY_ROWS))))
    tile_rows = math.ceil(tokens / math.ceil(tokens * columns * tile_heads / MAX_SCORES))
    tile_size = tile_heads * tile_rows * columns
    score_buffer = query.new_empty(tile_size, dtype=torch.float32)
    weight_buffer = query.new_empty(tile_size)
    for image, first_head in itertools.product(range(n), range(0, heads, tile_heads)):
        some_heads = slice(first_head, first_head + tile_heads)
        # Contiguous copies, as every tile of these heads reads them again.
        keys = score_buffer.new_zeros(len(key[image, some_heads]), columns, head_dim)
        keys[:, :key_tokens] = key[image, some_heads]
        keys *= head_dim**-0.5
        values = query.new_zeros(len(keys), columns, head_dim)
        values[:, :key_tokens] = value[image, some_heads]
        for start in range(0, tokens, tile_rows):
            rows = query[image, some_heads, start : start + tile_rows]
            shape = len(keys), rows.shape[1], columns
            scores = score_buffer[: math.prod(shape)].view(shape)
            torch.bmm(rows.float(), keys.mT, out=scores)
            scores[..., key_tokens:] = -math.inf
            weights = weight_buffer[: math.prod(shape)].view(shape)
            weights.copy_(torch.softmax(scores, -1, out=scores))
            output[image, some_heads, start : start + tile_rows] = torch.bmm(weights, values)
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
