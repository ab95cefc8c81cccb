"""Attention on a processor without a GPU, in pieces that stay in its cache.

torch's own kernel for processors spends two fifths of a Stable Diffusion step on the first level's
4,096 places, 40 numbers each. Head by head and some rows at a time, each thread by itself, the same
sums are plain matrix products, which run at the speed of the chip (``benchmarks/RESULTS.md``).
"""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from marsam.sharing import share_out

if TYPE_CHECKING:
    import torch

ROWS = 256
"""Rows of one head that a thread computes at once, at most: with 4,096 columns, two megabytes of
bfloat16."""
WORTHWHILE = 1024
"""Places from which on it is faster than torch's kernel."""


class PiecewiseAttention:
    """What a transformer block of diffusers calls to attend to its own places.

    Only for the plain kind of ``diffusers.models.attention_processor.Attention``: no normalised
    queries, no residual connection (:func:`install` sees to it). A mask is ignored: pipelines that
    paint from words give their U-Net none.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: "torch.Tensor",
        encoder_hidden_states: "torch.Tensor | None" = None,
        attention_mask: "torch.Tensor | None" = None,
        temb: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """Places (n, places, width) to the same shape."""
        from torch.nn.functional import scaled_dot_product_attention

        del attention_mask, temb
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            layer(states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for layer, states in (
                (attn.to_q, hidden_states),
                (attn.to_k, seen),
                (attn.to_v, seen),
            )
        )
        if min(query.shape[2], key.shape[2]) >= WORTHWHILE:
            attended = attend(query, key, value)
        else:
            attended = scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = attn.to_out[0](attended.transpose(1, 2).flatten(2))
        return out


def attend(query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor") -> "torch.Tensor":
    """Scaled dot-product attention: (n, heads, places, width) each, and so is the answer."""
    import torch

    out = torch.empty_like(query)
    query = query * query.shape[-1] ** -0.5
    places = query.shape[2]
    # Pieces of one size: a small rest would cost nearly as much as a whole one.
    size = math.ceil(places / math.ceil(places / ROWS))
    # A head's in one place of memory, as they are read again for each piece.
    keys, values = key.transpose(2, 3).contiguous(), value.contiguous()

    def work(pieces: Sequence[tuple[int, int, int]]) -> None:
        for picture, head, start in pieces:
            rows = slice(start, start + size)
            weights = (query[picture, head, rows] @ keys[picture, head]).softmax(-1)
            out[picture, head, rows] = weights @ values[picture, head]

    starts = range(0, places, size)
    share_out(work, list(itertools.product(*map(range, query.shape[:2]), starts)))
    return out


def install(unet: Any) -> None:
    """Use it wherever a U-Net attends in the plain way; anything else stays as it is."""
    from diffusers.models.attention_processor import AttnProcessor2_0

    def plain(module: Any) -> bool:
        odd = (module.norm_q, module.norm_k, module.group_norm, module.spatial_norm)
        return (
            type(module.processor) is AttnProcessor2_0
            and not any(part is not None for part in odd)
            and not module.norm_cross
            and not module.residual_connection
            and module.rescale_output_factor == 1
        )

    for module in unet.modules():
        if hasattr(module, "to_q") and hasattr(module, "processor") and plain(module):
            module.set_processor(PiecewiseAttention())
