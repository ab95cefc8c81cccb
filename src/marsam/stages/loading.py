"""Loading models: quiet libraries, prefetched weights, checked files, mapped errors."""

import importlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from marsam.cgroup import available_cpus, read_limits
from marsam.cpu.allocator import retain_freed_memory, trim_memory
from marsam.errors import ModelDamaged, ModelMissing, map_model_errors
from marsam.hub.model_files import is_weights, missing_files
from marsam.hub.telemetry import disable_telemetry
from marsam.messages import Message

import_lock = threading.RLock()
"""Held while a model is loaded: ``from_pretrained`` changes torch's default dtype for every thread,
and the lazy imports of transformers are not safe in two threads at once."""
READ_AHEAD_BYTES = 2**17
"""The system reads at most this much ahead for one advice."""


@contextmanager
def loading_model(folder: Path, stage: str, name: str, *libraries: str) -> Iterator[None]:
    """Surround the loading of a stage's model, here named ``name`` in errors.

    The weights in ``folder`` are prefetched while the ``libraries`` are imported (:func:`silence`);
    ``stage`` decides which files must be present.

    Raises:
        ModelDamaged: when a file is missing or cannot be read.
        OutOfMemory: when the device has too little memory.
    """
    prefetch_weights(folder)
    with (
        import_lock,
        map_model_errors("loading the {stage} {name}", stage=Message(stage), name=name),
    ):
        silence(*libraries)
        require_files(folder, stage, name)
        yield
        trim_memory()


def prepare_process() -> None:
    """Set up a process of ours for inference, before it starts threads.

    Usage reports of the hub's library are off, freed memory is kept for reuse, and torch uses as
    many threads as a container has CPUs: with one for each of the machine's, all would wait.
    """
    disable_telemetry()
    retain_freed_memory()
    limits = read_limits()
    if limits.cpus is not None:  # torch reads this when it is imported
        os.environ.setdefault("OMP_NUM_THREADS", str(available_cpus(limits)))


def silence(*libraries: str) -> None:
    """Import ``transformers``, ``diffusers`` or both without progress bars, warnings and reports.

    Each import takes seconds.
    """
    disable_telemetry()
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    from huggingface_hub.utils import logging as hub_logging

    hub_logging.set_verbosity_error()
    for library in libraries:
        logging = importlib.import_module(f"{library}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def prefetch_weights(folder: Path) -> None:
    """Ask the system to read a model's weights in the background.

    After a cold start the disk takes seconds for that, and the processor as long for the imports.
    """

    def advise() -> None:
        for file in folder.rglob("*"):
            if is_weights(file.name):
                with suppress(AttributeError, OSError), file.open("rb") as weights:
                    for start in range(0, file.stat().st_size, READ_AHEAD_BYTES):
                        os.posix_fadvise(
                            weights.fileno(), start, READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED
                        )

    # The call blocks when the disk is busy.
    threading.Thread(target=advise, name="prefetch-weights", daemon=True).start()


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Return the folder's ``config.json`` (or ``model_index.json``) as a dictionary.

    Raises:
        ModelMissing: when there is no such file.
        ModelDamaged: when it is not JSON.
    """
    try:
        data = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(
            "{folder} is not a model folder: it has no {name}.", folder=folder.name, name=name
        ) from error
    except (OSError, ValueError) as error:
        raise ModelDamaged(
            "{name} in {folder} cannot be read.", name=name, folder=folder.name
        ) from error
    if not isinstance(data, dict):
        raise ModelDamaged(
            "{name} in {folder} is not a configuration.", name=name, folder=folder.name
        )
    return data


def require_files(folder: Path, stage: str, name: str) -> None:
    """Refuse a folder that lacks a file: without one, tokenizers load empty and report no error.

    Raises:
        ModelDamaged: naming the first missing file.
    """
    if missing := missing_files(folder, stage):
        raise ModelDamaged(
            "{name} is incomplete: {file} is missing; download it again.",
            name=name,
            file=missing[0],
        )
