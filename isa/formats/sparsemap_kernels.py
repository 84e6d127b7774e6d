"""Loops over SparseMap records, the same format as `sparsemap`. Imports numba.

Masks come as uint64 words, bit b of a chunk in bit b mod 64 of word b div 64. The kernels verify
what they read; a caller turns the code that they return into an error.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, popcount, types

Bytes = npt.NDArray[np.uint8]
Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

GOOD = -1
"""What `scan` and `unpack` return if all records are well-formed."""
CUT_OFF, STRAY_BIT, ZERO_VALUE = 0, 1, 2
"""What is wrong with a record: `unpack` returns KINDS * record + one of these."""
KINDS = 3

_I64 = types.int64
_DATA = array(types.uint8, 1, is_read_only=True)
_NUMBERS = array(_I64, 1, is_read_only=True)


@jit(_I64(_DATA, _I64, array(_I64, 1)))
def scan(data: Bytes, length: int, starts: Int64s) -> int:
    """Find where records begin: fills starts[0..records], the last entry one past the end.

    Args:
        data: Records one after the other.
        length: Mask bytes of a record.
        starts: int64 [records + 1].

    Returns:
        GOOD, or the record that the data ends in.
    """
    at = 0
    for record in range(starts.size - 1):
        starts[record] = at
        if at + length > data.size:
            return record
        bits = 0
        for byte in range(length):
            bits += popcount(np.uint64(data[at + byte]))
        at += length + 2 * bits
        if at > data.size:
            return record
    starts[starts.size - 1] = at
    return GOOD


@jit(
    _I64(
        _DATA, _NUMBERS, _I64, _NUMBERS, _NUMBERS,
        array(types.float64, 1), array(types.uint64, 2), array(_I64, 1),
    )
)  # fmt: skip
def unpack(
    data: Bytes,
    starts: Int64s,
    length: int,
    widths: Int64s,
    targets: Int64s,
    out: Floats,
    masks: Words,
    counts: Int64s,
) -> int:
    """Decode records, wherever each begins.

    Args:
        data: The bytes they lie in.
        starts: [records], where each begins, not negative.
        length: Mask bytes of a record.
        widths: [records], how many values each may have; no mask bit beyond may be set.
        targets: [records], where the first value of each goes in `out`, `widths` long.
        out: The values, zeros before.
        masks: [records, words], to be filled.
        counts: [records], nonzeros, to be filled.

    Returns:
        GOOD, or KINDS * record + what is wrong with it.
    """
    one = np.uint64(1)
    for record in range(starts.size):
        at = starts[record]
        if at + length > data.size:
            return KINDS * record + CUT_OFF
        total = 0
        for word in range(masks.shape[1]):
            bits = np.uint64(0)
            for byte in range(min(8, length - 8 * word)):
                bits |= np.uint64(data[at + 8 * word + byte]) << np.uint64(8 * byte)
            masks[record, word] = bits
            total += popcount(bits)
        counts[record] = total
        value = at + length
        if value + 2 * total > data.size:
            return KINDS * record + CUT_OFF
        for word in range(masks.shape[1]):
            bits = masks[record, word]
            while bits:
                rest = bits & (bits - one)
                bit = 64 * word + popcount((bits ^ rest) - one)
                if bit >= widths[record]:
                    return KINDS * record + STRAY_BIT
                raw = np.int64(data[value]) | np.int64(data[value + 1]) << 8
                if raw == 0:
                    return KINDS * record + ZERO_VALUE
                out[targets[record] + bit] = (raw ^ 0x8000) - 0x8000
                value += 2
                bits = rest
    return GOOD


@jit(_I64(array(types.int16, 2, is_read_only=True), _I64, array(types.uint8, 2)))
def compress(values: Int16s, chunk: int, slots: Bytes) -> int:
    """Make the records of [positions, channels] values, each chunk's in its own place.

    Args:
        values: Channels of each position.
        chunk: Values of a chunk.
        slots: [positions, bytes], zeros before; chunk c of a position begins at byte
            c * (mask bytes + 2 * chunk), which is enough for any record.

    Returns:
        Nonzeros.
    """
    positions, channels = values.shape
    length = (chunk + 7) // 8
    total = 0
    for position in range(positions):
        for first in range(0, channels, chunk):
            at = first // chunk * (length + 2 * chunk)
            value = at + length
            for byte in range((min(chunk, channels - first) + 7) // 8):
                start = first + 8 * byte
                mask = np.int64(0)
                for bit in range(min(8, first + chunk - start, channels - start)):
                    number = values[position, start + bit]
                    # Without a branch: a zero is overwritten by the next value, or stays one.
                    slots[position, value] = np.uint8(number & 0xFF)
                    slots[position, value + 1] = np.uint8((number >> 8) & 0xFF)
                    is_set = np.int64(number != 0)
                    mask |= is_set << bit
                    value += 2 * is_set
                slots[position, at + byte] = np.uint8(mask)
            total += (value - at - length) // 2
    return int(total)


@jit(types.void(_DATA, _NUMBERS, _NUMBERS, _NUMBERS, array(types.uint8, 1)))
def copy_runs(data: Bytes, starts: Int64s, sizes: Int64s, order: Int64s, out: Bytes) -> None:
    """Copy runs of bytes in a given order, one after the other.

    Args:
        data: Where they lie.
        starts: First byte of each.
        sizes: Bytes of each.
        order: Which comes when.
        out: Where they go, as long as they are together.
    """
    at = 0
    for index in order:
        start, size = starts[index], sizes[index]
        out[at : at + size] = data[start : start + size]
        at += size
