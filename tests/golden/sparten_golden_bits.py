"""The packed formats of `sparten`, both ways, and the inner join (sparten sheet, sections 1, 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from .ddn_golden_plan import Ints
from .two_sided_conv import Conv, ceil_div

CHUNK = 128
MASK_BYTES = CHUNK // 8
SLOT_BYTES = MASK_BYTES + 2 * CHUNK


@dataclass(frozen=True)
class Record:
    """A chunk in SparseMap form: bit b of the mask, the nonzeros in bit order."""

    mask: int
    values: tuple[int, ...]

    @property
    def image(self) -> bytes:
        """Mask bytes, LSB first, then int16."""
        values = b"".join(v.to_bytes(2, "little", signed=True) for v in self.values)
        return self.mask.to_bytes(MASK_BYTES, "little") + values

    def value_at(self, bit: int) -> int:
        """Fetch the value of a set bit: a prefix sum over the mask is its address."""
        return self.values[(self.mask & ((1 << bit) - 1)).bit_count()]


def record(values: Sequence[int]) -> Record:
    """Pack up to 128 channels; bits beyond them are 0."""
    assert len(values) <= CHUNK
    mask = sum(1 << b for b, value in enumerate(values) if value)
    return Record(mask, tuple(int(value) for value in values if value))


def read_record(image: bytes, at: int = 0) -> tuple[Record, int]:
    """Read a record; give it and the address behind it.

    Raises:
        ValueError: the image ends early.
    """
    start = at + MASK_BYTES
    mask = int.from_bytes(image[at:start], "little")
    end = start + 2 * mask.bit_count()
    if end > len(image):
        raise ValueError("record ends early")
    values = (image[b : b + 2] for b in range(start, end, 2))
    return Record(mask, tuple(int.from_bytes(v, "little", signed=True) for v in values)), end


def chunks_of(channels: Sequence[int]) -> list[Record]:
    """Cut the channels of one pixel."""
    return [record(channels[at : at + CHUNK]) for at in range(0, len(channels), CHUNK)]


def filter_image(w: Ints, k: int) -> bytes:
    """Records of a filter [Cg][R][S] in linear order, chunk (r*S+s)*nC + c div 128."""
    _, _, R, S = w.shape
    return b"".join(
        part.image
        for r in range(R)
        for s in range(S)
        for part in chunks_of([int(v) for v in w[k, :, r, s]])
    )


def read_filter(image: bytes) -> list[Record]:
    """Read all records of a filter."""
    records: list[Record] = []
    at = 0
    while at < len(image):
        part, at = read_record(image, at)
        records.append(part)
    return records


def slot_index(conv: Conv, n: int, h: int, w: int, g: int, cc: int) -> int:
    """Where chunk cc of conv group g of a pixel lies in DRAM."""
    nC = ceil_div(conv.Cg, CHUNK)
    return ((n * conv.H + h) * conv.W + w) * nC * conv.groups + g * nC + cc


def map_image(conv: Conv, x: Ints) -> bytes:
    """Fixed slots of a feature map [N][C][H][W]."""
    out = bytearray()
    for n in range(conv.N):
        for h in range(conv.H):
            for w in range(conv.W):
                for g in range(conv.groups):
                    own = x[n, g * conv.Cg : (g + 1) * conv.Cg, h, w]
                    for part in chunks_of([int(v) for v in own]):
                        out += part.image.ljust(SLOT_BYTES, b"\0")
    return bytes(out)


def next_match(a: Record, b: Record, after: int) -> int | None:
    """The priority encoder: the lowest common bit past `after`."""
    common = (a.mask & b.mask) >> (after + 1)
    if not common:
        return None
    return after + 1 + ((common & -common).bit_length() - 1)
