"""The machine of `dadiannao`, stepped cycle by cycle (sheet, sections 3, 4, 7, 8).

Every counter of section 8 is counted where it happens, none is computed. The weights that the PEs
multiply come out of the chunk images, the activations out of AM words by address, so a wrong
format, strip or address gives wrong sums or a KeyError.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from .ddn_golden_bits import activation_image, chunk_image, read_activations, read_chunk
from .ddn_golden_plan import (
    Ints,
    Machine,
    Pass,
    Residency,
    Rows,
    Shape,
    Step,
    Warp,
    active_tiles,
    blocks,
    blocks_of,
    is_resident,
    passes,
)

COUNTERS = (
    "wm_rd",
    "am_rd",
    "ab_wr",
    "ab_rd",
    "pb_wr",
    "pb_rd",
    "am_wr",
    "mac_eff",
    "mac_ineff_a",
    "mac_ineff_w",
    "lane_idle",
    "dram_w",
    "dram_in",
    "dram_out",
    "sat",
)
X_AT = 0x1000
"""Where the listing of section 5 puts the input; the other areas follow at multiples of this."""

M = TypeVar("M", bound=Machine)


@dataclass
class InFlight:
    """A finished window on its way through the pipeline."""

    due: int
    window: int
    sums: list[int]


@dataclass
class Chip(Generic[M]):
    """The machine with one layer on it.

    Attributes:
        requantise: what the PPU makes of a sum of a filter.
        am: words of N values by address.
        wm: the two halves: decoded rows.
        pb: accumulators of a tile by (bank, tile, window).
        clock: cycles of the instruction that runs.
    """

    machine: M
    shape: Shape
    x: Ints
    warps: list[Warp]
    requantise: Callable[[int, int], int]
    in_onchip: bool = False
    out_onchip: bool = False
    counters: dict[str, int] = field(default_factory=dict[str, int])
    am: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    wm: list[Any] = field(default_factory=lambda: [None, None])
    pb: dict[tuple[int, int, int], list[int]] = field(
        default_factory=dict[tuple[int, int, int], list[int]]
    )
    program: list[Step] = field(default_factory=list[Step])
    in_flight: deque[InFlight] = field(default_factory=deque[InFlight])
    clock: int = 0
    work: int = 0

    prefix = "ddn"
    names = COUNTERS

    def __post_init__(self) -> None:
        self.counters = dict.fromkeys(self.names, 0)
        self.residency = Residency()
        self.images = {
            (warp.index, c): image for warp in self.warps for c, image in enumerate(self.pack(warp))
        }
        page = X_AT
        x_bytes = self.x.size // self.shape.C * self.CB * 2 * self.machine.lanes
        self.w_at: dict[tuple[int, int], int] = {}
        at = 2 * page + (x_bytes - 1) // page * page
        for key, image in self.images.items():
            self.w_at[key] = at
            at += len(image)
        self.y_at = -(-at // page) * page
        self.outputs = np.zeros(
            (self.shape.n, self.shape.F, self.shape.OH, self.shape.OW), dtype=np.int64
        )
        self.y = np.zeros_like(self.outputs)
        self.bank = 1

    # What tct does otherwise ------------------------------------------------------------------

    def pack(self, warp: Warp) -> list[bytes]:
        """DRAM images of a warp's chunks (section 4, rule 5)."""
        size = self.machine.chunk_rows
        return [
            chunk_image(warp.rows[at : at + size], self.machine.wcomp)
            for at in range(0, warp.R, size)
        ]

    def load_weights(self, warp: Warp, chunk: int, half: int) -> dict[str, int]:
        """Decode a chunk image into a half; give the fields of the `ldw`."""
        size = self.machine.chunk_rows
        rows = min(warp.R, size * (chunk + 1)) - size * chunk
        self.wm[half] = read_chunk(
            self.images[warp.index, chunk], rows, warp.nf, self.machine.lanes, self.machine.wcomp
        )
        return dict(half=half, rows=rows, slots=warp.nf, mode=int(self.machine.wcomp == "rlc"))

    def conv_fields(self, warp: Warp, chunk: int, half: int, block: range) -> dict[str, int]:
        """Fields of a CONV."""
        return dict(
            half=half, first=int(chunk == 0), b0=warp.b0, nb=warp.nb,
            row0=chunk * self.machine.chunk_rows, rows=len(self.wm[half]),
            win0=block.start, nwin=len(block),
        )  # fmt: skip

    def walk(self, warp: Warp, chunk: int, half: int, block: range) -> None:
        """Issue the slots of a CONV: every window, every row, one cycle each."""
        tiles = active_tiles(self.machine, warp.nf)
        rows: Rows = self.wm[half]
        for window in block:
            sums = [0] * warp.nf
            for row, weights in enumerate(rows, start=chunk * self.machine.chunk_rows):
                word = self.fetch(warp, window, row)
                self.tick(warp)
                self.counters["ab_wr"] += tiles
                self.counters["ab_rd"] += tiles
                for slot in range(warp.nf):
                    self.counters["wm_rd"] += 1
                    for a, v in zip(word, weights[slot], strict=True):
                        sums[slot] += self.multiply(a, v)
            self.finish(window, sums)

    def close_block(self, warp: Warp, block: range) -> None:
        """Account for a block that is done."""

    # The common machine ------------------------------------------------------------------------

    @property
    def CB(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Channel blocks of the input."""
        return blocks_of(self.shape.C, self.machine.lanes)

    @property
    def FB(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Channel blocks of the output."""
        return blocks_of(self.shape.F, self.machine.lanes)

    def tick(self, warp: Warp | None) -> None:
        """Let a cycle pass; with a warp, a cycle in which its PEs are given work."""
        self.clock += 1
        if warp is not None:
            self.work += 1
            self.counters["lane_idle"] += (self.machine.K - warp.nf) * self.machine.lanes
        self.settle()

    def multiply(self, activation: int, weight: int) -> int:
        """One lane, one cycle."""
        if weight == 0:
            self.counters["mac_ineff_w"] += 1
        elif activation == 0:
            self.counters["mac_ineff_a"] += 1
        else:
            self.counters["mac_eff"] += 1
        return activation * weight

    def fetch(self, warp: Warp, window: int, row: int) -> list[int]:
        """Give the activations of a row: an AM word, or zeros without an access."""
        ky, kx, cb = warp.tap_of(row, self.shape.KW)
        tap = self.shape.tap(window, ky, kx)
        if tap is None:
            return [0] * self.machine.lanes
        self.counters["am_rd"] += 1
        image = self.shape.place(window)[0]
        return self.am[self.in_address(image, *tap) + cb]

    def in_address(self, image: int, y: int, x: int) -> int:
        """Address of the first word of a position (section 3)."""
        rows = self.now.in_rows
        line = (image - self.now.images.start) * len(rows) + y - rows.start
        return self.in_base + (line * self.shape.W + x) * self.CB

    def out_address(self, image: int, oy: int, ox: int) -> int:
        """Address of the first output word of a window."""
        rows = self.now.out_rows
        line = (image - self.now.images.start) * len(rows) + oy - rows.start
        return self.out_base + (line * self.shape.OW + ox) * self.FB

    def finish(self, window: int, sums: list[int]) -> None:
        """Send a window's sums down the tree and the accumulators."""
        self.in_flight.append(InFlight(self.clock + self.machine.fill, window, sums))
        self.settle()

    def settle(self) -> None:
        """Write what has come out of the pipeline to the PB (section 7)."""
        while self.in_flight and self.in_flight[0].due <= self.clock:
            done = self.in_flight.popleft()
            for tile in range(-(-len(done.sums) // self.machine.pes)):
                self.write_sums(tile, done)

    def write_sums(self, tile: int, done: InFlight) -> None:
        """Write one tile's word."""
        at = tile * self.machine.pes
        fresh = done.sums[at : at + self.machine.pes]
        key = (self.bank, tile, done.window)
        if not self.is_first:
            self.counters["pb_rd"] += 1
            fresh = [old + new for old, new in zip(self.pb[key], fresh, strict=True)]
        top = (1 << (self.machine.acc_bits - 1)) - 1
        kept = [min(top, max(-top - 1, value)) for value in fresh]
        self.counters["sat"] += sum(a != b for a, b in zip(fresh, kept, strict=True))
        self.counters["pb_wr"] += 1
        self.pb[key] = kept

    def drain(self) -> None:
        """Wait for the pipeline."""
        for _ in range(self.machine.fill):
            self.tick(None)
        assert not self.in_flight

    def step(self, op: str, fields: dict[str, int], **place: int) -> Step:
        """Record an instruction."""
        self.program.append(Step(op, fields, **place))
        self.clock = 0
        return self.program[-1]

    def conv(self, warp: Warp, chunk: int, block: range, block_index: int) -> None:
        """Load the chunk unless it is there, then run it over the block."""
        place = dict(warp=warp.index, chunk=chunk, block=block_index)
        half, is_missing = self.residency.claim((warp.index, chunk))
        if is_missing:
            self.counters["dram_w"] += len(self.images[warp.index, chunk])
            fields = self.load_weights(warp, chunk, half)
            fields["dram"] = self.w_at[warp.index, chunk]
            self.step(f"{self.prefix}.ldw", fields, **place)
        fields = self.conv_fields(warp, chunk, half, block)
        step = self.step(f"{self.prefix}.conv", fields, **place)
        self.is_first = chunk == 0
        self.walk(warp, chunk, half, block)
        self.drain()
        step.cycles = self.clock

    def post(self, warp: Warp, block: range, block_index: int) -> None:
        """Take the block's sums through the PPU, a window per cycle, a word per tile."""
        tiles = active_tiles(self.machine, warp.nf)
        fields = dict(
            fb0=warp.index * self.machine.tiles, tiles=tiles, win0=block.start, nwin=len(block),
            bias=0, act=0, bank=self.bank,
        )  # fmt: skip
        step = self.step("ddn.post", fields, warp=warp.index, block=block_index)
        for window in block:
            self.tick(None)
            for tile in range(tiles):
                self.counters["pb_rd"] += 1
                self.counters["am_wr"] += 1
                self.store(warp, tile, window, self.pb.pop((self.bank, tile, window)))
        self.drain()
        step.cycles = self.clock

    def store(self, warp: Warp, tile: int, window: int, sums: list[int]) -> None:
        """Put a tile's outputs into their lanes of the output tensor."""
        N = self.machine.lanes
        image, oy, ox = self.shape.place(window)
        for pe, total in enumerate(sums):
            slot = tile * self.machine.pes + pe
            f, position = warp.filters[slot], warp.index * self.machine.K + slot
            value = self.requantise(total, f)
            self.outputs[image, f, oy, ox] = total
            self.y[image, f, oy, ox] = value
            word = self.out_address(image, oy, ox) + position // N
            self.am.setdefault(word, [0] * N)[position % N] = value

    def dma(self, op: str, counter: str, at: int, words: list[list[int]]) -> list[list[int]]:
        """Move words across DRAM, coded; give what arrives."""
        image = activation_image(words, self.machine.acomp)
        self.counters[counter] += len(image)
        base = self.in_base if op == "ddn.lda" else self.out_base
        mode = int(self.machine.acomp == "group")
        self.step(op, dict(am=base, words=len(words), mode=mode, dram=at))
        return read_activations(image, len(words), self.machine.lanes, self.machine.acomp)

    def in_words(self, todo: Pass) -> list[list[int]]:
        """The words of the pass's input rows, in AM order."""
        N = self.machine.lanes
        padded = np.zeros((self.shape.n, self.CB * N, self.shape.H, self.shape.W), dtype=np.int64)
        padded[:, : self.shape.C] = self.x
        return [
            padded[image, at : at + N, y, x].tolist()
            for image in todo.images
            for y in todo.in_rows
            for x in range(self.shape.W)
            for at in range(0, self.CB * N, N)
        ]

    def begin(self, todo: Pass, index: int) -> None:
        """Configure a pass and bring its input."""
        half, quarter = self.machine.am_words // 2, self.machine.am_words // 4
        size = half if is_resident(self.machine, self.shape) else quarter
        self.now = todo
        self.in_base = 0 if size == half else index % 2 * quarter
        self.out_base = half if size == half else (2 + index % 2) * quarter
        self.am = {
            at: word
            for at, word in self.am.items()
            if at not in range(self.in_base, self.in_base + size)
            and at not in range(self.out_base, self.out_base + size)
        }
        self.configure()
        words = self.in_words(todo)
        assert len(words) <= size
        if words and not self.in_onchip:
            line = todo.images.start * self.shape.H + todo.in_rows.start
            at = X_AT + line * self.shape.W * self.CB * 2 * self.machine.lanes
            words = self.dma("ddn.lda", "dram_in", at, words)
        self.am.update(enumerate(words, start=self.in_base))

    def configure(self) -> None:
        """The configuration instructions of a pass."""
        shape, now = self.shape, self.now
        self.step("ddn.in", dict(
            base=self.in_base, h=shape.H, w=shape.W, cb=self.CB, img=len(now.images),
            y0=now.in_rows.start, pt=shape.pads[0], pl=shape.pads[1],
        ))  # fmt: skip
        self.step("ddn.ker", dict(
            kh=shape.KH, kw=shape.KW, sy=shape.stride[0], sx=shape.stride[1],
            dy=shape.dilation[0], dx=shape.dilation[1], oh=shape.OH, ow=shape.OW,
        ))  # fmt: skip
        self.step("ddn.out", dict(
            base=self.out_base, fb=self.FB, oh=shape.OH, ow=shape.OW, y0=now.out_rows.start,
        ))  # fmt: skip

    def end(self) -> None:
        """Take the pass's output away."""
        if self.out_onchip:
            return
        todo = self.now
        first = self.out_address(todo.images.start, todo.out_rows.start, 0)
        count = len(todo.windows) * self.FB
        at = self.y_at + todo.windows.start * self.FB * 2 * self.machine.lanes
        self.dma("ddn.sta", "dram_out", at, [self.am[first + word] for word in range(count)])

    def run(self) -> None:
        """The loop nest of section 4."""
        todo = passes(self.machine, self.shape)
        assert len(todo) == 1 or not (self.in_onchip or self.out_onchip)
        block_index = 0
        for index, now in enumerate(todo):
            self.begin(now, index)
            for warp in self.warps:
                chunks = sum(1 for w, _ in self.images if w == warp.index)
                for block in blocks(self.machine, now.windows):
                    self.bank = 1 - self.bank
                    for chunk in range(chunks):
                        self.conv(warp, chunk, block, block_index)
                    self.post(warp, block, block_index)
                    self.close_block(warp, block)
                    block_index += 1
            self.end()
