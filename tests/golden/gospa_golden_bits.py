"""The packed formats of `gospa`, both ways (gospa sheet, section 3)."""

from collections.abc import Sequence

import numpy as np

from .ddn_golden_plan import Ints
from .two_sided_conv import ceil_div

SLOT_BYTES = 34
"""A chunk slot in DRAM: a mask and sixteen values."""


def halfwords(image: bytes) -> list[int]:
    """Unsigned 16-bit words of an image."""
    assert len(image) % 2 == 0
    return [int.from_bytes(image[at : at + 2], "little") for at in range(0, len(image), 2)]


def signed(word: int) -> int:
    """Read a halfword as a value."""
    return word - (1 << 16) if word >> 15 else word


def bitmap_image(values: Sequence[int]) -> bytes:
    """Whole halfwords of bitmap, LSB first, then the nonzeros in order."""
    bits = sum(1 << at for at, value in enumerate(values) if value)
    image = bits.to_bytes(2 * ceil_div(len(values), 16), "little")
    return image + b"".join(v.to_bytes(2, "little", signed=True) for v in values if v)


def read_bitmap(words: Sequence[int], at: int, count: int) -> tuple[dict[int, int], int]:
    """Read a bitmap of `count` positions and its values; give value by position, next word.

    Raises:
        ValueError: the words end early or a bit past the last position is set.
    """
    size = ceil_div(count, 16)
    if at + size > len(words):
        raise ValueError("stream ends early")
    bits = sum(word << 16 * i for i, word in enumerate(words[at : at + size]))
    if bits >> count:
        raise ValueError("bit past the end")
    positions = [p for p in range(count) if bits >> p & 1]
    after = at + size + len(positions)
    if after > len(words):
        raise ValueError("stream ends early")
    values = [signed(word) for word in words[at + size : after]]
    return dict(zip(positions, values, strict=True)), after


def weight_stream(w: Ints, k: int, channels: range) -> bytes:
    """The stream of one PE for a chunk: per channel bitmap and nonzeros by ascending PID."""
    return b"".join(bitmap_image([int(v) for v in w[k, c].reshape(-1)]) for c in channels)


def read_stream(
    words: Sequence[int], at: int, count: int, pids: int
) -> tuple[list[dict[int, int]], int]:
    """Read `count` channels of a stream; give weight by PID per channel, and the next word."""
    channels: list[dict[int, int]] = []
    for _ in range(count):
        weights, at = read_bitmap(words, at, pids)
        channels.append(weights)
    return channels, at


def chunk_image(w: Ints, filters: Sequence[int], channels: range) -> bytes:
    """DRAM image of a (k-block, chunk): row group by row group, column by column."""
    return b"".join(weight_stream(w, k, channels) for k in filters)


def activation_slot(box: Ints) -> bytes:
    """One slot of the activation buffer from a box [bh][bw]."""
    return bitmap_image([int(v) for v in box.reshape(-1)])


def dram_image(x: Ints) -> bytes:
    """Chunk slots of activations [N][C][H][W]; unused places are zero."""
    out = bytearray()
    for row in x.reshape(-1, x.shape[-1]):
        for q in range(ceil_div(len(row), 16)):
            part = [int(v) for v in row[16 * q : 16 * q + 16]]
            out += bitmap_image(part + [0] * (16 - len(part))).ljust(SLOT_BYTES, b"\0")
    return bytes(out)


def slot_address(shape: tuple[int, int, int], n: int, c: int, h: int, q: int) -> int:
    """Byte address of a chunk slot of a map (C, H, W)."""
    C, H, W = shape
    return SLOT_BYTES * (((n * C + c) * H + h) * ceil_div(W, 16) + q)


def fetch_box(
    image: bytes, shape: tuple[int, int, int], n: int, c: int, rows: range, columns: range
) -> tuple[Ints, int]:
    """Read a box out of chunk slots; give it and the bytes the DMA moved.

    A mask is moved whole, of the nonzeros only the wanted ones.
    """
    box = np.zeros((len(rows), len(columns)), dtype=np.int64)
    moved = 0
    for y, h in enumerate(rows):
        for q in sorted({w // 16 for w in columns}):
            at = slot_address(shape, n, c, h, q)
            slot, _ = read_bitmap(halfwords(image[at : at + SLOT_BYTES]), 0, 16)
            moved += 2
            for b, value in slot.items():
                if 16 * q + b in columns:
                    box[y, 16 * q + b - columns.start] = value
                    moved += 2
    return box, moved
