"""LoRA fused into the weights of a painter.

Computed beside every layer, a LoRA would take a quarter of a step; fused, it costs nothing. A
user's LoRA is fused for good when the painter is loaded.

The LoRA of a set is used by some recipes only, and exactly unfused again. The original weights of
its U-Net are not kept twice but read again from the painter's files when the LoRA is unfused, so
they are the same to the last bit however often it is switched.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from marsam.errors import ModelDamaged, ModelUnsupported
from marsam.hub.lora import Lora

LORA_LAYERS_PER_PASS = 16
"""Layers changed before the files are closed: what was read stays in memory until then."""
LEAST_SHARE = 0.5
"""Share of a LoRA's layers that a painter must have."""


def fuse_lora(pipe: Any, lora: Lora, painter: str) -> None:
    """Fuse a LoRA into the networks of a pipeline that is not changed in any other way yet.

    Raises:
        ModelUnsupported: the pipeline loads no LoRAs, the file holds none, or it was made for
            another painter; ``painter`` is named.
        ModelDamaged: the file cannot be read.
    """
    if not hasattr(pipe, "load_lora_weights"):
        raise ModelUnsupported(
            "Painters of the family {family} cannot use a LoRA; leave {lora} out.",
            family=type(pipe).__name__.removesuffix("Pipeline"),
            lora=lora.name,
        )
    wanted = _layers_in_file(lora)
    try:
        pipe.load_lora_weights(
            lora.file.parent,
            weight_name=lora.file.name,
            local_files_only=True,
            use_safetensors=True,
        )
        found = {name: _lora_layers(pipe, name) for name in pipe._lora_loadable_modules}
        # Without scale it only has to fit: adding zeros would round weights anew.
        if lora.scale:
            pipe.fuse_lora(components=list(filter(found.get, found)), lora_scale=lora.scale)
        pipe.unload_lora_weights()
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # each family's loader raises its own
        raise _does_not_fit(lora, painter) from error
    # Painters of several families have some layers of the same name and size.
    if sum(found.values()) < LEAST_SHARE * wanted:
        raise _does_not_fit(lora, painter)


def _lora_layers(pipe: Any, part: str) -> int:
    from peft.tuners.tuners_utils import BaseTunerLayer

    network = getattr(pipe, part, None)
    layers = network.modules() if isinstance(network, nn.Module) else ()
    return sum(isinstance(layer, BaseTunerLayer) for layer in layers)


def _layers_in_file(lora: Lora) -> int:
    """Return how many layers a LoRA changes; programs have different names for its weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(lora.file, framework="pt") as opened:
            names = list(opened.keys())
    except (OSError, SafetensorError) as error:
        raise ModelDamaged(
            "The LoRA {lora} is damaged; copy or download it again.", lora=lora.name
        ) from error
    parts = (re.split(r"[._](?:lora|lokr)[._]", name) for name in names)
    if not (layers := {layer for layer, *rest in parts if rest}):
        raise ModelUnsupported("{file} holds no LoRA that Marsam knows.", file=lora.file.name)
    return len(layers)


def _does_not_fit(lora: Lora, painter: str) -> ModelUnsupported:
    return ModelUnsupported(
        "The LoRA {lora} does not fit the painter {painter}; it was made for another one.",
        lora=lora.name,
        painter=painter,
    )


@dataclass(frozen=True, kw_only=True)
class _LoraDelta:
    """What the LoRA adds to a layer's weights: ``scale * up @ down``."""

    layer: Any
    down: Tensor
    up: Tensor
    scale: float

    def added_to(self, weight: Tensor) -> Tensor:
        product = self.up.flatten(1).float() @ self.down.flatten(1).float()
        return weight.add(product.view_as(weight), alpha=self.scale)


class LoraFusion:
    """LoRAs for a pipeline's U-Net, of which one is fused or none; none at first.

    Create it before the layers of the U-Net are changed in any other way.

    Args:
        pipe: a diffusers pipeline; its U-Net holds the weights of ``files``.
        adapters: a file of LoRA weights by name.
        files: the U-Net's own weights, in safetensors.
    """

    def __init__(self, pipe: Any, adapters: Mapping[str, Path], files: Sequence[Path]) -> None:
        self._deltas = {name: _deltas(pipe, file) for name, file in adapters.items()}
        self._files, self._dtype = files, pipe.unet.dtype
        self._fused: str | None = ""  # None: a switch was interrupted

    def fuse(self, adapter: str) -> None:
        """Fuse the LoRA of this name, or unfuse all for an empty one, if it is not so already."""
        from safetensors import safe_open

        if self._fused == adapter:
            return
        changed = self._deltas if self._fused is None else {self._fused, adapter} - {""}
        layers = {name: delta for one in changed for name, delta in self._deltas[one].items()}
        new = self._deltas.get(adapter, {})
        self._fused = None
        names = list(layers)
        for start in range(0, len(names), LORA_LAYERS_PER_PASS):
            with ExitStack() as opened:
                readers = [opened.enter_context(safe_open(f, framework="pt")) for f in self._files]
                reader_of = {name: reader for reader in readers for name in reader.keys()}  # noqa: SIM118
                for name in names[start : start + LORA_LAYERS_PER_PASS]:
                    delta, key = layers[name], f"{name}.weight"
                    weight = reader_of[key].get_tensor(key).to(delta.up.device).float()
                    weight = new[name].added_to(weight) if name in new else weight
                    # Rounded to the dtype it was loaded in, whatever form the layer stores.
                    _set_weight(delta.layer, weight.to(self._dtype))
        self._fused = adapter


def _deltas(pipe: Any, file: Path) -> dict[str, _LoraDelta]:
    """Return what a file of LoRA weights adds to the layers of a U-Net, by their names."""
    pipe.load_lora_weights(file.parent, weight_name=file.name, local_files_only=True)
    found = {
        name: _LoraDelta(
            layer=layer.base_layer,
            down=_to_fp16_if_exact(layer.lora_A[key].weight.detach()),
            up=_to_fp16_if_exact(layer.lora_B[key].weight.detach()),
            scale=layer.scaling[key],
        )
        for name, layer in pipe.unet.named_modules()
        if hasattr(layer, "lora_A")
        for key in layer.active_adapters
    }
    pipe.unload_lora_weights()
    return found


def _set_weight(layer: Any, weight: Tensor) -> None:
    """Set a layer's weights in the form and dtype in which it stores them."""
    set_weight = getattr(inspect.unwrap(layer.forward), "set_weight", layer.weight.copy_)
    with torch.no_grad():
        set_weight(weight)


def _to_fp16_if_exact(weight: Tensor) -> Tensor:
    """Return the weights in float16 where that loses nothing: peft converts them to float32."""
    half = weight.half()
    return half if half.float().equal(weight.float()) else weight
