"""Bits of the DRAM images of `dadiannao` and `tct`, one by one (dadiannao sheet, section 3).

A run-length item is a pair (ws, value); `dadiannao` has no select signals: ws is 0, in 0 bits.
"""

from collections.abc import Iterable, Sequence

RUN_BITS = 4
VALUE_BITS = 16
LONGEST_RUN = 15
PRECISION_BITS = 4

Item = tuple[int, int]
Code = tuple[int, int, int]
"""run, ws, value."""


class BitWriter:
    """A stream of bits, the least significant of every number first."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, width: int) -> None:
        """Append the `width` low bits of a number, which must hold it, signed or not."""
        assert -(1 << width) <= 2 * value < 2 << width, f"{value} in {width} bits"
        for position in range(width):
            self.bits.append((value >> position) & 1)

    def image(self) -> bytes:
        """The stream, padded with zeros to whole bytes."""
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(
            sum(bit << position for position, bit in enumerate(padded[at : at + 8]))
            for at in range(0, len(padded), 8)
        )


class BitReader:
    """Numbers out of a stream of bits."""

    def __init__(self, image: bytes) -> None:
        self.image, self.position = image, 0

    def take(self, width: int) -> int:
        """Read a number without sign."""
        value = 0
        for offset in range(width):
            byte, bit = divmod(self.position + offset, 8)
            if byte >= len(self.image):
                raise ValueError("the image ends early")
            value |= (self.image[byte] >> bit & 1) << offset
        self.position += width
        return value

    def signed(self, width: int) -> int:
        """Read a number in two's complement."""
        value = self.take(width)
        return value - (1 << width) if value >> (width - 1) else value

    def align(self) -> None:
        """Skip the padding of a byte, which must be zero."""
        if self.take(-self.position % 8):
            raise ValueError("padding is not zero")

    def finish(self) -> None:
        """Refuse anything that is left over."""
        self.align()
        if self.position != 8 * len(self.image):
            raise ValueError("bytes are left over")


def run_length(items: Iterable[Item]) -> list[Code]:
    """Code a slot's sequence: up to 15 zeros, then a value; the sixteenth zero is a value."""
    codes: list[Code] = []
    zeros = 0
    for ws, value in items:
        if value == 0 and zeros < LONGEST_RUN:
            zeros += 1
        else:
            codes.append((zeros, ws, value))
            zeros = 0
    if zeros:
        codes.append((zeros - 1, 0, 0))
    return codes


def put_run_length(out: BitWriter, items: Iterable[Item], ws_bits: int = 0) -> None:
    """Append a slot's stream."""
    for run, ws, value in run_length(items):
        out.put(run, RUN_BITS)
        out.put(ws, ws_bits)
        out.put(value, VALUE_BITS)


def take_run_length(source: BitReader, count: int, ws_bits: int = 0) -> list[Item]:
    """Read a slot's stream of `count` items."""
    items: list[Item] = []
    while len(items) < count:
        items += [(0, 0)] * source.take(RUN_BITS)
        ws = source.take(ws_bits)
        items.append((ws, source.signed(VALUE_BITS)))
    if len(items) != count:
        raise ValueError("a run goes past the end of its slot")
    return items


def precision(word: Sequence[int]) -> int:
    """The fewest bits, 1 to 16, that hold every value of a word in two's complement."""
    bits = 1
    while any(not -(1 << (bits - 1)) <= value < 1 << (bits - 1) for value in word):
        bits += 1
    assert bits <= VALUE_BITS
    return bits


def activation_image(words: Iterable[Sequence[int]], acomp: str) -> bytes:
    """What one DMA moves for AM words: plain, or `group` coded and padded to a byte."""
    out = BitWriter()
    for word in words:
        width = VALUE_BITS
        if acomp == "group":
            width = precision(word)
            out.put(width - 1, PRECISION_BITS)
        for value in word:
            out.put(value, width)
    return out.image()


def read_activations(image: bytes, count: int, lanes: int, acomp: str) -> list[list[int]]:
    """Decode `count` AM words."""
    source = BitReader(image)
    words: list[list[int]] = []
    for _ in range(count):
        width = VALUE_BITS if acomp == "none" else source.take(PRECISION_BITS) + 1
        words.append([source.signed(width) for _ in range(lanes)])
    source.finish()
    return words


def chunk_image(rows: Sequence[Sequence[Sequence[int]]], wcomp: str) -> bytes:
    """Pack a dense chunk [rows][slots][lanes]: by row and slot, or `rlc` by slot."""
    out = BitWriter()
    if wcomp == "rlc":
        for slot in range(len(rows[0])):
            put_run_length(out, [(0, value) for row in rows for value in row[slot]])
    else:
        for row in rows:
            for weights in row:
                for value in weights:
                    out.put(value, VALUE_BITS)
    return out.image()


def read_chunk(
    image: bytes, rows: int, slots: int, lanes: int, wcomp: str
) -> list[list[list[int]]]:
    """Decode a dense chunk to [rows][slots][lanes]."""
    source = BitReader(image)
    chunk = [[[0] * lanes for _ in range(slots)] for _ in range(rows)]
    if wcomp == "rlc":
        for slot in range(slots):
            items = take_run_length(source, rows * lanes)
            for at, (_, value) in enumerate(items):
                chunk[at // lanes][slot][at % lanes] = value
    else:
        for row in chunk:
            for weights in row:
                weights[:] = [source.signed(VALUE_BITS) for _ in range(lanes)]
    source.finish()
    return chunk
