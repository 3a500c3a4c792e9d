"""How loops that NumPy cannot run fast are compiled by numba, and cached on disk.

Every kernel is a pure function of its arguments and runs on one thread, so that the same input
gives the same bytes however many workers there are. numba is imported when the first of them is
called: half a second that reading a table has no use for.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


class Kernel:
    """A function that is compiled when it is first called, and whose result is kept on disk.

    Parameters
    ----------
    function : callable
        What numba compiles. It may call other kernels.
    fastmath : frozenset of str
        What the compiler may assume of numbers.
    """

    def __init__(self, function: Any, fastmath: frozenset[str]) -> None:
        self.py_func = function
        self.fastmath = fastmath

    @functools.cached_property
    def compiled(self) -> Any:
        """What numba makes of the function."""
        import numba

        options = {"fastmath": set(self.fastmath), "error_model": "numpy"}
        try:
            return numba.njit(cache=True, **options)(self.py_func)
        except RuntimeError:
            # There is no folder to cache in (a read-only system without a home): compile each time.
            return numba.njit(**options)(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        # By this numba knows what a kernel is that another one calls.
        from numba import types

        return types.Dispatcher(self.compiled)

    @property
    def stats(self) -> Any:
        """Where the result is kept, and how often it was found there."""
        return self.compiled.stats

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function."""
        return self.compiled(*arguments)


def kernel(function: Any, fastmath: frozenset[str] = _FAST) -> Any:
    """Have a function compiled when it is first called, and the result kept on disk."""
    return Kernel(function, fastmath)


def are_compiled(module: ModuleType) -> bool:
    """Tell whether kernels of a module are on disk, so that a run need not compile them."""
    kernels = [each for each in vars(module).values() if hasattr(each, "py_func")]
    own = [each for each in kernels if each.py_func.__module__ == module.__name__]
    folders = {Path(each.stats.cache_path) for each in own if each.stats.cache_path}
    stem = module.__name__.rpartition(".")[2]
    return not own or any(any(folder.glob(f"{stem}.*.nbi")) for folder in folders)
