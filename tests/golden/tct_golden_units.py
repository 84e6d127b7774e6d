"""Chunk images of `tct`, bit by bit: units, their headers, advances, selects (sheet, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .ddn_golden_bits import BitReader, BitWriter, Item, put_run_length, take_run_length
from .ddn_golden_plan import Machine, active_tiles
from .tct_golden_schedule import Entry, Link, connections

COUNT_BITS = 12
ROW_BITS = 20
WEIGHT_BITS = 16
UNBOUNDED = 256


@dataclass(frozen=True)
class TctMachine(Machine):
    """`dadiannao` with a front end; adv_max None is h+1, 0 is 256 (section 2)."""

    shape: str = "T"
    h: int = 2
    d: int = 5
    order: str = "ahead"
    scheduler: str = "alg2"
    sync: str = "tile"
    adv_max: int | None = None
    shuffle: bool = False

    @property
    def links(self) -> list[Link]:
        """The canonical connections."""
        found = connections(self.shape, self.h, self.d)
        assert all(abs(aside) < self.lanes for _, aside in found)
        return found

    @property
    def advance(self) -> int:
        """Rows that the window moves at most in a cycle."""
        return self.h + 1 if self.adv_max is None else self.adv_max or UNBOUNDED

    @property
    def ws_bits(self) -> int:
        """Bits that tell the slot's own weight and all connections apart."""
        return bits_for(1 + len(self.links))

    @property
    def alc_bits(self) -> int:
        """Bits of an advance minus 1."""
        return bits_for(self.advance)


def bits_for(count: int) -> int:
    """The fewest bits that have `count` codes: ceil(log2(count))."""
    bits = 0
    while 1 << bits < count:
        bits += 1
    return bits


def unit_slots(machine: TctMachine, nf: int) -> list[range]:
    """The slots of every unit of a warp (section 3)."""
    if machine.sync == "accel":
        return [range(nf)]
    if machine.sync == "pe":
        return [range(slot, slot + 1) for slot in range(nf)]
    k = machine.pes
    return [range(at, min(nf, at + k)) for at in range(0, active_tiles(machine, nf) * k, k)]


def slot_items(entries: Sequence[Entry], slot: int, N: int) -> list[Item]:
    """(ws, weight) of one slot, by entry and lane."""
    return [
        (entry.ws[lane], entry.weights[lane])
        for entry in entries
        for lane in range(slot * N, (slot + 1) * N)
    ]


def unit_image(machine: TctMachine, entries: Sequence[Entry], slots: int) -> bytes:
    """Pack one unit's part of a chunk."""
    out = BitWriter()
    out.put(len(entries), COUNT_BITS)
    out.put(entries[0].r if entries else 0, ROW_BITS)
    alc = [0] + [b.r - a.r - 1 for a, b in pairwise(entries)]
    if machine.wcomp == "rlc":
        for _, advance in zip(entries, alc, strict=False):
            out.put(advance, machine.alc_bits)
        for slot in range(slots):
            put_run_length(out, slot_items(entries, slot, machine.lanes), machine.ws_bits)
        return out.image()
    for entry, advance in zip(entries, alc, strict=False):
        out.put(advance, machine.alc_bits)
        for ws, weight in zip(entry.ws, entry.weights, strict=True):
            out.put(ws, machine.ws_bits)
            out.put(weight, WEIGHT_BITS)
    return out.image()


def read_unit(machine: TctMachine, source: BitReader, slots: int) -> list[Entry]:
    """Decode one unit's part of a chunk; the reader is at its first byte and ends after its last.

    Raises:
        ValueError: the image is too short, badly padded, or its first advance is not 0.
    """
    N = machine.lanes
    count, row = source.take(COUNT_BITS), source.take(ROW_BITS)
    if count == 0 and row:
        raise ValueError("an empty unit has row0 = 0")
    alc: list[int] = []
    items: list[list[Item]] = []
    if machine.wcomp == "rlc":
        alc = [source.take(machine.alc_bits) for _ in range(count)]
        flat = [take_run_length(source, count * N, machine.ws_bits) for _ in range(slots)]
        items = [[item for pe in flat for item in pe[at * N : (at + 1) * N]] for at in range(count)]
    else:
        for _ in range(count):
            alc.append(source.take(machine.alc_bits))
            pairs = range(slots * N)
            items.append(
                [(source.take(machine.ws_bits), source.signed(WEIGHT_BITS)) for _ in pairs]
            )
    source.align()
    if alc and alc[0]:
        raise ValueError("the first advance of a chunk is 0")
    entries: list[Entry] = []
    for index, (advance, pairs) in enumerate(zip(alc, items, strict=True)):
        row += advance + 1 if index else 0
        entries.append(Entry(row, tuple(v for _, v in pairs), tuple(ws for ws, _ in pairs)))
    return entries
