"""The heavy libraries, kept quiet: no bars of theirs, no reports home, no hub behind our back."""

import importlib
import os
import threading
from contextlib import suppress
from pathlib import Path

from marsam.hub.model_files import is_weights


def no_reports() -> None:
    """Keep the hub's library from reporting how it is used; it looks when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def quiet(*libraries: str) -> None:
    """Call before model libraries are used; calling again does nothing new.

    Args:
        libraries: ``transformers``, ``diffusers``, or both. They are imported, which takes seconds.
    """
    no_reports()
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
