"""Attention on a processor without a GPU, in pieces that stay in its cache.

torch's own kernel for processors spends two fifths of a Stable Diffusion step on the first level's
4,096 places, 40 numbers each. Some heads and some rows at a time, the same sums are plain matrix
products, which run at the speed of the chip (``benchmarks/RESULTS.md``).
"""

import itertools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SCORES = 2**22
"""Scores computed at once, at most: eight megabytes of bfloat16."""
ROWS = 256
"""Rows of a head that are among them, rather than of more heads."""
SAFE = 2.0**-100, 2.0**100
"""Sums of powers between which no power that matters was too large, or too small, to be kept."""


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
        attended = attend(query, key, value)
        out: torch.Tensor = attn.to_out[0](attended.transpose(1, 2).flatten(2))
        return out


def attend(query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor") -> "torch.Tensor":
    """Scaled dot-product attention: (n, heads, places, width) each, and so is the answer.

    Keys and values may be of another number of places than queries. Scores become powers as they
    are, without their row's largest taken off first, and what the powers make of the values is
    divided, not they: their sum is one more column of that product. Where a row's scores are too
    large or small for it, which is seen by the sum, its piece is computed the usual way.
    """
    import torch

    n, heads, places, width = query.shape
    seen = key.shape[2]
    out = torch.empty_like(query)
    # Products are quickest with round numbers of columns; what fills them up weighs nothing.
    columns, wide = _rounded(seen, 32), _rounded(width + 1, 16)
    # Powers of two are computed sooner than those of e.
    scale = width**-0.5 / math.log(2)
    # Pieces of one size: a small rest would cost nearly as much as a whole one.
    together = max(1, min(heads, SCORES // (columns * min(places, ROWS))))
    size = math.ceil(places / math.ceil(places * columns * together / SCORES))
    room = query.new_empty(together * size * columns)
    for picture, first in itertools.product(range(n), range(0, heads, together)):
        some = slice(first, first + together)
        # In one place of memory, as they are read again for each piece.
        keys = query.new_zeros(len(key[picture, some]), columns, width)
        torch.mul(key[picture, some], scale, out=keys[:, :seen])
        values = query.new_zeros(len(keys), columns, wide)
        values[:, :seen, :width] = value[picture, some]
        values[:, :seen, width] = 1
        for start in range(0, places, size):
            rows = query[picture, some, start : start + size]
            answer = out[picture, some, start : start + size]
            scores = room[: len(keys) * rows.shape[1] * columns].view(len(keys), -1, columns)
            powers = torch.bmm(rows, keys.mT, out=scores).exp2_()
            weighed = torch.bmm(powers, values)
            sums = weighed[..., width : width + 1]
            least, most = sums.aminmax()
            if SAFE[0] < least and most < SAFE[1]:
                torch.div(weighed[..., :width], sums, out=answer)
            else:
                scores = torch.bmm(rows, keys[:, :seen].mT) * math.log(2)
                answer[:] = scores.softmax(-1) @ values[:, :seen, :width]
    return out


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step


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
