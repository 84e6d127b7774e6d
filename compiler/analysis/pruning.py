"""Pruning rules on plain weight matrices [K, Kred]; each returns a keep mask, no value is changed."""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.generic]


def magnitude(weights: Matrix, fraction: float) -> Mask:
    """Zero the smallest magnitudes until `fraction` of all weights is zero; ties fall in index order."""
    size = weights.size
    drop = _count(fraction, size)
    order = np.argsort(np.abs(weights.astype(np.float64)).ravel(), kind="stable")
    keep = np.ones(size, dtype=np.bool_)
    keep[order[:drop]] = False
    return keep.reshape(weights.shape)


def threshold(weights: Matrix, limit: float) -> Mask:
    """Zero every weight whose magnitude is below `limit`."""
    return np.abs(weights.astype(np.float64)) >= limit


def shape(weights: Matrix, fraction: float) -> Mask:
    """Zero whole columns by ascending (sum of squares over all filters, k) until `fraction` of them is zero.

    SPOTS sheet 6.1 (`shape:q`), after SSL's shape level. Columns already zero count.
    """
    norms = np.einsum("fk,fk->k", weights, weights, dtype=np.float64)
    keep = np.ones(weights.shape, dtype=np.bool_)
    keep[:, np.argsort(norms, kind="stable")[: _count(fraction, norms.size)]] = False
    return keep


def group(weights: Matrix, fraction: float, G: int) -> Mask:
    """Zero groups of G consecutive filters x one column until `fraction` of the weights is zero.

    Groups go by ascending (sum of squares / group size, k, b); the last group of filters may be shorter;
    weights that are zero already count (SPOTS sheet 6.1, `group:p`).
    """
    K, Kred = weights.shape
    starts = np.arange(0, K, G)
    sizes = np.diff(np.append(starts, K))
    squares = np.empty((starts.size, Kred), dtype=np.float64)
    counts = np.empty((starts.size, Kred), dtype=np.int32)
    for b, low in enumerate(starts):  # a block row at a time: no float64 copy of the whole matrix
        rows = weights[low : low + G].astype(np.float64)
        squares[b] = np.einsum("fk,fk->k", rows, rows) / sizes[b]
        counts[b] = np.count_nonzero(rows, axis=0)
    order = np.argsort(squares.T.ravel(), kind="stable")
    zeros = weights.size - int(counts.sum())
    gained = np.cumsum(counts.T.ravel()[order], dtype=np.int64)
    missing = _count(fraction, weights.size) - zeros
    groups = 0 if missing <= 0 else int(np.searchsorted(gained, missing)) + 1
    kept = np.ones(order.size, dtype=np.bool_)
    kept[order[:groups]] = False
    return np.repeat(kept.reshape(Kred, starts.size).T, sizes, axis=0)


def _count(fraction: float, total: int) -> int:
    """Smallest count that is at least `fraction` of the total.

    Decimal fractions such as 0.7 have no exact binary form, so an excess below one in a million is not
    taken for another element.
    """
    return min(total, ceil(fraction * total - 1e-6))
