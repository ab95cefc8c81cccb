"""An adapter (a LoRA), worked into the weights of a U-Net while it is on.

Beside every layer, its products would take a quarter of a step; worked in, they cost nothing. What
the weights were is not kept a second time, but read again from the painter's files when the
adapter is switched off: they are the same to the last bit, however often that happens.
"""

import inspect
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TOGETHER = 16
"""Layers changed before the files are closed: what was read of one stays in memory until then."""


@dataclass(frozen=True, kw_only=True)
class _Change:
    """What the adapter adds to a layer's weights: ``scale * up @ down``."""

    layer: Any
    down: "torch.Tensor"
    up: "torch.Tensor"
    scale: float

    def added(self, weight: "torch.Tensor") -> "torch.Tensor":
        product = self.up.flatten(1).float() @ self.down.flatten(1).float()
        return weight.add(product.view_as(weight), alpha=self.scale)


class Adapter:
    """The adapter of a pipeline's U-Net, off at first.

    Made before anything else is done to the U-Net, whose layers are looked at as they came.

    Args:
        pipe: of diffusers; its U-Net holds the weights of ``files``.
        adapter: a file of LoRA weights.
        files: the U-Net's own, in safetensors.
    """

    def __init__(self, pipe: Any, adapter: Path, files: Sequence[Path]) -> None:
        from peft.tuners.lora import LoraLayer

        pipe.load_lora_weights(adapter.parent, weight_name=adapter.name, local_files_only=True)
        adapted: list[tuple[str, Any]] = [
            (name, layer)
            for name, layer in pipe.unet.named_modules()
            if isinstance(layer, LoraLayer)
        ]
        self._changes = {
            name: _Change(
                layer=layer.base_layer,
                down=_smallest(layer.lora_A[key].weight.detach()),
                up=_smallest(layer.lora_B[key].weight.detach()),
                scale=layer.scaling[key],
            )
            for name, layer in adapted
            for key in layer.active_adapters
        }
        pipe.unload_lora_weights()
        self._files, self._dtype = files, pipe.unet.dtype
        self._on: bool | None = False

    def switch(self, *, on: bool) -> None:
        """Work it in, or out; nothing happens when it is so already."""
        from safetensors import safe_open

        if self._on is on:
            return
        self._on = None  # until all is done: what is left half done is done anew
        names = list(self._changes)
        for start in range(0, len(names), TOGETHER):
            with ExitStack() as opened:
                readers = [opened.enter_context(safe_open(f, framework="pt")) for f in self._files]
                reader_of = {name: reader for reader in readers for name in reader.keys()}  # noqa: SIM118
                for name in names[start : start + TOGETHER]:
                    change, place = self._changes[name], f"{name}.weight"
                    weight = reader_of[place].get_tensor(place).to(change.up.device).float()
                    weight = change.added(weight) if on else weight
                    # Rounded as it was when it was loaded, whatever form the layer keeps it in.
                    _set_weight(change.layer, weight.to(self._dtype))
        self._on = on


def _set_weight(layer: Any, weight: "torch.Tensor") -> None:
    """Give a layer other weights, in the form and number format in which it keeps them."""
    import torch

    own = getattr(inspect.unwrap(layer.forward), "set_weight", None)
    with torch.no_grad():
        if own is None:
            layer.weight.copy_(weight)
        else:
            own(weight)


def _smallest(weight: "torch.Tensor") -> "torch.Tensor":
    """The same numbers in half the memory, where that is what they came in before peft."""
    half = weight.half()
    return half if half.float().equal(weight.float()) else weight
