"""The compiled loops of Bit-Tactical's packed entries. Imports numba.

Bits are least significant first. Writers rely on buffers that are zero and large enough; readers
check what the data itself can get wrong and answer with a code and the entry where they stopped.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, types
from .ddn_words import RUN_BITS

Bytes = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.int16]
Rows = npt.NDArray[np.int32]

WEIGHT_BITS = 16
LONGEST_RUN = (1 << RUN_BITS) - 1
GOOD, BAD_ADVANCE, BAD_SELECT, STRAY_SELECT, TRUNCATED, OVERRUN, SHORT_RUN = range(7)
"""What a reader found."""

_I64 = types.int64
_OUT = array(types.uint8, 1)
_DATA = array(types.uint8, 1, is_read_only=True)
_ROWS_IN, _ROWS = array(types.int32, 1, is_read_only=True), array(types.int32, 1)
_WEIGHTS_IN, _WEIGHTS = array(types.int16, 3, is_read_only=True), array(types.int16, 3)
_CODES_IN, _CODES = array(types.uint8, 3, is_read_only=True), array(types.uint8, 3)
_FOUND = types.UniTuple(_I64, 3)


@jit(types.void(_OUT, _I64, _I64))
def put(out: Bytes, at: int, value: int) -> None:
    """Write a value at a bit position; its bits there are zero so far."""
    byte, rest = at >> 3, value << (at & 7)
    while rest != 0:
        out[byte] |= rest & 255
        rest >>= 8
        byte += 1


@jit(_I64(_DATA, _I64, _I64))
def get(data: Bytes, at: int, width: int) -> int:
    """The value of `width` <= 32 bits at a bit position."""
    if width == 0:
        return 0
    value = 0
    for byte in range(at >> 3, ((at + width - 1) >> 3) + 1):
        value += int(data[byte] * (1 << ((byte - (at >> 3)) << 3)))
    return (value >> (at & 7)) & ((1 << width) - 1)


@jit(_I64(_ROWS_IN, _I64, _I64, _OUT))
def write_advances(rows: Rows, width: int, at: int, out: Bytes) -> int:
    """Write the advance codes of all entries one after the other; returns the position behind."""
    for e in range(rows.shape[0]):
        if e > 0:
            put(out, at, rows[e] - rows[e - 1] - 1)
        at += width
    return at


@jit(_I64(_ROWS_IN, _WEIGHTS_IN, _CODES_IN, _I64, _I64, _I64, _OUT))
def write_plain(
    rows: Rows, weights: Weights, selects: Bytes, alc: int, wsb: int, at: int, out: Bytes
) -> int:
    """Write entries, each its advance code and its (ws, weight) fields."""
    entries, slots, lanes = weights.shape
    for e in range(entries):
        if e > 0:
            put(out, at, rows[e] - rows[e - 1] - 1)
        at += alc
        for slot in range(slots):
            for lane in range(lanes):
                value = np.int64(weights[e, slot, lane]) & 0xFFFF
                put(out, at, (value << wsb) | selects[e, slot, lane])
                at += wsb + WEIGHT_BITS
    return at


@jit(_I64(_WEIGHTS_IN, _CODES_IN, _I64, _I64, _OUT))
def write_runs(weights: Weights, selects: Bytes, wsb: int, at: int, out: Bytes) -> int:
    """Write the (run, ws, value) code of every slot's values in (entry, lane) order."""
    entries, slots, lanes = weights.shape
    size = RUN_BITS + wsb + WEIGHT_BITS
    for slot in range(slots):
        run = 0
        for e in range(entries):
            for lane in range(lanes):
                value = np.int64(weights[e, slot, lane]) & 0xFFFF
                if value == 0 and run < LONGEST_RUN:
                    run += 1
                    continue
                coded = (value << wsb) | selects[e, slot, lane]
                put(out, at, (coded << RUN_BITS) | run)
                at += size
                run = 0
        if run > 0:
            put(out, at, run - 1)
            at += size
    return at


@jit(_I64(_DATA, _I64, _I64, _I64, _I64, _ROWS))
def read_advances(data: Bytes, at: int, width: int, stride: int, most: int, rows: Rows) -> int:
    """Read the rows of all entries behind rows[0]; returns the first bad entry, or -1.

    Args:
        data: The bits, verified to be there.
        at: Position of the first entry's code, which is 0.
        width: Of a code.
        stride: From one code to the next.
        most: Largest advance.
        rows: [E], the first one given.
    """
    for e in range(rows.shape[0]):
        code = get(data, at + e * stride, width)
        if code >= most or (e == 0 and code != 0):
            return e
        if e > 0:
            rows[e] = rows[e - 1] + code + 1
    return -1


@jit(_FOUND(_DATA, _I64, _I64, _I64, _I64, _WEIGHTS, _CODES))
def read_plain(
    data: Bytes, at: int, alc: int, wsb: int, most: int, weights: Weights, selects: Bytes
) -> tuple[int, int, int]:
    """Read the (ws, weight) fields of entries whose bits are verified to be there.

    Returns:
        The code, the entry where it stopped, and the position behind the last entry.
    """
    entries, slots, lanes = weights.shape
    for e in range(entries):
        at += alc
        for slot in range(slots):
            for lane in range(lanes):
                both = get(data, at, wsb + WEIGHT_BITS)
                select, value = both & ((1 << wsb) - 1), both >> wsb
                at += wsb + WEIGHT_BITS
                if select > most:
                    return BAD_SELECT, e, at
                if select != 0 and value == 0:
                    return STRAY_SELECT, e, at
                weights[e, slot, lane] = value
                selects[e, slot, lane] = select
    return GOOD, 0, at


@jit(_FOUND(_DATA, _I64, _I64, _I64, _WEIGHTS, _CODES))
def read_runs(
    data: Bytes, at: int, wsb: int, most: int, weights: Weights, selects: Bytes
) -> tuple[int, int, int]:
    """Read the (run, ws, value) code of every slot into zeros, up to the end of the data.

    Returns:
        The code, the entry where it stopped, and the position behind the last pair.
    """
    entries, slots, lanes = weights.shape
    size = RUN_BITS + wsb + WEIGHT_BITS
    for slot in range(slots):
        done = 0
        while done < entries * lanes:
            e = done // lanes
            if at + size > 8 * data.shape[0]:
                return TRUNCATED, e, at
            run = get(data, at, RUN_BITS)
            select = get(data, at + RUN_BITS, wsb)
            value = get(data, at + RUN_BITS + wsb, WEIGHT_BITS)
            at += size
            done += run + 1
            if done > entries * lanes:
                return OVERRUN, e, at
            if select > most:
                return BAD_SELECT, e, at
            if value == 0 and select != 0:
                return STRAY_SELECT, e, at
            if value == 0 and run < LONGEST_RUN and done < entries * lanes:
                return SHORT_RUN, e, at
            last = done - 1
            weights[last // lanes, slot, last % lanes] = value
            selects[last // lanes, slot, last % lanes] = select
    return GOOD, 0, at
