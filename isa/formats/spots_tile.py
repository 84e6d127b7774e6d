"""SPOTS' weight tile: non-zero blocks of G filters x 1 column and two bitmaps (sheet section 3).

The image is the same in DRAM and in the Filter SRAM, 64-bit little-endian words in this order:

1. M1: bit k, least significant first, says that reduction index (column) k has a non-zero weight;
2. M2_b for each block row b = 0..nb-1: one bit per non-zero column, ascending: the block of
   filters b*G..b*G+G-1 is non-zero there;
3. A_b for each b: the non-zero blocks, ascending, G int16 each (0 past the last filter), padded
   to 8 bytes.

The form is canonical: `decode` refuses bits, blocks or padding that `encode` would not write.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError

WORD_BYTES = 8
"""Bytes of a bitmap word, and the alignment of every part."""

Bytes = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.int16]
Blocks = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Reader = Callable[[int, int], Bytes]
"""Reads (offset, length) bytes of the tile; must refuse what lies outside its memory."""


@dataclass(frozen=True, eq=False)
class TileView:
    """A decoded weight tile of Kt filters x Kred columns.

    Args:
        Kt: Filters.
        Kred: Columns (reduction indices).
        G: Block height.
        m1: [Kred] bool, the column has a non-zero weight.
        m2: [nb, nzc] bool, the block is non-zero; nzc = m1.sum().
        starts: [nb + 1] int64, the bank pointers: block row b owns blocks starts[b]..starts[b+1]-1.
        columns: [blocks] int32, each block's column k.
        values: [blocks, G] int16, each block's weights.
        size_bytes: Length of the image.
    """

    Kt: int
    Kred: int
    G: int
    m1: Blocks
    m2: Blocks
    starts: Counts
    columns: npt.NDArray[np.int32]
    values: Weights
    size_bytes: int

    def dense(self) -> Weights:
        """The weights [Kt, Kred]."""
        nb = self.starts.size - 1
        padded = np.zeros((nb, self.G, self.Kred), dtype=np.int16)
        rows = np.repeat(np.arange(nb), np.diff(self.starts))
        padded[rows, :, self.columns] = self.values
        return padded.reshape(nb * self.G, self.Kred)[: self.Kt]

    def block_counts(self) -> Counts:
        """Non-zero blocks of every column, [Kred]."""
        return np.bincount(self.columns, minlength=self.Kred).astype(np.int64)

    def weight_counts(self) -> Counts:
        """Non-zero weights of every column, [Kred]."""
        per_block = np.zeros(self.columns.size, dtype=np.uint8)
        for g in range(self.G):
            per_block += self.values[:, g] != 0
        # Sums of counts are exact in float64, which is what bincount adds in.
        return np.bincount(self.columns, per_block, self.Kred).astype(np.int64)


def words(bits: int) -> int:
    """Bitmap words that hold so many bits."""
    return -(-bits // 64)


def block_map(weights: Weights, G: int) -> Blocks:
    """Which blocks of [Kt, Kred] weights are non-zero: [ceil(Kt/G), Kred]."""
    Kt, Kred = weights.shape
    blocks = np.empty((-(-Kt // G), Kred), dtype=np.bool_)
    for b in range(blocks.shape[0]):
        rows = weights[b * G : (b + 1) * G]
        np.not_equal(np.bitwise_or.reduce(rows, axis=0), 0, out=blocks[b])
    return blocks


def tile_bytes(Kred: int, nonzero_columns: int, blocks_per_row: npt.ArrayLike, G: int) -> int:
    """Length of a tile, from its counts.

    Args:
        Kred: Columns.
        nonzero_columns: Columns with a non-zero weight.
        blocks_per_row: [nb], non-zero blocks of each block row.
        G: Block height.
    """
    counts = np.asarray(blocks_per_row, dtype=np.int64)
    bitmaps = words(Kred) + counts.size * words(nonzero_columns)
    return WORD_BYTES * (bitmaps + int((-(-counts * G // 4)).sum()))


def size_bytes(weights: Weights, G: int) -> int:
    """Length of the tile that `encode` would make of [Kt, Kred] weights."""
    blocks = block_map(weights, G)
    columns = int(blocks.any(axis=0).sum())
    return tile_bytes(weights.shape[1], columns, np.count_nonzero(blocks, axis=1), G)


def _running(counts: npt.NDArray[np.integer]) -> Counts:
    """Sums of everything before each position of the last axis, one longer than it."""
    out = np.zeros((*counts.shape[:-1], counts.shape[-1] + 1), dtype=np.int64)
    np.cumsum(counts, axis=-1, out=out[..., 1:])
    return out


def encode(weights: Weights, G: int) -> Bytes:
    """Pack [Kt, Kred] int16 weights.

    Raises:
        EncodingError: There is no filter or no column, or the weights are not int16.
    """
    if weights.ndim != 2 or not weights.size or weights.dtype != np.int16 or G < 1:
        raise EncodingError(
            f"a tile needs int16 weights [Kt, Kred] and G >= 1, not {weights.dtype} "
            f"{list(weights.shape)} and G = {G}",
            "weight tile",
        )
    Kred = weights.shape[1]
    blocks = block_map(weights, G)
    m1 = np.asarray(blocks.any(axis=0))
    nonzero = int(np.count_nonzero(m1))
    counts = np.count_nonzero(blocks, axis=1)
    out = np.zeros(tile_bytes(Kred, nonzero, counts, G), dtype=np.uint8)
    _pack_bits(out[: WORD_BYTES * words(Kred)].reshape(1, -1), m1.reshape(1, -1))
    at = WORD_BYTES * words(Kred)
    m2_bytes = blocks.shape[0] * WORD_BYTES * words(nonzero)
    if nonzero:
        _pack_bits(out[at : at + m2_bytes].reshape(blocks.shape[0], -1), blocks[:, m1])
    at += m2_bytes
    for b, count in enumerate(counts.tolist()):
        rows = weights[b * G : (b + 1) * G]
        block_values = out[at : at + 2 * G * count].view("<i2").reshape(count, G)
        block_values[:, : rows.shape[0]] = rows[:, np.flatnonzero(blocks[b])].T
        at += WORD_BYTES * -(-count * G // 4)
    return out


def _pack_bits(out: Bytes, bits: Blocks) -> None:
    packed = np.packbits(bits, axis=1, bitorder="little")
    out[:, : packed.shape[1]] = packed


def decode(data: Bytes, Kt: int, Kred: int, G: int) -> TileView:
    """Unpack a tile that fills `data` exactly.

    Raises:
        EncodingError: The tile is malformed.
    """
    if data.dtype != np.uint8 or data.ndim != 1:
        raise EncodingError(
            f"a tile is a row of bytes, not {data.dtype} {list(data.shape)}", "weight tile"
        )
    data = np.ascontiguousarray(data)

    def read(offset: int, count: int) -> Bytes:
        if offset + count > data.size:
            raise EncodingError(
                f"the tile ends at byte {data.size}, but its bitmaps say that "
                f"{count} more follow byte {offset}",
                "weight tile",
            )
        return data[offset : offset + count]

    tile = decode_from(read, Kt, Kred, G)
    if tile.size_bytes != data.size:
        raise EncodingError(
            f"the tile has {data.size} bytes, but its bitmaps say {tile.size_bytes}", "weight tile"
        )
    return tile


def decode_from(read: Reader, Kt: int, Kred: int, G: int) -> TileView:
    """Unpack a tile whose length only its own bitmaps tell.

    Args:
        read: Gives (offset, length) bytes; called once each for M1, the M2s and the blocks.
        Kt: Filters.
        Kred: Columns.
        G: Block height.

    Raises:
        EncodingError: The tile is malformed.
    """
    if min(Kt, Kred, G) < 1:
        raise EncodingError(f"a tile of {Kt} x {Kred} in blocks of {G} is empty", "weight tile")
    nb = -(-Kt // G)
    m1_bytes = WORD_BYTES * words(Kred)
    m1 = _unpack_bits(read(0, m1_bytes)[None], Kred, "M1")[0]
    nonzero = np.flatnonzero(m1)
    row_bytes = WORD_BYTES * words(nonzero.size)
    m2 = _unpack_bits(read(m1_bytes, nb * row_bytes).reshape(nb, row_bytes), nonzero.size, "M2")
    if not m2.any(axis=0).all():
        k = int(nonzero[int(np.argmin(m2.any(axis=0)))])
        raise EncodingError(
            f"M1 says that column {k} is non-zero, but no M2 has a block there", "weight tile"
        )
    counts = np.count_nonzero(m2, axis=1)
    at = m1_bytes + nb * row_bytes
    size = tile_bytes(Kred, nonzero.size, counts, G)
    values = _read_blocks(read(at, size - at), counts, G)
    starts = _running(counts)
    columns = nonzero[np.nonzero(m2)[1]].astype(np.int32)
    _check_blocks(values, columns, starts, Kt)
    return TileView(Kt, Kred, G, m1, m2, starts, columns, values, size)


def _unpack_bits(data: Bytes, count: int, name: str) -> Blocks:
    bits = np.unpackbits(data, axis=1, bitorder="little").view(np.bool_)
    if bits[:, count:].any():
        row, bit = (int(at[0]) for at in np.nonzero(bits[:, count:]))
        raise EncodingError(
            f"{name} has bit {count + bit} set, but only {count} bits belong to it",
            f"weight tile, row {row}",
        )
    return bits[:, :count]


def _read_blocks(data: Bytes, counts: Counts, G: int) -> Weights:
    """The blocks [n, G] of all block rows, padding checked and taken out."""
    parts: list[Weights] = []
    at = 0
    if G % 4 == 0:
        return data.view("<i2").reshape(-1, G)
    for b, count in enumerate(counts.tolist()):
        end, padded = at + 2 * G * count, at + WORD_BYTES * -(-count * G // 4)
        if data[end:padded].any():
            raise EncodingError("the padding after the blocks is not 0", f"weight tile, A_{b}")
        parts.append(data[at:end].view("<i2").reshape(count, G))
        at = padded
    return np.concatenate(parts)


def _check_blocks(values: Weights, columns: npt.NDArray[np.int32], starts: Counts, Kt: int) -> None:
    G = values.shape[1]
    wide = values.view(np.uint64) if G % 4 == 0 else values
    any_weight = wide[:, 0] != 0
    for g in range(1, wide.shape[1]):
        any_weight |= wide[:, g] != 0
    if not any_weight.all():
        at = int(np.argmin(any_weight))
        row = int(np.searchsorted(starts, at, side="right")) - 1
        raise EncodingError(
            f"M2_{row} marks the block of column {int(columns[at])}, but its weights are all 0",
            f"weight tile, A_{row}",
        )
    filters = Kt - (starts.size - 2) * G
    past = values[starts[-2] :, filters:]
    if past.any():
        raise EncodingError(
            f"a block has a weight past filter {Kt - 1}", f"weight tile, A_{starts.size - 2}"
        )
