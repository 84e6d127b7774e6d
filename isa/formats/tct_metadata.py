"""Bit-Tactical's metadata memory: the words beside the rows of WM (tct sheet, sections 2 and 3).

A word belongs to an entry and a tile: the advance codes of the tile's row pointers (one; one per PE
where every PE has its own), then the select codes of its PEs, lane by lane; bits least significant
first, padded to a byte.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MetadataForm:
    """What a word is made of.

    Args:
        pes: PEs of the tile.
        lanes: Weights of a PE.
        select_bits: Width of a select code.
        advance_bits: Width of an advance code.
        pointers: Row pointers of the tile: 1, or one per PE.
    """

    pes: int
    lanes: int
    select_bits: int
    advance_bits: int
    pointers: int

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        return self.pointers * self.advance_bits + self.pes * self.lanes * self.select_bits

    @property
    def word_bytes(self) -> int:
        """Bytes of a word, padding included."""
        return -(-self.word_bits // 8)


def encode(form: MetadataForm, advances: Bytes, selects: Bytes) -> Bytes:
    """Pack words.

    Args:
        form: Of the words.
        advances: [n, pointers] uint8 codes, each of at most `advance_bits` bits.
        selects: [n, pes, lanes] uint8 codes, each of at most `select_bits` bits.

    Returns:
        [n, word_bytes].
    """
    parts = [
        _bits(advances, form.advance_bits),
        _bits(selects.reshape(len(selects), form.pes * form.lanes), form.select_bits),
    ]
    return np.packbits(np.concatenate(parts, axis=1), axis=1, bitorder="little")


def decode(form: MetadataForm, words: Bytes) -> tuple[Bytes, Bytes]:
    """The advance codes [n, pointers] and the select codes [n, pes, lanes] of words."""
    bits = np.unpackbits(words, axis=1, bitorder="little")
    at = form.pointers * form.advance_bits
    advances = _values(bits[:, :at], form.pointers, form.advance_bits)
    selects = _values(bits[:, at : form.word_bits], form.pes * form.lanes, form.select_bits)
    return advances, selects.reshape(-1, form.pes, form.lanes)


def _bits(codes: Bytes, width: int) -> Bytes:
    """The bits [n, count * width] of codes [n, count]."""
    bits = np.empty((*codes.shape, width), np.uint8)
    for bit in range(width):
        np.bitwise_and(codes >> np.uint8(bit), np.uint8(1), out=bits[:, :, bit])
    return bits.reshape(len(codes), codes.shape[1] * width)


def _values(bits: Bytes, count: int, width: int) -> Bytes:
    """The codes [n, count] of bits [n, count * width]."""
    fields = bits.reshape(len(bits), count, width)
    codes = np.zeros((len(bits), count), np.uint8)
    for bit in range(width):
        codes |= fields[:, :, bit] << np.uint8(bit)
    return codes
