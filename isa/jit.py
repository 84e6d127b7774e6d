"""Numba, set up once: eager compilation with a cache on disk, no GIL, 32-bit arithmetic, threads.

Importing this module imports numba (half a second): import it, and modules of kernels, lazily.
"""

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

# numba and llvmlite ship without type information.
_numba: Any = import_module("numba")
types: Any = import_module("numba.types")
"""Numba's scalar types."""
_intrinsic: Any = import_module("numba.extending").intrinsic
_int32: Any = import_module("llvmlite.ir").IntType(32)

_CACHE_FAILURES = (OSError, RuntimeError, EOFError, pickle.UnpicklingError)
"""No writable folder (numba says RuntimeError), a full disk, a cut-off cache file."""


def cache_folder() -> Path:
    """Where compiled kernels are kept unless NUMBA_CACHE_DIR says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "spcc" / "numba"


def jit(signature: Any, **options: Any) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Compile a function for its signature at definition, from the cache if it is there.

    Kernels do no bounds checks (unless NUMBA_BOUNDSCHECK=1) and release the GIL; whatever they
    are given must have been verified.

    Args:
        signature: Result type called with the argument types, made from `types` and `array`.
        options: Further options of `numba.njit`.
    """

    def compile_kernel(function: Callable[P, T]) -> Callable[P, T]:
        if not os.environ.get("NUMBA_CACHE_DIR"):
            _numba.config.CACHE_DIR = str(cache_folder())
        try:
            return _numba.njit(signature, nogil=True, cache=True, **options)(function)
        except _CACHE_FAILURES:
            return _numba.njit(signature, nogil=True, **options)(function)

    return compile_kernel


def array(dtype: Any, dimensions: int, *, is_read_only: bool = False) -> Any:
    """The type of a C-contiguous array; one that is only read may be read-only memory."""
    return types.Array(dtype, dimensions, "C", readonly=is_read_only)


def thread_count() -> int:
    """How many threads kernels may use: NUMBA_NUM_THREADS, else the processors we may run on."""
    return int(_numba.config.NUMBA_NUM_THREADS)


def run_parallel(task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """Call a kernel once per tuple of arguments, the first here, the others in threads."""
    first, *others = arguments
    pending = [_pool().submit(task, *each) for each in others]
    return [task(*first), *(each.result() for each in pending)]


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that stay: to start one takes longer than many a kernel."""
    return ThreadPoolExecutor(max(1, thread_count() - 1), "spcc-kernel")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has the pool, but not its threads


# Numba widens int32 arithmetic to 64 bits, which halves the lanes and has no SIMD multiply; these
# keep it at 32.


def _scaled_product(_: Any, weight: Any, value: Any, half: Any, shift: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Sequence[Any]) -> Any:
        weight, value, half, shift = arguments
        product = builder.mul(weight, builder.sext(value, _int32))
        return builder.ashr(builder.add(product, half), shift)

    i32, i16 = types.int32, types.int16
    return i32(i32, i16, i32, i32), generate


def _add32(_: Any, left: Any, right: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Sequence[Any]) -> Any:
        return builder.add(*arguments)

    return types.int32(types.int32, types.int32), generate


def _popcount(_: Any, word: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Sequence[Any]) -> Any:
        return builder.ctpop(*arguments)

    return types.int64(types.uint64), generate


scaled_product = cast(
    "Callable[[np.int32, np.int16, np.int32, np.int32], np.int32]", _intrinsic(_scaled_product)
)
"""(weight * value + half) >> shift in 32 bits; inside kernels only, shift below 32."""
add32 = cast("Callable[[np.int32, np.int32], np.int32]", _intrinsic(_add32))
"""left + right in 32 bits, wrapping; inside kernels only."""
popcount = cast("Callable[[np.uint64], int]", _intrinsic(_popcount))
"""Ones of a 64-bit word; inside kernels only."""
