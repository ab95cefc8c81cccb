"""What both halves of a guided step have in common.

Guidance looks at a picture twice, with the words and without any, both at once as a pair. Until a
U-Net first attends to the words, the two are the same sums, and one of them is enough.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Forward = Callable[..., "torch.Tensor"]


def install(unet: Any) -> None:
    """Work out once what comes before a U-Net's first look at the words; leave other networks."""
    from diffusers import UNet2DConditionModel

    if not isinstance(unet, UNet2DConditionModel):
        return
    first: Any = unet.down_blocks[0]
    # Layers that cost nothing are among them: rounding would part the halves again.
    for layer in (unet.time_embedding, unet.conv_in, first.resnets[0], *_before_words(first)):
        layer.forward = once(layer.forward)


def _before_words(block: Any) -> list[Any]:
    """The layers of its first transformer that see nothing but the picture."""
    for transformer in (getattr(block, "attentions", None) or ())[:1]:
        if hasattr(transformer, "transformer_blocks"):
            attention = transformer.transformer_blocks[0].attn1
            return [layer for layer in (transformer.norm, transformer.proj_in, attention) if layer]
    return []


def once(forward: Forward) -> Forward:
    """The same function, for whose answer half the work is enough where both halves are equal.

    Args:
        forward: takes tensors whose first dimension is the pair's, and gives one.
    """
    import torch

    def answer(*args: Any, **kwargs: Any) -> "torch.Tensor":
        given = [t for t in (*args, *kwargs.values()) if isinstance(t, torch.Tensor)]
        if not all(_is_pair(tensor) for tensor in given):
            return forward(*args, **kwargs)
        said = forward(
            *(_half(value) for value in args),
            **{name: _half(value) for name, value in kwargs.items()},
        )
        return torch.cat([said, said])

    answer.__wrapped__ = forward  # type: ignore[attr-defined] # for whoever has other weights for it
    return answer


def _is_pair(tensor: "torch.Tensor") -> bool:
    import torch

    half, odd = divmod(len(tensor), 2)
    return half > 0 and not odd and torch.equal(tensor[:half], tensor[half:])


def _half(value: Any) -> Any:
    import torch

    return value[: len(value) // 2] if isinstance(value, torch.Tensor) else value
