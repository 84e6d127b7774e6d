"""Numba for the runtime: `isa.jit`, which the compiler's kernels use too."""

from ..isa.jit import (
    add32,
    array,
    cache_folder,
    jit,
    popcount,
    run_parallel,
    scaled_product,
    thread_count,
    types,
)

__all__ = [
    "add32",
    "array",
    "cache_folder",
    "jit",
    "popcount",
    "run_parallel",
    "scaled_product",
    "thread_count",
    "types",
]
