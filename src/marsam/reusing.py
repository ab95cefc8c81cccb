"""A U-Net whose deep layers rest between two steps.

What the deep layers make of a picture hardly changes from one step to the next, and they are most
of the work. So a step may take what they said at the step before, and look anew only with the
outermost layers, which see the picture at its full size. The idea is DeepCache's (Ma, Fang and
Wang, 2023); ``make bench-recipes`` measures what it costs in quality.
"""

from collections.abc import Callable
from typing import Any


class DeepLayers:
    """The blocks of a U-Net inside its outermost pair, and what each said last.

    Args:
        unet: a ``UNet2DConditionModel``, or any that calls ``down_blocks``, ``mid_block`` and
            ``up_blocks`` in turn.
    """

    def __init__(self, unet: Any) -> None:
        self.resting = False
        self._said: dict[int, Any] = {}
        inner = [*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]]
        for block in inner:
            # The block stays where it is, so that whoever asks for its parts still finds them.
            block.forward = self._keeping(block.forward, id(block))

    def _keeping(self, forward: Callable[..., Any], block: int) -> Callable[..., Any]:
        def answer(*args: Any, **kwargs: Any) -> Any:
            if not (self.resting and block in self._said):
                self._said[block] = forward(*args, **kwargs)
            return self._said[block]

        return answer

    def wake(self) -> None:
        """Forget what was said: another picture, or another number of them, comes next."""
        self.resting = False
        self._said.clear()


def can_rest(unet: Any) -> bool:
    """Whether a U-Net has layers inside its outermost pair."""
    return (
        all(
            getattr(unet, part, None) is not None
            for part in ("down_blocks", "mid_block", "up_blocks")
        )
        and len(unet.down_blocks) > 1
    )
