"""The compiled loops of Bit-Tactical's machine: entries back to where their weights came from.

Imports numba; checks what the data itself can get wrong, and nothing else.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, types

Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_I64 = types.int64
_WEIGHTS = array(types.int16, 3, is_read_only=True)
_SELECTS = array(types.uint8, 3, is_read_only=True)
_ROWS = array(_I64, 2, is_read_only=True)
_PAIRS = array(_I64, 2, is_read_only=True)


@jit(_I64(_WEIGHTS, _SELECTS, _ROWS, _PAIRS, array(_I64, 1), array(types.uint8, 1)))
def scan_sources(
    weights: Int16s, selects: Bytes, rows: Int64s, pairs: Int64s, codes: Int64s, used: Bytes
) -> int:
    """Find the original rows that hold weights, and count the select codes of non-zero weights.

    Args:
        weights: [E, slots, lanes].
        selects: [E, slots, lanes]; codes without a connection must not occur.
        rows: [E, slots], the row of the entry that a slot is at, inside the filters.
        pairs: [1 + connections, 2], rows ahead and lanes aside of each code.
        codes: [1 + connections], is added to.
        used: [R], gets 1 for each row with a weight.

    Returns:
        A row behind the last one that a weight was promoted from, else -1.
    """
    entries, slots, lanes = weights.shape
    for e in range(entries):
        for slot in range(slots):
            for lane in range(lanes):
                if weights[e, slot, lane] != 0:
                    code = selects[e, slot, lane]
                    row = rows[e, slot] + pairs[code, 0]
                    if row >= used.shape[0]:
                        return row
                    codes[code] += 1
                    used[row] = 1
    return -1


@jit(
    types.void(
        _WEIGHTS, _SELECTS, _ROWS, _PAIRS, array(_I64, 1, is_read_only=True),
        array(types.float64, 2), array(_I64, 1),
    )
)  # fmt: skip
def scatter_sources(
    weights: Int16s,
    selects: Bytes,
    rows: Int64s,
    pairs: Int64s,
    place: Int64s,
    factors: npt.NDArray[np.float64],
    counts: Int64s,
) -> None:
    """Add the weights to a dense matrix of the rows that hold any.

    Args:
        weights: [E, slots, lanes].
        selects: [E, slots, lanes].
        rows: [E, slots].
        pairs: [1 + connections, 2].
        place: [R], the position of each row that holds a weight among them.
        factors: [slots, positions * lanes], zeros at first.
        counts: [positions * lanes], zeros at first; gets the number of weights of each.
    """
    entries, slots, lanes = weights.shape
    # Slot by slot: what a slot writes to fits in a first-level cache.
    for slot in range(slots):
        for e in range(entries):
            for lane in range(lanes):
                value = weights[e, slot, lane]
                if value != 0:
                    code = selects[e, slot, lane]
                    row = rows[e, slot] + pairs[code, 0]
                    term = place[row] * lanes + (lane + pairs[code, 1]) % lanes
                    factors[slot, term] += value
                    counts[term] += 1
