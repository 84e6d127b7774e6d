"""The compiled loops of Bit-Tactical's weight scheduler. Imports numba; checks nothing.

Lanes are bits: a PE's row is one word, so the candidates of all its lanes through one connection
are a rotation, and counting them is addition in bit planes.
"""

import numpy as np
import numpy.typing as npt

from ...isa.jit import array, jit, types

Weights = npt.NDArray[np.int16]
Codes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

ALG2, ALG2_ONE, GREEDY = 0, 1, 2
MAX_LANES = 64
"""Lanes that fit a word."""

_U64 = types.uint64
_I64 = types.int64
_ONE, _ZERO = np.uint64(1), np.uint64(0)
_WEIGHTS = array(types.int16, 3)
_CODES = array(types.uint8, 3)
_MASKS = array(_U64, 2)
_NUMBERS = array(_I64, 1, is_read_only=True)


@jit(types.uint8(_MASKS, _I64))
def _has_weights(masks: npt.NDArray[np.uint64], row: int) -> int:
    """1 if a PE has a weight in a row, else 0."""
    for slot in range(masks.shape[0]):
        if masks[slot, row] != _ZERO:
            return 1
    return 0


@jit(_U64(_U64, _I64, _I64, _U64))
def _rotate(mask: np.uint64, lanes: int, by: int, full: np.uint64) -> np.uint64:
    """Bit l of the result is bit (l + by) mod lanes of the mask."""
    if by == 0:
        return mask
    return ((mask >> np.uint64(by)) | (mask << np.uint64(lanes - by))) & full


@jit(_U64(_MASKS, _I64, _I64, _I64, _NUMBERS, _NUMBERS))
def _fewest(
    masks: npt.NDArray[np.uint64],
    slot: int,
    row: int,
    lanes: int,
    ahead: Numbers,
    aside: Numbers,
) -> np.uint64:
    """The empty lanes of a PE's row with the fewest candidates, at least one; as a mask."""
    full = ~_ZERO if lanes == MAX_LANES else (_ONE << np.uint64(lanes)) - _ONE
    free = ~masks[slot, row] & full
    c0, c1, c2, c3 = _ZERO, _ZERO, _ZERO, _ZERO
    if free == _ZERO:
        return _ZERO
    for i in range(ahead.shape[0]):
        carry = _rotate(masks[slot, row + ahead[i]], lanes, aside[i], full)
        carry, c0 = c0 & carry, c0 ^ carry
        carry, c1 = c1 & carry, c1 ^ carry
        carry, c2 = c2 & carry, c2 ^ carry
        c3 ^= carry
    chosen = (c0 | c1 | c2 | c3) & free
    for plane in (c3, c2, c1, c0):
        fewer = chosen & ~plane
        if fewer != _ZERO:
            chosen = fewer
    return chosen


@jit(
    types.void(_U64, _I64, _I64, _I64, _WEIGHTS, _CODES, _MASKS, _NUMBERS, _NUMBERS, _NUMBERS),
)
def _promote(
    chosen: np.uint64,
    most: int,
    slot: int,
    row: int,
    weights: Weights,
    selects: Codes,
    masks: npt.NDArray[np.uint64],
    ahead: Numbers,
    aside: Numbers,
    order: Numbers,
) -> None:
    """Fill chosen lanes, ascending, each with its first candidate in scan order if one is left."""
    lanes = weights.shape[2]
    lane = -1
    while chosen != _ZERO and lane < lanes - 1:
        lane += 1
        taken = chosen & _ONE
        chosen >>= _ONE
        if taken == _ZERO:
            continue
        for i in order:
            source_row, source = row + ahead[i], lane + aside[i]
            if source >= lanes:
                source -= lanes
            bit = _ONE << np.uint64(source)
            if masks[slot, source_row] & bit != _ZERO:
                weights[row, slot, lane] = weights[source_row, slot, source]
                weights[source_row, slot, source] = 0
                selects[row, slot, lane] = i + 1
                masks[slot, source_row] ^= bit
                masks[slot, row] |= _ONE << np.uint64(lane)
                most -= 1
                break
        if most == 0:
            return


@jit(_MASKS(_WEIGHTS, _NUMBERS))
def _nonzero(weights: Weights, ahead: Numbers) -> npt.NDArray[np.uint64]:
    """Where weights are not zero: [slots, R], then as many empty rows as lanes look ahead."""
    R, slots, lanes = weights.shape
    reach = 0
    for a in ahead:
        reach = max(reach, a)
    masks = np.zeros((slots, R + reach), np.uint64)
    for row in range(R):
        for slot in range(slots):
            mask = _ZERO
            for lane in range(lanes):  # without a branch, which density makes unpredictable
                mask |= np.uint64(weights[row, slot, lane] != 0) << np.uint64(lane)
            masks[slot, row] = mask
    return masks


@jit(
    types.void(_WEIGHTS, _NUMBERS, _NUMBERS, _NUMBERS, _I64, _CODES, array(types.uint8, 1)),
)
def schedule_unit(
    weights: Weights,
    ahead: Numbers,
    aside: Numbers,
    order: Numbers,
    method: int,
    selects: Codes,
    kept: Codes,
) -> None:
    """Move the weights of one unit forward, in place.

    A PE's result depends only on its own lanes and on which rows of the unit are kept, so the
    PEs are scheduled one by one within each row (tct sheet, section 6).

    Args:
        weights: [R, slots, N], N <= 64.
        ahead: [I], of each connection.
        aside: [I], modulo N: 0..N-1.
        order: [I], the scan order.
        method: `ALG2`, `ALG2_ONE` or `GREEDY`.
        selects: [R, slots, N], zeros at first; gets the select codes.
        kept: [R], gets 1 for the rows that become entries.
    """
    R, slots, lanes = weights.shape
    masks = _nonzero(weights, ahead)
    most = 1 if method == ALG2_ONE else lanes
    for row in range(R):
        kept[row] = _has_weights(masks, row)
        if not kept[row]:
            continue
        for slot in range(slots):
            if method == GREEDY:
                _promote(
                    ~masks[slot, row], most, slot, row, weights, selects, masks,
                    ahead, aside, order,
                )  # fmt: skip
                continue
            chosen = _fewest(masks, slot, row, lanes, ahead, aside)
            while chosen != _ZERO:
                _promote(chosen, most, slot, row, weights, selects, masks, ahead, aside, order)
                chosen = _fewest(masks, slot, row, lanes, ahead, aside)


@jit(types.void(_WEIGHTS, _NUMBERS, array(types.uint8, 1)))
def keep_rows(weights: Weights, ahead: Numbers, kept: Codes) -> None:
    """Find the rows that `schedule_unit` keeps when every connection stays in its lane.

    No lane competes with another for a weight then, so that all methods agree, though not all scan
    orders, and a PE's lanes are served at once.

    Args:
        weights: [R, slots, N], N <= 64; left as they are.
        ahead: [I], of each connection in scan order.
        kept: [R], gets 1 for the rows that become entries.
    """
    R, slots, _ = weights.shape
    masks = _nonzero(weights, ahead)
    for row in range(R):
        kept[row] = _has_weights(masks, row)
        if not kept[row]:
            continue
        for slot in range(slots):
            free = ~masks[slot, row]
            for a in ahead:
                taken = free & masks[slot, row + a]
                masks[slot, row + a] ^= taken
                free ^= taken
