"""The numba wrapper: 32-bit arithmetic, threads, and a cache that may be missing."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spcc.isa.jit as spcc_jit
from spcc.isa.jit import (
    add32,
    array,
    cache_folder,
    jit,
    popcount,
    run_parallel,
    scaled_product,
    types,
)

KERNEL = """
import sys
import numpy as np
from spcc.isa.jit import array, jit, types

@jit(types.int64(array(types.int64, 1, is_read_only=True)))
def total(values):
    result = 0
    for value in values:
        result += value
    return result

assert total(np.arange(10)) == 45
"""


@jit(types.int32(types.int32, types.int16, types.int32, types.int32, types.int32))
def accumulate(weight, value, half, shift, total):
    return add32(total, scaled_product(weight, value, half, shift))


@jit(types.int64(types.uint64))
def ones(word):
    return popcount(word)


@pytest.mark.parametrize("word", [0, 1, 0b1011, 1 << 63, (1 << 64) - 1])
def test_ones_of_a_word_are_counted(word: int) -> None:
    assert ones(np.uint64(word)) == word.bit_count()


@jit(types.void(array(types.int64, 1), types.int64, types.int64))
def mark(values, first, last):
    for i in range(first, last):
        values[i] += i


@pytest.mark.parametrize(
    ("weight", "value", "shift"), [(7, -3, 1), (-32768, -32768, 15), (5, 9, 0)]
)
def test_products_are_rounded_half_up(weight, value, shift):
    half = (1 << shift) >> 1
    expected = 11 + ((weight * value + half) >> shift)
    assert accumulate(weight, value, half, shift, 11) == expected


def test_parallel_parts_all_run_and_failures_surface():
    values = np.zeros(10, np.int64)
    run_parallel(mark, [(values, 0, 4), (values, 4, 10)])
    assert values.tolist() == list(range(10))
    with pytest.raises(TypeError):
        run_parallel(mark, [(values, 0, 4), (values, None, 10)])


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/spcc/numba")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache/spcc/numba")


def run_kernel(folder, **environment):
    script = folder / "kernel.py"
    script.write_text(KERNEL)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)} | environment
    subprocess.run([sys.executable, script], env=environment, check=True)


@pytest.mark.slow
def test_kernels_are_cached_and_work_without_a_cache(tmp_path):
    run_kernel(tmp_path, XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert list((tmp_path / "xdg" / "spcc" / "numba").rglob("*.nbi"))
    run_kernel(tmp_path, XDG_CACHE_HOME="/dev/null", HOME="/dev/null")
    run_kernel(tmp_path, XDG_CACHE_HOME="/x", NUMBA_CACHE_DIR=str(tmp_path / "own"))
    assert list((tmp_path / "own").rglob("*.nbi"))


def test_kernels_compile_when_nothing_can_be_cached(monkeypatch):
    compile_kernel, tried = spcc_jit._numba.njit, []

    def njit(signature, **options):
        tried.append(options.get("cache", False))
        if tried[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return compile_kernel(signature, **options)

    monkeypatch.setattr(spcc_jit._numba, "njit", njit)
    double = jit(types.int64(types.int64))(lambda value: 2 * value)
    assert double(21) == 42
    assert tried == [True, False]


@pytest.mark.slow
def test_a_damaged_cache_is_not_used(tmp_path):
    run_kernel(tmp_path, XDG_CACHE_HOME=str(tmp_path))
    for path in (tmp_path / "spcc").rglob("*.nb?"):
        path.write_bytes(path.read_bytes()[:20])
    run_kernel(tmp_path, XDG_CACHE_HOME=str(tmp_path))
