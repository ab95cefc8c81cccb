"""Memory-mapped token embedding: the rows stay in the model's file until they are looked up.

NLLB's quarter of a million rows take half a gigabyte even in fp16, and a sentence looks up dozens.
The system reads those from the file, and may drop them again.

Only for files in the hub's cache, which are never changed: if a mapped file became shorter, the
system would end the program.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from marsam.hub.model_files import is_weights


def mmap_embeddings(model: Any, folder: Path) -> None:
    """Replace a model's token embedding by the memory-mapped tensor of its file.

    Call it again to release the rows that were read since. Nothing happens where the folder is not
    in the hub's cache, or its files hold no such tensor.
    """
    if folder.parent.name != "snapshots":
        return
    weight = model.get_input_embeddings().weight
    parameters = model.named_parameters(remove_duplicate=False)
    names = {name for name, parameter in parameters if parameter is weight}
    table = _mmap_tensor(folder, names)
    if table is not None and table.shape == weight.shape and table.is_floating_point():
        weight.data = table


def _mmap_tensor(folder: Path, names: Iterable[str]) -> Tensor | None:
    """Map the tensor with one of these names, without reading it."""
    from safetensors import safe_open

    files = sorted(file for file in folder.iterdir() if is_weights(file.name))
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                for name in set(opened.keys()) & set(names):
                    return opened.get_tensor(name)  # type: ignore[no-any-return]
    for file in files:
        if file.suffix == ".bin":
            with suppress(RuntimeError):  # torch's old format cannot be mapped
                weights = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
                for name in weights.keys() & set(names):
                    return weights[name]  # type: ignore[no-any-return]
    return None
