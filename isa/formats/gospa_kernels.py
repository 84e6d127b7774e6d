"""Loops over the bits of `gospa_vectors`. Imports numba.

`pack` trusts its arguments; the readers check every bound and bit before they use it. A reader's
result is the first halfword after the vectors, or -1 - the index of the first malformed one; why it
is malformed, `problem` tells.
"""

import numpy as np
import numpy.typing as npt

from ..jit import array, jit, types

Halfwords = npt.NDArray[np.uint16]
Values = npt.NDArray[np.int16]
Masks = npt.NDArray[np.uint64]

TRUNCATED, STRAY_BIT, ZERO_VALUE = 1, 2, 3
"""What `problem` says: the data end early, a bit is set beyond the last value, a value is 0."""

_I64 = types.int64
_DATA = array(types.uint16, 1, is_read_only=True)
_ONE = np.uint64(1)


@jit(_I64(array(types.int16, 2, is_read_only=True), array(types.uint16, 1)))
def pack(values: Values, out: Halfwords) -> int:
    """Code [vectors, bits] values into zeros; returns the halfwords written."""
    vectors, bits = values.shape
    words = (bits + 15) // 16
    at = 0
    for v in range(vectors):
        head = at
        at += words
        for b in range(bits):
            value = values[v, b]
            if value != 0:
                out[head + b // 16] |= np.uint16(1 << (b % 16))
                out[at] = np.uint16(value)
                at += 1
    return at


@jit(_I64(types.uint64))
def popcount(word: np.uint64) -> int:
    """Ones of a word."""
    word -= (word >> _ONE) & np.uint64(0x5555555555555555)
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@jit(_I64(_DATA, _I64, _I64))
def problem(data: Halfwords, at: int, bits: int) -> int:
    """Why the vector at a halfword is malformed, 0 if it is not."""
    words = (bits + 15) // 16
    if at + words > data.shape[0]:
        return TRUNCATED
    if bits % 16 and data[at + words - 1] >> (bits % 16):
        return STRAY_BIT
    count = 0
    for w in range(at, at + words):
        count += popcount(np.uint64(data[w]))
    if at + words + count > data.shape[0]:
        return TRUNCATED
    for i in range(at + words, at + words + count):
        if data[i] == 0:
            return ZERO_VALUE
    return 0


@jit(_I64(_DATA, _I64, _I64, _I64, array(types.uint64, 2)))
def measure(data: Halfwords, at: int, vectors: int, bits: int, union: Masks) -> int:
    """Pass over the vectors that begin at a halfword and add their bitmaps to `union`.

    Args:
        data: Everything.
        at: First halfword.
        vectors: How many.
        bits: Of each.
        union: [vectors, ceil(bits / 64)], is or-ed.
    """
    words = (bits + 15) // 16
    for v in range(vectors):
        if problem(data, at, bits) != 0:
            return -1 - v
        count = 0
        for w in range(words):
            half = np.uint64(data[at + w])
            union[v, w // 4] |= half << np.uint64(16 * (w % 4))
            count += popcount(half)
        at += words + count
    return at


@jit(_I64(_DATA, array(types.int16, 2), array(types.uint64, 2)))
def unpack(data: Halfwords, values: Values, masks: Masks) -> int:
    """Decode vectors from the beginning of `data`.

    Args:
        data: Everything.
        values: [vectors, bits] zeros, gets the values.
        masks: [vectors, ceil(bits / 64)], gets the bitmaps, least significant bit first.
    """
    vectors, bits = values.shape
    words = (bits + 15) // 16
    at = 0
    for v in range(vectors):
        if problem(data, at, bits) != 0:
            return -1 - v
        head = at
        at += words
        for w in range(words):
            half = np.uint64(data[head + w])
            masks[v, w // 4] |= half << np.uint64(16 * (w % 4))
            while half:
                rest = half & (half - _ONE)
                values[v, 16 * w + popcount((half ^ rest) - _ONE)] = np.int16(data[at])
                at += 1
                half = rest
    return at


@jit(_I64(array(types.uint16, 2, is_read_only=True), array(types.int16, 3), array(_I64, 1)))
def unpack_streams(data: Halfwords, values: Values, ends: npt.NDArray[np.int64]) -> int:
    """Decode the stream that begins each row; returns how many are decoded before a malformed one.

    Args:
        data: [streams, halfwords].
        values: [streams, vectors, bits] zeros, gets the values.
        ends: [streams], gets one past each stream's last halfword.
    """
    streams, vectors, bits = values.shape
    for s in range(streams):
        masks = np.zeros((vectors, (bits + 63) // 64), np.uint64)
        ends[s] = unpack(data[s], values[s], masks)
        if ends[s] < 0:
            return s
    return streams
