"""Pruning rules on plain weight matrices [K, Kred]; each returns a keep mask, changes no value."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[Any]

_BIN_BITS = 18
_CHUNK = 1 << 20  # keys binned at a time


def magnitude(weights: Matrix, fraction: float) -> Mask:
    """Zero the smallest magnitudes until `fraction` of all weights is zero; ties in index order."""
    keys = np.abs(_floats(weights)).ravel()
    ones = np.broadcast_to(np.int64(1), keys.shape)
    return ~smallest(keys, ones, _count(fraction, keys.size)).reshape(weights.shape)


def threshold(weights: Matrix, limit: float) -> Mask:
    """Zero every weight whose magnitude is below `limit`."""
    return np.abs(_floats(weights)) >= np.float64(limit)


def shape(weights: Matrix, fraction: float) -> Mask:
    """Zero whole columns until `fraction` of them is zero.

    Columns go by ascending (sum of squares over all filters, k); those already zero count (SPOTS
    sheet 6.1, `shape:q`, after SSL's shape level).
    """
    norms = np.einsum("fk,fk->k", weights, weights, dtype=np.float64)
    keep = np.ones(weights.shape, dtype=np.bool_)
    keep[:, np.argsort(norms, kind="stable")[: _count(fraction, norms.size)]] = False
    return keep


def group(weights: Matrix, fraction: float, G: int) -> Mask:
    """Zero groups of G consecutive filters x one column until `fraction` of the weights is zero.

    Groups go by ascending (sum of squares / group size, k, b); the last group of filters may be
    shorter; weights that are zero already count (SPOTS sheet 6.1, `group:p`).
    """
    K, Kred = weights.shape
    starts = range(0, K, G)
    squares = np.empty((len(starts), Kred), dtype=np.float64)
    counts = np.empty((len(starts), Kred), dtype=np.int32)
    for b, low in enumerate(starts):  # a block row at a time: no copy of the whole matrix
        rows = weights[low : low + G]
        squares[b] = np.einsum("fk,fk->k", rows, rows, dtype=np.float64) / len(rows)
        np.add.reduce(rows != 0, axis=0, dtype=np.int32, out=counts[b])
    missing = _count(fraction, weights.size) - (weights.size - int(counts.sum(dtype=np.int64)))
    dropped = smallest(squares.T.ravel(), counts.T.ravel(), missing)
    kept = ~dropped.reshape(Kred, len(starts)).T
    return np.repeat(kept, [min(G, K - low) for low in starts], axis=0)


def smallest(keys: npt.NDArray[np.floating], gains: npt.NDArray[np.integer], wanted: int) -> Mask:
    """Mark the smallest keys, ties in index order, until their gains add up to `wanted`.

    Floats >= 0 order like their bits: a histogram of the leading bits finds the cut, and only the
    keys near it are sorted.

    Args:
        keys: [n], none negative.
        gains: [n], none negative.
        wanted: What the gains must reach; all keys are marked if they cannot.
    """
    if wanted <= 0:
        return np.zeros(keys.size, dtype=np.bool_)
    bits: npt.NDArray[Any] = keys.view(f"u{keys.itemsize}")
    shift = max(0, 8 * keys.itemsize - _BIN_BITS)
    binned = np.zeros(1 << _BIN_BITS)
    for low in range(0, keys.size, _CHUNK):
        bins = (bits[low : low + _CHUNK] >> shift).astype(np.intp)
        binned += np.bincount(bins, gains[low : low + _CHUNK], binned.size)
    cut = int(np.searchsorted(np.cumsum(binned), wanted))
    marked = bits < cut << shift
    near = np.flatnonzero((bits < cut + 1 << shift) & ~marked)
    near = near[np.argsort(keys[near], kind="stable")]
    gained = binned[:cut].sum() + np.cumsum(gains[near])
    marked[near[: int(np.searchsorted(gained, wanted)) + 1]] = True
    return marked


def _floats(weights: Matrix) -> npt.NDArray[np.floating]:
    return weights if weights.dtype.kind == "f" else weights.astype(np.float64)


def _count(fraction: float, total: int) -> int:
    """Smallest count that is at least `fraction` of the total.

    Decimal fractions such as 0.7 have no exact binary form, so an excess below one in a million is
    not taken for another element.
    """
    return min(total, ceil(fraction * total - 1e-6))
