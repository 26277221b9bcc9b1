"""Returns freed memory to the operating system.

glibc keeps freed memory in its heap, and each large block that is freed raises the size from which blocks are
mapped, and so returned, one by one. With another C library only the collection of garbage is left to do.
"""

from __future__ import annotations

import ctypes
import gc

_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1024 * 1024


def _c_function(name: str) -> ctypes._NamedFuncPointer | None:
    try:
        found: ctypes._NamedFuncPointer = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found


_mallopt, _malloc_trim = _c_function("mallopt"), _c_function("malloc_trim")


def return_large_blocks() -> None:
    """From now on map every block of 1 MiB or more on its own, so that it is returned as soon as it is
    freed."""
    if _mallopt is not None:
        _mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)


def release_free_memory() -> None:
    """Collect garbage and return what is free now."""
    gc.collect()
    if _malloc_trim is not None:
        _malloc_trim(0)
