"""Memory that is not needed any more, back to the system.

The GNU C library keeps what was freed for itself, the more of it the larger the blocks were. Elsewhere both
functions have nothing to do.
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
    """Give every large block back as soon as it is free, from now on and in the whole process."""
    if _mallopt is not None:
        _mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)


def give_back() -> None:
    """Give back what is free now."""
    gc.collect()
    if _malloc_trim is not None:
        _malloc_trim(0)
