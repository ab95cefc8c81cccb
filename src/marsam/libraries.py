"""The heavy libraries, kept quiet: no bars of theirs, no reports home, no hub behind our back."""

import ctypes
import os
import threading
from contextlib import suppress


def quiet() -> None:
    """Call before a model library is used; calling again does nothing new."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    import diffusers.utils.logging
    import huggingface_hub.utils.logging
    import transformers.utils.logging

    huggingface_hub.utils.logging.set_verbosity_error()
    for logging in (transformers.utils.logging, diffusers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def give_back() -> None:
    """Return freed memory to the system, where the C library would keep it; call after loading.

    A model that was read in one number format and kept in another leaves gigabytes behind.
    """
    with suppress(AttributeError, OSError, TypeError):  # not everywhere is glibc
        ctypes.CDLL(None).malloc_trim(0)


loading = threading.RLock()
"""Held while a model is read: ``from_pretrained`` changes what torch makes in every thread."""
