"""Keep freed memory for the next layer, or return it to the system; does nothing without glibc."""

import ctypes
import mmap
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Parameter numbers of ``mallopt`` in glibc's ``malloc.h``."""
MADV_PAGEOUT = 21
"""Advice of Linux (5.4): take pages back now; what was changed in them is not lost."""


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


def release_pages(weight: "Tensor") -> None:
    """Return the memory of weights that were replaced, where they are a view of their file.

    The view lasts as long as any weight of the file is used, and would keep all that was read of
    it in memory. If they are read once more, they come from the file again.
    """
    first = weight.data_ptr() + -weight.data_ptr() % mmap.PAGESIZE
    end = weight.data_ptr() + weight.nbytes
    if end - first >= mmap.PAGESIZE:
        with suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).madvise(
                ctypes.c_void_p(first), ctypes.c_size_t(end - first), MADV_PAGEOUT
            )
