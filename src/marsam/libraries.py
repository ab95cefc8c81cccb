"""The heavy libraries, kept quiet: no bars of theirs, no reports home, no hub behind our back."""

import ctypes
import os
import threading
from contextlib import suppress


def no_reports() -> None:
    """Keep the hub's library from reporting how it is used; it looks when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def quiet() -> None:
    """Call before a model library is used; calling again does nothing new."""
    no_reports()
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    import diffusers.utils.logging
    import huggingface_hub.utils.logging
    import transformers.utils.logging

    huggingface_hub.utils.logging.set_verbosity_error()
    for logging in (transformers.utils.logging, diffusers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8
"""What glibc's ``mallopt`` calls them."""


def keep_pages() -> None:
    """Let freed memory be used again, where the C library would return it, until given back.

    Each layer of a model makes and frees megabytes, which the system would fill with zeros anew
    each time: a seventh of the time of decoding a picture. It holds for the whole process, so only
    programs of our own do it, before they have threads.
    """
    with suppress(AttributeError, OSError, TypeError):  # not everywhere is glibc
        libc = ctypes.CDLL(None)
        libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(ARENA_MAX, 1)  # else what one thread freed, another could not use


def give_back() -> None:
    """Return freed memory to the system, where the C library would keep it.

    Call after loading: a model that was read in one number format and kept in another leaves
    gigabytes behind. Call after painting, too.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


loading = threading.RLock()
"""Held while a model is read: ``from_pretrained`` changes what torch makes in every thread."""
