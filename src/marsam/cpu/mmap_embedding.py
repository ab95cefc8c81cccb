"""A translator's table of words, left in its file.

NLLB knows a quarter of a million tokens; their rows take half a gigabyte even in sixteen bits, and
a sentence looks up dozens. The system reads those from the file when they are needed, and may
forget them again.

Only for files of the hub's cache, which nobody changes: where one became shorter while it is looked
at, the system would end the program.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from marsam.hub.model_files import is_weights


def leave(model: Any, folder: Path) -> None:
    """Look a model's tokens up in its file from now on, instead of in memory.

    Calling it again lets the rows go that were looked up before. Nothing happens where the folder
    is not the hub's, or holds no such table.
    """
    if folder.parent.name != "snapshots":
        return
    weight = model.get_input_embeddings().weight
    shared = model.named_parameters(remove_duplicate=False)
    table = _opened(folder, {name for name, other in shared if other is weight})
    if table is not None and table.shape == weight.shape and table.is_floating_point():
        weight.data = table


def _opened(folder: Path, names: Iterable[str]) -> Tensor | None:
    """The tensor with one of these names, of which nothing is read yet."""
    from safetensors import safe_open

    files = sorted(file for file in folder.iterdir() if is_weights(file.name))
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                for name in set(opened.keys()) & set(names):
                    return opened.get_tensor(name)  # type: ignore[no-any-return]
    for file in files:
        if file.suffix == ".bin":
            with suppress(RuntimeError):  # the older format cannot be read in parts
                weights = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
                for name in weights.keys() & set(names):
                    return weights[name]  # type: ignore[no-any-return]
    return None
