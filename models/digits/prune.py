"""Masks of the SPOTS pruning scheme: whole weight columns, then groups of filters in a column.

The same rule as the compiler's, written for training: here the mask is fixed and the weights that
stay are trained on.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

FILTERS_PER_GROUP = 8  # G of the target: a block of consecutive filters in one column


def column_mask(weights: npt.NDArray[Any], share: float) -> npt.NDArray[np.bool_]:
    """Choose whole columns to keep: the columns of least energy go first (SPOTS `shape:q`).

    Args:
        weights: [K, C, R, S] or [K, columns].
        share: At least this share of the columns is dropped, 0..1.

    Returns:
        A mask of the shape of `weights`, True where the weight stays.
    """
    matrix = weights.reshape(len(weights), -1).astype(np.float64)
    energy = (matrix**2).sum(axis=0)
    dropped = np.argsort(energy, kind="stable")[: int(np.ceil(share * energy.size))]
    mask = np.ones(matrix.shape, np.bool_)
    mask[:, dropped] = False
    return mask.reshape(weights.shape)


def group_mask(
    weights: npt.NDArray[Any], share: float, group: int = FILTERS_PER_GROUP
) -> npt.NDArray[np.bool_]:
    """Choose groups to keep: `group` consecutive filters x one column (SPOTS `group:p`).

    Groups go in ascending order of their mean energy, ties by column, then by block.

    Args:
        weights: [K, C, R, S] or [K, columns]; zeros count as dropped already.
        share: At least this share of the weights is zero afterwards, 0..1.
        group: Consecutive filters in a group; the last group may be shorter.

    Returns:
        A mask of the shape of `weights`, True where the weight stays.
    """
    matrix = weights.reshape(len(weights), -1).astype(np.float64)
    K, columns = matrix.shape
    starts = np.arange(0, K, group)
    sizes = np.diff(np.append(starts, K))
    energy = np.add.reduceat(matrix**2, starts, axis=0) / sizes[:, None]
    nonzeros = np.add.reduceat(matrix != 0, starts, axis=0, dtype=np.int64)
    order = np.argsort(energy.T.ravel(), kind="stable")  # k outer, block inner
    zeros = matrix.size - nonzeros.sum()
    zeros_after = zeros + np.cumsum(nonzeros.T.ravel()[order])
    count = int(np.searchsorted(zeros_after, share * matrix.size)) + 1
    dropped = np.zeros(columns * starts.size, np.bool_)
    if zeros < share * matrix.size:
        dropped[order[:count]] = True
    keep = ~dropped.reshape(columns, starts.size).T & (nonzeros > 0)
    return np.repeat(keep, sizes, axis=0).reshape(weights.shape)


def spots_mask(weights: npt.NDArray[Any], columns: float, groups: float) -> npt.NDArray[np.bool_]:
    """Drop a share of whole columns, then groups until a share of all weights is zero.

    Args:
        weights: [K, C, R, S] or [K, columns].
        columns: Least share of columns without any weight, 0..1: these cost SPOTS no cycles.
        groups: Least share of zeros over all, 0..1: zero groups are not stored.

    Returns:
        A mask of the shape of `weights`, True where the weight stays.
    """
    kept = column_mask(weights, columns)
    return kept & group_mask(np.where(kept, weights, 0), groups)
