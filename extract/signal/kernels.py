"""How loops that NumPy cannot run fast are compiled by numba, and cached on disk.

Every kernel is a pure function of its arguments and runs on one thread, so that the same input
gives the same bytes however many workers there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["UNORDERED_MAXIMUM", "Floats", "are_compiled", "kernel"]

Floats = NDArray[np.float32]

# Sums may be reordered, which lets the compiler use vectors; NaN and infinity keep their meaning.
# It does so only in loops from zero over one-dimensional arrays: hence the rows in the kernels.
_FAST = frozenset({"reassoc", "contract", "arcp", "nsz"})

UNORDERED_MAXIMUM = frozenset({"nnan", "nsz"})
"""For kernels without NaN: a maximum may use vectors, and no value is changed by it."""


def kernel(function: Any, fastmath: frozenset[str] = _FAST) -> Any:
    """Compile a function when it is first called, and keep the result on disk."""
    options = {"fastmath": set(fastmath), "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # There is no folder to cache in (a read-only system without a home): compile each time.
        return numba.njit(**options)(function)


def are_compiled(module: ModuleType) -> bool:
    """Tell whether kernels of a module are on disk, so that a run need not compile them."""
    kernels = [each for each in vars(module).values() if hasattr(each, "py_func")]
    own = [each for each in kernels if each.py_func.__module__ == module.__name__]
    folders = {Path(each.stats.cache_path) for each in own if each.stats.cache_path}
    stem = module.__name__.rpartition(".")[2]
    return not own or any(any(folder.glob(f"{stem}.*.nbi")) for folder in folders)
