"""What a model folder says about itself."""

import json
from pathlib import Path
from typing import Any

from marsam.errors import ModelDamaged, ModelMissing


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


def require_vocabulary(tokenizer: Any, name: str) -> None:
    """Refuse a tokenizer that knows nothing: the libraries load one from a folder without files.

    Raises:
        ModelDamaged: when it has fewer than 50 tokens.
    """
    if len(tokenizer) < 50:
        raise ModelDamaged(f"The vocabulary of {name} is missing; fetch the model again.")
