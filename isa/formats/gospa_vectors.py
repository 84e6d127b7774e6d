"""GoSPA's packed vectors: a bitmap, then the non-zero values (gospa sheet, section 3).

A weight stream is a filter's channels, each a vector of R*S weights by position ID; a chunk of the
activation buffer is a box's channels, each a vector of its activations, row by row. Of a vector
come ceil(bits / 16) halfwords of bitmap, least significant bit first, then the non-zero values in
the same order. There is no header: the bitmaps tell the length. The form is canonical: bits beyond
the last value are 0, and no value is.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError

Halfwords = npt.NDArray[np.uint16]
Values = npt.NDArray[np.int16]
Masks = npt.NDArray[np.uint64]


class Vectors(NamedTuple):
    """Decoded vectors.

    Args:
        values: [vectors, bits] int16.
        masks: [vectors, ceil(bits / 64)] uint64, the bitmaps, least significant bit first.
        size: Halfwords they took.
    """

    values: Values
    masks: Masks
    size: int


class Streams(NamedTuple):
    """Where streams that lie one after the other end.

    Args:
        ends: [streams] int64, one past each one's last halfword.
        unions: [groups, vectors, ceil(bits / 64)] uint64: or of the bitmaps of a group's streams.
    """

    ends: npt.NDArray[np.int64]
    unions: Masks


def bitmap_halfwords(bits: int) -> int:
    """Halfwords of a bitmap."""
    return -(-bits // 16)


def mask_words(bits: int) -> int:
    """64-bit words of a decoded bitmap."""
    return -(-bits // 64)


def encode(values: Values) -> Halfwords:
    """Code [vectors, bits] values."""
    from . import gospa_kernels

    vectors, bits = values.shape
    out = np.zeros(vectors * bitmap_halfwords(bits) + int(np.count_nonzero(values)), np.uint16)
    size = gospa_kernels.pack(np.ascontiguousarray(values), out)
    assert size == out.size
    return out


def decode(data: Halfwords, vectors: int, bits: int) -> Vectors:
    """Decode so many vectors at the beginning of `data`.

    Raises:
        EncodingError: A vector is malformed, or `data` ends before it does.
    """
    from . import gospa_kernels

    values = np.zeros((vectors, bits), np.int16)
    masks = np.zeros((vectors, mask_words(bits)), np.uint64)
    data = np.ascontiguousarray(data)
    size = gospa_kernels.unpack(data, values, masks)
    if size < 0:
        raise _malformed(data, 0, -1 - size, bits)
    return Vectors(values, masks, size)


def decode_streams(data: Halfwords, vectors: int, bits: int) -> tuple[Values, int]:
    """Decode the stream of so many vectors that begins each row of `data` [streams, halfwords].

    Returns:
        The values [streams, vectors, bits], and the halfwords of the longest stream.

    Raises:
        EncodingError: A stream is malformed, or its row ends before it does.
    """
    from . import gospa_kernels

    streams = len(data)
    values = np.zeros((streams, vectors, bits), np.int16)
    ends = np.zeros(streams, np.int64)
    data = np.ascontiguousarray(data)
    good = gospa_kernels.unpack_streams(data, values, ends)
    if good < streams:
        raise _malformed(data[good], 0, -1 - int(ends[good]), bits, f"stream {good}, ")
    return values, int(ends.max())


def measure(data: Halfwords, streams: int, vectors: int, bits: int, group: int) -> Streams:
    """Find the ends of streams at the beginning of `data`.

    Args:
        data: Everything.
        streams: How many.
        vectors: Vectors of a stream.
        bits: Values of a vector.
        group: Streams whose bitmaps are or-ed.

    Raises:
        EncodingError: A stream is malformed, or `data` ends before it does.
    """
    from . import gospa_kernels

    data = np.ascontiguousarray(data)
    unions = np.zeros((-(-streams // group), vectors, mask_words(bits)), np.uint64)
    ends = np.zeros(streams, np.int64)
    at = 0
    for stream in range(streams):
        end = gospa_kernels.measure(data, at, vectors, bits, unions[stream // group])
        if end < 0:
            raise _malformed(data, at, -1 - end, bits, f"stream {stream}, ")
        ends[stream] = at = end
    return Streams(ends, unions)


def _malformed(data: Halfwords, at: int, vector: int, bits: int, where: str = "") -> EncodingError:
    """What is wrong with a vector, counted from the one at halfword `at`."""
    from . import gospa_kernels

    unused = np.zeros((vector, mask_words(bits)), np.uint64)
    at = gospa_kernels.measure(data, at, vector, bits, unused)
    message = {
        gospa_kernels.TRUNCATED: f"the data end after {data.size} halfwords, before the values do",
        gospa_kernels.STRAY_BIT: f"a bit beyond the {bits} of the bitmap is set",
        gospa_kernels.ZERO_VALUE: "a value is 0, though its bit is set",
    }[gospa_kernels.problem(data, at, bits)]
    return EncodingError(message, f"{where}vector {vector} at halfword {at}")
