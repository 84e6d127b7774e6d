"""Fixed-point arithmetic of the compiler: scales, integers, exact bounds on sums of products."""

from __future__ import annotations

from math import floor, frexp
from typing import Any

import numpy as np
import numpy.typing as npt

from .layer_models import convolve

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int16]

_BLOCK_ELEMENTS = 1 << 18  # elements per matrix product: 2 MB of float64
_CHUNK = 1 << 16  # values scaled at a time: they stay in the cache
_FINITE_FRAC = -112  # with fewer fraction bits int16 reaches beyond float32
_EXACT_EXPONENT = 126  # 2^e is a normal float32 up to here


def best_frac(largest: float, bits: int = 16) -> int:
    """Most fraction bits with which `largest` still fits a signed integer of `bits` bits.

    0 for an all-zero tensor. The scale is a power of two: value = integer * 2^-frac.
    """
    if largest == 0:
        return 0
    limit = (1 << (bits - 1)) - 1
    frac = bits - 1 - frexp(largest)[1]
    return frac if floor(largest * 2.0**frac + 0.5) <= limit else frac - 1


def to_fixed(values: npt.NDArray[Any], frac: int, bits: int = 16) -> Ints:
    """Round to the nearest integer (half to even) at `frac` fraction bits, saturate to `bits`."""
    limit = 1 << (bits - 1)
    flat = values.reshape(-1)
    fixed = np.empty(flat.shape, dtype=np.int16)
    for low in range(0, flat.size, _CHUNK):
        with np.errstate(over="ignore"):  # infinities saturate like everything too large
            scaled = _scaled(flat[low : low + _CHUNK], frac)
        np.rint(scaled, out=scaled)
        np.clip(scaled, -limit, limit - 1, out=scaled)
        fixed[low : low + _CHUNK] = scaled
    return fixed.reshape(values.shape)


def from_fixed(values: npt.NDArray[np.integer], frac: int) -> npt.NDArray[np.float32]:
    """The real values of fixed-point integers; those beyond float32 are its largest."""
    flat = values.reshape(-1)
    real = np.empty(flat.shape, dtype=np.float32)
    for low in range(0, flat.size, _CHUNK):
        with np.errstate(over="ignore"):
            real[low : low + _CHUNK] = _scaled(flat[low : low + _CHUNK].astype(np.float32), -frac)
    if frac < _FINITE_FRAC:
        np.nan_to_num(real, copy=False)
    return real.reshape(values.shape)


def _scaled(values: npt.NDArray[Any], exponent: int) -> npt.NDArray[Any]:
    """The values times 2^exponent, in float32 if they are, else in float64."""
    if values.dtype != np.float32:
        return values * 2.0**exponent
    if abs(exponent) <= _EXACT_EXPONENT:
        return values * np.float32(2.0**exponent)
    return np.ldexp(values, exponent)


def product_shift(largest_sum: int, accumulator_bits: int) -> int:
    """Smallest s <= 15 with largest_sum < 2^(accumulator_bits - 2 + s) (SPOTS sheet 6.4)."""
    for shift in range(16):
        if largest_sum < 1 << (accumulator_bits - 2 + shift):
            return shift
    return 15


def largest_conv_sum(
    x: Ints,
    weights: Ints,
    groups: int,
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int],
) -> int:
    """Largest magnitude of an exact sum of products of a convolution.

    onnxruntime's float32 sums tell, by a bound on their error, at which positions it can lie.
    There float64 is exact: products are below 2^30, and a sum has fewer than 2^23 of them.

    Args:
        x: [N, C, H, W].
        weights: [K, C/groups, R, S].
        groups: Convolution groups.
        strides: Vertical, horizontal.
        pads: Top, left, bottom, right.
        dilations: Vertical, horizontal.
    """
    kernels = weights.reshape(groups, len(weights) // groups, -1).astype(np.float64)
    sums = convolve(
        x.astype(np.float32),
        weights.astype(np.float32),
        strides=strides,
        pads=pads,
        dilations=dilations,
        groups=groups,
    )
    peaks = np.maximum(sums.max(axis=1), -sums.min(axis=1)).astype(np.float64)
    near = np.argwhere(peaks >= peaks.max() - 2 * _float32_error(x, kernels))
    windows = _windows(x, weights.shape[2:], strides, pads, dilations)
    step = max(1, _BLOCK_ELEMENTS // windows[0, :, 0, 0].size)
    largest = 0.0
    for low in range(0, len(near), step):
        n, oy, ox = near[low : low + step].T
        patches = windows[n, :, oy, ox].reshape(len(n), groups, -1).astype(np.float64)
        largest = max(largest, _peak(np.matmul(kernels, patches.transpose(1, 2, 0))))
    return int(largest)


def _peak(sums: npt.NDArray[np.float64]) -> float:
    return max(float(sums.max(initial=0.0)), -float(sums.min(initial=0.0)))


def _float32_error(x: Ints, kernels: npt.NDArray[np.float64]) -> float:
    """Bound on the error of float32 sums of products in any order (Higham 2002, section 3.1).

    Args:
        x: Activations.
        kernels: [..., reduction] integer weights.
    """
    rounding = 2.0**-24 * (int(np.count_nonzero(kernels, axis=-1).max()) + 1)
    reach = max(int(x.max(initial=0)), -int(x.min(initial=0)))
    return rounding / (1 - rounding) * reach * float(np.abs(kernels).sum(axis=-1).max())


def _windows(
    x: Ints,
    kernel: tuple[int, ...],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int],
) -> Ints:
    """All patches, [N, C, OH, OW, R, S], as a view."""
    top, left, bottom, right = pads
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
    return windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def largest_matmul_sum(x: Ints, weights: Ints) -> int:
    """Largest magnitude of an exact sum of products of x [M, C] with weights [K, C]."""
    activations = np.ascontiguousarray(x.T, dtype=np.float64)
    rows = max(1, _BLOCK_ELEMENTS // max(1, weights.shape[1]))
    largest = 0.0
    for low in range(0, weights.shape[0], rows):
        largest = max(largest, _peak(weights[low : low + rows].astype(np.float64) @ activations))
    return int(largest)
