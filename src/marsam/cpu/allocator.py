"""Keep freed memory for the next layer, or return it to the system; does nothing without glibc."""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Parameter numbers of ``mallopt`` in glibc's ``malloc.h``."""


def retain_freed_memory() -> None:
    """Have ``malloc`` reuse freed memory until :func:`trim_memory`, instead of returning it.

    Each layer allocates and frees megabytes. New pages must be filled with zeros by the system each
    time: a seventh of the time of decoding a picture. The setting holds for the whole process, so
    only programs of our own set it, before they start threads.
    """
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_ARENA_MAX, 1)  # one arena: memory freed by one thread serves all others


def trim_memory() -> None:
    """Return freed memory to the system (``malloc_trim``).

    Call it after a model is loaded (reading one dtype and keeping another leaves gigabytes behind)
    and after painting.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
