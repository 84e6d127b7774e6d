"""One row of `gospa`, cycle by cycle: an APU, its ring and its PEs (gospa sheet, sections 3, 4, 7).

The APU reserves ring space, scans a box and fetches its nonzeros, expands every one of them into
its (CID, PID) pairs and keeps those that pass the SSF. Every PE draws its stream from the ring at
its own pace, one MAC per cycle.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .ddn_golden_plan import Ints
from .gospa_golden_plan import GospaSpec, Tile
from .two_sided_conv import Conv, ceil_div

Stream = dict[int, list[tuple[int, int]]]
"""(activation, CID) by PID."""


def pairs(conv: Conv, tile: Tile, h: int, w: int) -> list[tuple[int, int]]:
    """P(h,w): every (CID, PID) in which an activation takes part inside the tile."""
    (uh, uw), (dh, dw) = conv.stride, conv.dilation
    top, left, _, _ = conv.pads
    owned: list[tuple[int, int]] = []
    for r in range(conv.R):
        for s in range(conv.S):
            e, off_row = divmod(h + top - r * dh, uh)
            f, off_column = divmod(w + left - s * dw, uw)
            if off_row or off_column:
                continue
            if tile.e0 <= e < tile.e1 and tile.f0 <= f < tile.f1:
                owned.append(((e - tile.e0) * tile.ew + (f - tile.f0), r * conv.S + s))
    return owned


@dataclass
class Pe:
    """A PE with one filter of a chunk.

    Attributes:
        weights: by channel of the chunk, by PID.
        sums: accumulators by CID.
        taken: delivered slots that it has passed.
        todo: (weight, activation, CID) left of the slot at hand; empty while it steps over one.
    """

    k: int
    weights: list[dict[int, int]]
    sums: list[int]
    taken: int = 0
    todo: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    is_busy: bool = False


@dataclass
class Delivered:
    """A slot in the ring.

    Attributes:
        channel: of the chunk; ready: first cycle in which PEs see it.
        reserved: ring entries; pending: PEs that have not passed it.
    """

    channel: int
    ready: int
    reserved: int
    stream: Stream
    pending: int


@dataclass
class Scan:
    """The slot that the APU works on."""

    channel: int
    bits_left: int
    unread: list[tuple[int, int, int]]
    reserved: int
    stream: Stream = field(default_factory=Stream)


@dataclass
class Row:
    """A row with one chunk to do.

    Attributes:
        boxes: per channel of the chunk the values of the box [bh][bw].
        rows, columns: where the box lies in the map.
        pes: the mapped PEs.
    """

    spec: GospaSpec
    conv: Conv
    tile: Tile
    rows: range
    columns: range
    boxes: Sequence[Ints]
    pes: list[Pe]
    counters: Counter[str]
    ring: list[Delivered] = field(default_factory=list[Delivered])
    queue: list[Delivered] = field(default_factory=list[Delivered])
    now: int = 0

    def __post_init__(self) -> None:
        count = len(self.boxes)
        self.filters = [set[int]().union(*(pe.weights[c] for pe in self.pes)) for c in range(count)]
        self.waiting = [c for c in range(count) if self.filters[c]]
        self.scan: Scan | None = None

    def run(self) -> int:
        """Step until everything is done; give the cycles."""
        self.counters["slots"] += len(self.waiting)
        while self.waiting or self.scan or self.ring:
            self.step_apu()
            for pe in self.pes:
                self.step_pe(pe)
            self.now += 1
            self.ring = [slot for slot in self.ring if slot.pending]
        return self.now

    def step_apu(self) -> None:
        """Begin a slot if the ring has room for it; scan and fetch for one cycle."""
        if self.scan is None:
            self.begin()
        scan = self.scan
        if scan is None:
            return
        scan.bits_left -= self.spec.bm_bits
        for h, w, value in scan.unread[: self.spec.act_rd]:
            self.expand(scan, h, w, value)
        del scan.unread[: self.spec.act_rd]
        if scan.bits_left <= 0 and not scan.unread:
            if scan.stream:
                slot = Delivered(
                    scan.channel, self.now + 1, scan.reserved, scan.stream, len(self.pes)
                )
                self.ring.append(slot)
                self.queue.append(slot)
            self.scan = None

    def begin(self) -> None:
        """Reserve ring space for the nonzeros of the next slot, before they are filtered."""
        if not self.waiting:
            return
        box = self.boxes[self.waiting[0]]
        values = list(self.nonzeros(box))
        used = sum(slot.reserved for slot in self.ring)
        if used + len(values) > self.spec.ring_entries or len(self.ring) == self.spec.ring_slots:
            return
        self.scan = Scan(self.waiting.pop(0), box.size, values, len(values))
        self.counters["act_words_bitmap"] += ceil_div(box.size, 64)
        self.counters["act_words_value"] += ceil_div(len(values), 4)

    def nonzeros(self, box: Ints) -> Iterator[tuple[int, int, int]]:
        """Row, column and value of the nonzeros of a box."""
        for y, h in enumerate(self.rows):
            for x, w in enumerate(self.columns):
                if box[y, x]:
                    yield h, w, int(box[y, x])

    def expand(self, scan: Scan, h: int, w: int, value: int) -> None:
        """Expand one activation and keep the pairs that pass the SSF."""
        owned = pairs(self.conv, self.tile, h, w)
        kept = [(cid, pid) for cid, pid in owned if pid in self.filters[scan.channel]]
        self.counters["apu_scanned"] += 1
        self.counters["apu_kept" if kept else "apu_dropped"] += 1
        self.counters["pairs_generated"] += len(owned)
        self.counters["pairs_kept"] += len(kept)
        self.counters["ring_writes"] += bool(kept)
        for cid, pid in kept:
            scan.stream.setdefault(pid, []).append((value, cid))

    def step_pe(self, pe: Pe) -> None:
        """Do one MAC, or step over a slot that has nothing for this PE."""
        if not pe.is_busy:
            if pe.taken == len(self.queue) or self.queue[pe.taken].ready > self.now:
                return
            self.open(pe, self.queue[pe.taken])
        if pe.todo:
            weight, value, cid = pe.todo.pop(0)
            pe.sums[cid] += weight * value
            for name in ("macs_effectual", "ring_reads", "acc_reads", "acc_writes"):
                self.counters[name] += 1
        else:
            self.counters["empty_slot_cycles"] += 1
        if not pe.todo:
            self.queue[pe.taken].pending -= 1
            pe.taken += 1
            pe.is_busy = False

    def open(self, pe: Pe, slot: Delivered) -> None:
        """Find the work of a PE in a slot: PIDs ascending, each with its weight register."""
        pe.is_busy = True
        self.counters["wbm_reads"] += 1
        for pid, weight in sorted(pe.weights[slot.channel].items()):
            run = slot.stream.get(pid, [])
            self.counters["wmem_reads"] += bool(run)
            pe.todo += [(weight, value, cid) for value, cid in run]
