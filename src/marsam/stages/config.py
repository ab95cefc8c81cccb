"""What a model folder says about itself."""

import json
from pathlib import Path
from typing import Any

from marsam.errors import ModelDamaged, ModelMissing
from marsam.hub.model_files import missing_files


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """The folder's ``config.json`` (or ``model_index.json``) as a dictionary.

    Raises:
        ModelMissing: when there is no such file.
        ModelDamaged: when it is not JSON.
    """
    try:
        data = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(f"{folder.name} is not a model folder: it has no {name}.") from error
    except (OSError, ValueError) as error:
        raise ModelDamaged(f"{name} in {folder.name} cannot be read.") from error
    if not isinstance(data, dict):
        raise ModelDamaged(f"{name} in {folder.name} is not a configuration.")
    return data


def require_files(folder: Path, stage: str, name: str) -> None:
    """Refuse a folder that lacks a file: tokenizers load without theirs, knowing nothing.

    Raises:
        ModelDamaged: naming the first missing file.
    """
    if missing := missing_files(folder, stage):
        raise ModelDamaged(f"{name} is incomplete: {missing[0]} is missing; fetch it again.")
