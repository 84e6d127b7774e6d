"""Seeded weights, pruned to a density or projected onto a structure."""

import math

import numpy as np
import numpy.typing as npt

from .densities import DensitySet
from .networks import INPUT, Node

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CENTRED_MIN = 16  # nonzeros from which a filter is centred: of few, hardly anything would be left
PATTERN_GROUP = 8  # consecutive filters that share a pattern (SPOTS sheet, section 2: G)


def draw_weights(node: Node, densities: DensitySet, seed: int) -> list[Floats]:
    """Draw and prune the matrices of a node; their shapes are `node.weight_shapes`.

    Normal values of variance 2 / fan-in from default_rng([seed, node.index]), of which exactly
    round(density * size) stay, centred in each filter that a later one depends on; or the given
    weights of a worked example.
    """
    if densities.given_weights:
        shape = node.weight_shapes[0]
        return [np.array(densities.given_weights, np.float32).reshape(shape)]
    rng = np.random.default_rng([seed, node.index])
    found: list[Floats] = []
    for shape in node.weight_shapes:
        values = rng.standard_normal(shape, np.float32)
        values *= np.float32(math.sqrt(2 / math.prod(shape[1:])))
        keep = _kept(values, node, densities)
        if keep is not None:
            values *= keep
        # A classifier is not centred: its sums would go far out and back on their way, beyond
        # accumulators that have room for the results (24 bits on SPOTS).
        if node.op != "lstm" and INPUT not in node.sources and densities.network.readers(node.name):
            _centre(values)
        _fill(values, keep)
        found.append(values)
    return found


def _centre(weights: Floats) -> None:
    """Shift the nonzeros of each filter, in place, to the mean 0.

    Activations behind a ReLU are positive. Filters of other means answer to their sum first, so
    that deep in a network all channels rise and fall together with an image's brightness, and
    densities differ from image to image (ResNet-50, set spots: 0.27 to 0.44 in stage 5).
    """
    for values in weights.reshape(weights.shape[0], -1):
        kept = values != 0
        count = np.count_nonzero(kept)
        if count >= CENTRED_MIN:
            values -= np.float32(values.sum(dtype=np.float64) / count) * kept


def _fill(weights: Floats, keep: Mask | None) -> None:
    """Put something else where a weight that stays is zero by chance, once in 2^23 weights."""
    zeros = weights == 0 if keep is None else (weights == 0) & keep
    weights[zeros] = np.abs(weights).max()


def _kept(weights: Floats, node: Node, densities: DensitySet) -> Mask | None:
    """Which weights stay, None for all of them."""
    wanted = densities.weights[node.name]
    count = round(wanted.density * weights.size)
    if count == weights.size:
        return None
    match densities.structure:
        case "pd" if wanted.block > 1:
            return diagonal_mask(weights, node.groups, wanted.block)
        case "group8":
            return pattern_mask(weights, count)
        case structure if "/" in structure:
            kept, of = map(int, structure.split("/"))
            return largest_of_mask(weights, kept, of)
        case _:
            return largest_mask(np.abs(weights), count)


def largest_mask(norms: npt.NDArray[np.floating], count: int) -> Mask:
    """Mark the `count` largest entries; of equal ones those of lower flat index."""
    flat = norms.reshape(-1)
    if count == 0:
        return np.zeros(norms.shape, np.bool_)
    bound = np.partition(flat, flat.size - count)[flat.size - count]
    mask = flat > bound
    ties = np.flatnonzero(flat == bound)
    mask[ties[: count - int(np.count_nonzero(mask))]] = True
    return mask.reshape(norms.shape)


def pattern_mask(weights: Floats, count: int) -> Mask:
    """Keep whole groups of 8 consecutive filters at one position, those of largest norm.

    Of equal ones the lower position stays (SPOTS sheet, section 6). Where `count` ends inside a
    group, that one keeps its largest weights only.

    Args:
        weights: [K, ...], K a multiple of 8.
        count: Nonzeros to keep, exactly.

    Returns:
        A mask of the weights' shape.
    """
    assert weights.shape[0] % PATTERN_GROUP == 0, weights.shape
    grouped = weights.reshape(weights.shape[0] // PATTERN_GROUP, PATTERN_GROUP, -1)
    norms = np.zeros((grouped.shape[0], grouped.shape[2]), np.float32)
    for member in range(PATTERN_GROUP):
        norms += np.square(grouped[:, member])
    whole, rest = divmod(count, PATTERN_GROUP)
    full = largest_mask(norms, whole)
    mask = np.repeat(full[:, None], PATTERN_GROUP, axis=1)
    if rest:
        group, column = np.argwhere(largest_mask(norms, whole + 1) & ~full)[0]
        mask[group, :, column] = largest_mask(np.abs(grouped[group, :, column]), rest)
    return mask.reshape(weights.shape)


def diagonal_mask(weights: Floats, groups: int, block: int) -> Mask:
    """Keep in every block of filters by channels the diagonal of largest norm.

    Diagonal k of a block holds the kernels of filter i and channel (i + k) mod `block`; of equal
    ones the smallest k stays (PermCNN sheet, section 6, `best`).

    Args:
        weights: [K, C/groups, R, S]; `block` divides K/groups and C/groups.
        groups: Of the convolution.
        block: Block size p.

    Returns:
        A mask of the weights' shape; one weight in `block` stays.
    """
    K, C = weights.shape[:2]
    assert K // groups % block == 0, (weights.shape, block)
    assert C % block == 0, (weights.shape, block)
    squares = np.square(weights, dtype=np.float64).reshape(K // block, block, C // block, block, -1)
    energy = squares.sum(axis=-1)  # block row, i, block column, j
    rows = np.arange(block)
    sums = np.stack(
        [energy[:, rows, :, (rows + k) % block].sum(axis=0) for k in range(block)]
    )  # k, block row, block column
    best = sums.argmax(axis=0)
    offset = (rows[None, :] - rows[:, None]) % block  # i, j -> the diagonal they are on
    mask = best[:, None, :, None] == offset[None, :, None, :]
    wide = mask.reshape(K, C, *(1 for _ in weights.shape[2:]))
    return np.broadcast_to(wide, weights.shape)


def largest_of_mask(weights: Floats, kept: int, of: int) -> Mask:
    """Keep the `kept` largest of every `of` consecutive filters at each position.

    Of equal ones the lower filter stays (SparseCore sheet, section 6).

    Args:
        weights: [K, ...]; `of` divides K and the filters of a group.
        kept: Nonzeros of a group of filters.
        of: Filters of a group.

    Returns:
        A mask of the weights' shape.
    """
    grouped = np.abs(weights).reshape(weights.shape[0] // of, of, -1)
    order = np.argsort(-grouped, axis=1, kind="stable")
    mask = np.zeros(grouped.shape, np.bool_)
    np.put_along_axis(mask, order[:, :kept], True, axis=1)
    return mask.reshape(weights.shape)
