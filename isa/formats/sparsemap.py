"""SparseMap: a chunk of values as a bit mask and its nonzeros (sparten sheet, section 3).

A record of a chunk of `chunk` values is chunk/8 mask bytes (bit b in byte b div 8, least
significant first), then the nonzeros as little-endian int16 in the order of the bits. Records
follow each other without padding: the mask tells where the next one begins.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError

MASK_BITS = 8
"""Mask bits per byte."""
VALUE_BYTES = 2

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.int16]
Numbers = npt.NDArray[np.int64]


class Decoded(NamedTuple):
    """Some records, decoded.

    Args:
        values: int16 [records, chunk], zeros filled in.
        size_bytes: Length of the records.
    """

    values: Values
    size_bytes: int


def mask_bytes(chunk: int) -> int:
    """Bytes of a mask."""
    return -(-chunk // MASK_BITS)


def chunk_widths(channels: int, chunk: int) -> Numbers:
    """How many of each chunk's values are channels, for as many chunks as the channels need."""
    starts = np.arange(0, channels, chunk, dtype=np.int64)
    return np.minimum(chunk, channels - starts)


def cut_chunks(values: Values, chunk: int) -> Values:
    """Cut the last axis, channels, into chunks [..., chunks, chunk], the last one filled with 0."""
    *outer, channels = values.shape
    count = -(-channels // chunk)
    padded = np.zeros((*outer, count * chunk), np.int16)
    padded[..., :channels] = values
    return padded.reshape(*outer, count, chunk)


def record_sizes(chunks: Values) -> Numbers:
    """Bytes of the records of [..., chunk] values."""
    nonzeros = np.count_nonzero(chunks, axis=-1).astype(np.int64)
    return mask_bytes(chunks.shape[-1]) + VALUE_BYTES * nonzeros


def encode(chunks: Values) -> Bytes:
    """Code [records, chunk] int16 values, record after record.

    Raises:
        EncodingError: They are not int16, or no chunks.
    """
    if chunks.ndim != 2 or not chunks.shape[1] or chunks.dtype != np.int16:
        raise EncodingError(
            f"SparseMap records need int16 values [records, chunk], not {chunks.dtype} "
            f"{list(chunks.shape)}",
            "values",
        )
    length = mask_bytes(chunks.shape[1])
    is_set = chunks != 0
    sizes = record_sizes(chunks)
    ends = np.cumsum(sizes)
    out = np.zeros(int(ends[-1]) if ends.size else 0, np.uint8)
    starts = ends - sizes
    masks = np.packbits(is_set, axis=1, bitorder="little")
    out[starts[:, None] + np.arange(length)] = masks
    record, _ = np.nonzero(is_set)
    # The nonzeros lie one after the other but for the masks: each is behind record + 1 of them.
    at = VALUE_BYTES * np.arange(record.size) + length * (record + 1)
    packed = chunks[is_set].astype("<i2").view(np.uint8).reshape(-1, VALUE_BYTES)
    for byte in range(VALUE_BYTES):
        out[at + byte] = packed[:, byte]
    return out


def decode(data: Bytes, count: int, chunk: int, widths: npt.ArrayLike | None = None) -> Decoded:
    """Decode `count` records at the beginning of `data`.

    Args:
        data: Bytes, more than the records have if need be.
        count: Records.
        chunk: Values of a chunk.
        widths: [count], how many of each chunk's values there are: no bit beyond may be set. All
            of them if not given.

    Raises:
        EncodingError: A record is malformed, or `data` ends before the last one does.
    """
    bits = np.full(count, chunk) if widths is None else np.asarray(widths)
    length = mask_bytes(chunk)
    values = np.zeros((count, chunk), np.int16)
    at = 0
    for record in range(count):
        where = f"record {record}"
        mask = np.unpackbits(data[at : at + length], bitorder="little")
        end = at + length + VALUE_BYTES * int(mask.sum())
        if at + length > data.size or end > data.size:
            raise EncodingError(f"the records end at byte {data.size}, inside one", where)
        if mask[bits[record] :].any():
            first = int(bits[record] + np.argmax(mask[bits[record] :]))
            raise EncodingError(
                f"mask bit {first} is set, but only {int(bits[record])} values are there", where
            )
        nonzeros = data[at + length : end].view("<i2")
        if not nonzeros.all():
            raise EncodingError("a value is 0, but its mask bit is set", where)
        values[record, np.flatnonzero(mask)] = nonzeros
        at = end
    return Decoded(values, at)
