"""The weight tile of SPOTS (sheet section 3), written plainly: bitmaps M1, M2, then the blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

WORD_BITS = 64
WORD_BYTES = 8


@dataclass(frozen=True)
class WeightTile:
    """One weight tile, taken apart.

    Attributes:
        filters: Kt, the filters of the tile.
        columns: Kred, the reduction indices.
        m1: Kred flags; column k has a nonzero weight.
        m2: per block row, one flag per nonzero column in ascending k.
        blocks: per block row, the nonzero blocks in ascending k, G weights each.
    """

    filters: int
    columns: int
    m1: list[int]
    m2: list[list[int]]
    blocks: list[list[list[int]]]

    def blocks_at(self, k: int) -> int:
        """How many block rows hold a nonzero block in column k."""
        if not self.m1[k]:
            return 0
        position = sum(self.m1[:k])
        return sum(flags[position] for flags in self.m2)

    def m1_words(self) -> int:
        """Words of 64 bits that M1 takes."""
        return len(pack_flags(self.m1))

    def m2_words(self) -> int:
        """Words of 64 bits that all M2 take."""
        return sum(len(pack_flags(flags)) for flags in self.m2)

    def words(self) -> list[int]:
        """The image as 64-bit words."""
        image = pack_flags(self.m1)
        for flags in self.m2:
            image += pack_flags(flags)
        for row in self.blocks:
            image += pack_values([value for block in row for value in block])
        return image


def pack_flags(flags: Sequence[int]) -> list[int]:
    """Pack flags into 64-bit words, the first flag in the lowest bit."""
    words: list[int] = []
    for index, flag in enumerate(flags):
        if index % WORD_BITS == 0:
            words.append(0)
        words[-1] |= (1 if flag else 0) << (index % WORD_BITS)
    return words


def pack_values(values: Sequence[int]) -> list[int]:
    """Pack int16 values into 64-bit words, the first in the lowest 16 bits, the rest zero."""
    words: list[int] = []
    for index, value in enumerate(values):
        if index % 4 == 0:
            words.append(0)
        words[-1] |= (value & 0xFFFF) << (16 * (index % 4))
    return words


def encode(weights: Sequence[Sequence[int]], G: int) -> WeightTile:
    """Take a dense tile apart.

    Args:
        weights: [Kt][Kred] int16.
        G: filters per block.
    """
    Kt, Kred = len(weights), len(weights[0])
    m1 = [1 if any(row[k] != 0 for row in weights) else 0 for k in range(Kred)]
    m2: list[list[int]] = []
    blocks: list[list[list[int]]] = []
    for base in range(0, Kt, G):
        flags: list[int] = []
        kept: list[list[int]] = []
        for k in range(Kred):
            if not m1[k]:
                continue
            block = [weights[f][k] if f < Kt else 0 for f in range(base, base + G)]
            flags.append(1 if any(block) else 0)
            if any(block):
                kept.append(block)
        m2.append(flags)
        blocks.append(kept)
    return WeightTile(Kt, Kred, m1, m2, blocks)


def encode_bytes(weights: Sequence[Sequence[int]], G: int) -> bytes:
    """Give the DRAM image of a dense tile [Kt][Kred]."""
    return b"".join(word.to_bytes(WORD_BYTES, "little") for word in encode(weights, G).words())


def decode_bytes(image: bytes, Kt: int, Kred: int, G: int) -> list[list[int]]:
    """Read a tile's DRAM image back.

    Returns:
        [Kt][Kred] int16.

    Raises:
        ValueError: The image is longer or shorter than its own bitmaps say, or holds what an
            encoder never writes: bits past the end, a zero block, weights past Kt.
    """
    if len(image) % WORD_BYTES:
        raise ValueError(f"{len(image)} bytes are not whole words")
    words = [
        int.from_bytes(image[at : at + WORD_BYTES], "little")
        for at in range(0, len(image), WORD_BYTES)
    ]
    m1 = _take_flags(words, Kred)
    nonzero_columns = [k for k in range(Kred) if m1[k]]
    block_rows = -(-Kt // G)
    m2 = [_take_flags(words, len(nonzero_columns)) for _ in range(block_rows)]
    weights = [[0] * Kred for _ in range(Kt)]
    for b in range(block_rows):
        columns = [k for k, flag in zip(nonzero_columns, m2[b], strict=True) if flag]
        values = _take_values(words, len(columns) * G)
        for position, k in enumerate(columns):
            block = values[position * G : (position + 1) * G]
            if not any(block):
                raise ValueError(f"block {b} of column {k} is zero")
            for offset, value in enumerate(block):
                if b * G + offset < Kt:
                    weights[b * G + offset][k] = value
                elif value:
                    raise ValueError(f"block {b} of column {k} has a weight past filter {Kt - 1}")
    if words:
        raise ValueError(f"{len(words)} words left over")
    for k in nonzero_columns:
        if not any(row[k] for row in weights):
            raise ValueError(f"column {k} is marked but zero")
    return weights


def _take_flags(words: list[int], count: int) -> list[int]:
    """Take the words of `count` flags off the front of `words`."""
    flags: list[int] = []
    while len(flags) < count:
        word = _take_word(words)
        used = min(WORD_BITS, count - len(flags))
        if word >> used:
            raise ValueError("a bitmap has bits past its end")
        flags += [word >> bit & 1 for bit in range(used)]
    return flags


def _take_values(words: list[int], count: int) -> list[int]:
    """Take the words of `count` int16 values off the front of `words`."""
    values: list[int] = []
    while len(values) < count:
        word = _take_word(words)
        for lane in range(4):
            raw = word >> (16 * lane) & 0xFFFF
            if len(values) < count:
                values.append(raw - 0x10000 if raw & 0x8000 else raw)
            elif raw:
                raise ValueError("the padding of a block row is not zero")
    return values


def _take_word(words: list[int]) -> int:
    """Take one word off the front of `words`."""
    if not words:
        raise ValueError("the image ends early")
    return words.pop(0)
