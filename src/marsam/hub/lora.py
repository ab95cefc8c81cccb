"""The LoRA that a user names for the painter: its file on this machine, name and scale."""

import re
from pathlib import Path
from typing import NamedTuple

from marsam.errors import ModelMissing, ModelUnsupported
from marsam.hub.errors import first_names
from marsam.hub.locate import local_folder, locate
from marsam.hub.model_files import lora_files


class Lora(NamedTuple):
    """A LoRA for a painter.

    Attributes:
        file: its weights.
        name: in results and records: the hub id, or the name of its folder or file, and the scale
            where that is not 1.
        scale: how strongly it changes the painter; at 0 it changes nothing.
    """

    file: Path
    name: str
    scale: float = 1.0


def find_lora(source: str) -> Lora:
    """Find a LoRA on this machine, without the network.

    Args:
        source: a safetensors file, a folder that holds one, or a hub id; with a scale other than 1
            as in ``pixel-art.safetensors:0.8``.

    Raises:
        ModelMissing: when it is not on this machine.
        ModelUnsupported: when it is no safetensors file, or there are several.
    """
    named, scale = _split_scale(source)
    path = Path(named).expanduser()
    if path.is_file() or path.suffix in (".safetensors", ".bin", ".pt", ".ckpt"):
        if not path.is_file():
            raise ModelMissing("{file} is not on this machine.", file=path.name)
        name, file = path.stem, path
        if path.suffix != ".safetensors":
            raise ModelUnsupported("{file} is no safetensors file.", file=path.name)
    else:
        folder = locate(named, stage="adapter")
        files = lora_files(file.name for file in folder.iterdir())
        if len(files) > 1:
            raise ModelUnsupported(
                "{folder} has several LoRAs ({files}); name one of these files.",
                folder=named,
                files=first_names(files),
            )
        name = folder.resolve().name if local_folder(named) else named
        file = folder / files[0]
    return Lora(file, name if scale == 1 else f"{name}:{scale:g}", scale)


def _split_scale(source: str) -> tuple[str, float]:
    """Split ``name:0.8`` into the name and the scale, which is 1 where none is named."""
    if (found := re.fullmatch(r"(.+):(-?\d+(?:\.\d+)?)", source)) is None:
        return source, 1.0
    return found[1], float(found[2])
