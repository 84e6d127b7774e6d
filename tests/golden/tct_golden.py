"""The golden model of `tct`: `dadiannao`'s machine whose units walk scheduled entries.

What it counts is observed: rows enter the activation buffer one by one and leave it when the
window has passed, a lane takes its activation out of that buffer through its connection, a unit
that has no entry left waits (sheet sections 4, 6, 7, 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ddn_golden import Requantise, Result, result_of, shape_of
from .ddn_golden_bits import BitReader
from .ddn_golden_chip import COUNTERS as DDN_COUNTERS
from .ddn_golden_chip import Chip
from .ddn_golden_plan import Warp, active_tiles, warps
from .tct_golden_schedule import Entry, schedule, shuffled, with_bubbles
from .tct_golden_units import TctMachine, read_unit, unit_image, unit_slots

COUNTERS = (
    *DDN_COUNTERS, "mm_rd", "bubbles", "slot_zero", "slot_own", "slot_ahead", "slot_aside",
    "mac_skipped", "sync_wait",
)  # fmt: skip
SYNC_CODES = {"tile": 0, "accel": 1, "pe": 2}


@dataclass
class Unit:
    """The lanes that share a row pointer, with the entries of the chunk in WM and MM.

    Attributes:
        tiles: tiles whose activation buffers it drives.
        window, position: the entry that is next; window counts within the block.
        buffer: activation rows by row index; next_row: the one to be fetched next.
        sums: of every slot, for the window at hand.
    """

    slots: range
    tiles: int
    entries: list[Entry]
    window: int = 0
    position: int = 0
    buffer: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    next_row: int = 0
    sums: list[int] = field(default_factory=list[int])


@dataclass
class TctChip(Chip[TctMachine]):
    """The machine with one layer on it.

    Attributes:
        schedules: entries of every unit, bubbles included, per warp.
        executed: weight slots of the entries executed in this block.
    """

    schedules: dict[int, list[list[Entry]]] = field(default_factory=dict[int, list[list[Entry]]])
    executed: int = 0

    prefix = "tct"
    names = COUNTERS

    def pack(self, warp: Warp) -> list[bytes]:
        """Schedule a warp and pack its chunks (section 6)."""
        machine, N, size = self.machine, self.machine.lanes, self.machine.chunk_rows
        units: list[list[Entry]] = []
        for slots in unit_slots(machine, warp.nf):
            matrix = [[v for slot in slots for v in row[slot]] for row in warp.rows]
            entries = schedule(matrix, N, machine.links, machine.order, machine.scheduler)
            units.append(with_bubbles(entries, machine.advance))
        self.schedules[warp.index] = units
        chunks = max(1, *(-(-len(entries) // size) for entries in units))
        return [
            b"".join(
                unit_image(machine, entries[size * c : size * (c + 1)], len(slots))
                for entries, slots in zip(units, unit_slots(machine, warp.nf), strict=True)
            )
            for c in range(chunks)
        ]

    def load_weights(self, warp: Warp, chunk: int, half: int) -> dict[str, int]:
        """Decode a chunk image into a half; give the fields of the `ldw`."""
        image = self.images[warp.index, chunk]
        source = BitReader(image)
        units = unit_slots(self.machine, warp.nf)
        self.wm[half] = [read_unit(self.machine, source, len(slots)) for slots in units]
        source.finish()
        mode = int(self.machine.wcomp == "rlc")
        return dict(half=half, units=len(units), bytes=len(image), mode=mode)

    def conv_fields(self, warp: Warp, chunk: int, half: int, block: range) -> dict[str, int]:
        """Fields of a CONV."""
        return dict(
            half=half, first=int(chunk == 0), b0=warp.b0, nb=warp.nb, win0=block.start,
            nwin=len(block),
        )  # fmt: skip

    def configure(self) -> None:
        """The front end's configuration, then the base's."""
        machine = self.machine
        self.step("tct.cfg", dict(
            h=machine.h, ni=len(machine.links), wsb=machine.ws_bits, alcb=machine.alc_bits,
            adv=machine.advance, sync=SYNC_CODES[machine.sync],
        ))  # fmt: skip
        for code, (ahead, aside) in enumerate(machine.links, start=1):
            self.step("tct.mux", dict(idx=code, ahead=ahead, aside=aside))
        super().configure()

    def walk(self, warp: Warp, chunk: int, half: int, block: range) -> None:
        """Let every unit walk its entries, window after window, until the last one is done."""
        tiles = active_tiles(self.machine, warp.nf) if self.machine.sync == "accel" else 1
        units = [
            Unit(slots, tiles, entries)
            for slots, entries in zip(unit_slots(self.machine, warp.nf), self.wm[half], strict=True)
        ]
        sums = [[0] * warp.nf for _ in block]

        def has_work(unit: Unit) -> bool:
            return bool(unit.entries) and unit.window < len(block)

        while any(has_work(unit) for unit in units):
            self.tick(warp)
            for unit in units:
                if has_work(unit):
                    self.execute(warp, unit, block, sums)
                else:
                    self.counters["sync_wait"] += len(unit.slots) * self.machine.lanes
        for window, done in zip(block, sums, strict=True):
            self.finish(window, done)

    def execute(self, warp: Warp, unit: Unit, block: range, sums: list[list[int]]) -> None:
        """Run one entry of a unit: move the window, read it, multiply."""
        N, entry = self.machine.lanes, unit.entries[unit.position]
        if unit.position == 0:
            unit.buffer, unit.next_row = {}, entry.r
        while unit.next_row <= min(warp.R - 1, entry.r + self.machine.h):
            unit.buffer[unit.next_row] = self.fetch_for(unit, warp, block[unit.window])
            unit.next_row += 1
        unit.buffer = {row: word for row, word in unit.buffer.items() if row >= entry.r}
        assert len(unit.buffer) <= self.machine.h + 1
        self.counters["ab_rd"] += (self.machine.h + 1) * unit.tiles
        self.counters["mm_rd"] += unit.tiles
        self.counters["bubbles"] += entry.is_bubble
        for lane, (weight, ws) in enumerate(zip(entry.weights, entry.ws, strict=True)):
            slot = unit.slots[lane // N]
            self.counters["wm_rd"] += lane % N == 0
            activation = self.select(unit, entry.r, lane % N, ws)
            self.classify(weight, ws)
            sums[unit.window][slot] += self.multiply(activation, weight)
            self.executed += 1
        unit.position += 1
        if unit.position == len(unit.entries):
            unit.position, unit.window = 0, unit.window + 1

    def fetch_for(self, unit: Unit, warp: Warp, window: int) -> list[int]:
        """Bring the next activation row into a unit's buffers."""
        self.counters["ab_wr"] += unit.tiles
        return self.fetch(warp, window, unit.next_row)

    def select(self, unit: Unit, r: int, lane: int, ws: int) -> int:
        """The multiplexer of a lane; past the last row there is nothing to multiply."""
        if ws == 0:
            return unit.buffer[r][lane]
        ahead, aside = self.machine.links[ws - 1]
        return unit.buffer[r + ahead][(lane + aside) % self.machine.lanes]

    def classify(self, weight: int, ws: int) -> None:
        """Count a weight slot in its class of section 8."""
        if weight == 0:
            assert ws == 0
            name = "slot_zero"
        elif ws == 0:
            name = "slot_own"
        else:
            name = "slot_aside" if self.machine.links[ws - 1][1] else "slot_ahead"
        self.counters[name] += 1

    def close_block(self, warp: Warp, block: range) -> None:
        """Count the dense slots that no entry of the block stood for."""
        dense = len(block) * warp.R * warp.nf * self.machine.lanes
        self.counters["mac_skipped"] += dense - self.executed
        self.executed = 0


