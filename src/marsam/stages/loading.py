"""The heavy libraries, kept quiet: no bars of theirs, no reports home, no hub behind our back."""

import importlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from marsam.errors import ModelDamaged, ModelMissing
from marsam.hub.model_files import is_weights, missing_files
from marsam.hub.telemetry import disable_telemetry


def quiet(*libraries: str) -> None:
    """Call before model libraries are used; calling again does nothing new.

    Args:
        libraries: ``transformers``, ``diffusers``, or both. They are imported, which takes seconds.
    """
    disable_telemetry()
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    import huggingface_hub.utils.logging

    huggingface_hub.utils.logging.set_verbosity_error()
    for library in libraries:
        logging = importlib.import_module(f"{library}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()


ADVISED = 2**17
"""Bytes that systems read ahead, of those that they are advised of at once."""


def read_early(folder: Path) -> None:
    """Have the system read a model's weights while the libraries are imported.

    Each takes seconds after the machine was switched on, one the disk and the other the processor.
    """

    def advise() -> None:
        for file in folder.rglob("*"):
            if is_weights(file.name):
                with suppress(AttributeError, OSError), file.open("rb") as weights:
                    for start in range(0, file.stat().st_size, ADVISED):
                        os.posix_fadvise(weights.fileno(), start, ADVISED, os.POSIX_FADV_WILLNEED)

    # The system takes its time to take advice when a disk is busy.
    threading.Thread(target=advise, name="read-early", daemon=True).start()


loading = threading.RLock()
"""Held while a model is read: ``from_pretrained`` changes what torch makes in every thread, and
transformers, which imports its parts when they are asked for, may not be asked by two at once."""


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