@dataclass
class TctResult(Result):
    """What a layer leaves behind, with its schedule.

    Attributes:
        schedules: entries of every unit, bubbles included, per warp.
    """

    schedules: dict[int, list[list[Entry]]]

    def zeros_removed(self, dense_work: int) -> float:
        """Proportion of zeros removed, against `dadiannao`'s work (section 8)."""
        return (1 - self.work / dense_work) / self.zero_fraction


def layer(
    machine: TctMachine, x: Any, w: Any, stride: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1, *,
    in_onchip: bool = False, out_onchip: bool = False, requantise: Requantise | None = None,
) -> TctResult:  # fmt: skip
    """Run a convolution x [n][C][H][W] int16, w [F][Cg][KH][KW] int16; pads t, l, b, r.

    Outputs are by filter; in memory they lie in the order of `filter_order`, which is not the
    filters' own if the machine shuffles.

    Raises:
        ValueError: one output row does not fit the AM.
    """
    xs, ws = np.asarray(x, dtype=np.int64), np.asarray(w, dtype=np.int64)
    shape = shape_of(xs, ws, stride, pads, dilation, groups)
    order = shuffled(ws) if machine.shuffle and groups == 1 else None
    chip = TctChip(
        machine, shape, xs, warps(machine, shape, ws, order), requantise or Requantise(),
        in_onchip, out_onchip,
    )  # fmt: skip
    chip.run()
    return TctResult(**vars(result_of(chip)), schedules=chip.schedules)
