"""The golden model of `gospa`: what a layer computes, costs and counts (gospa sheet).

Everything that is counted is observed: bytes are moved and decoded, every row is stepped cycle by
cycle (`gospa_golden_row`), sums are clipped when they are drained.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ddn_golden_plan import Ints
from .gospa_golden_bits import chunk_image, dram_image, fetch_box, halfwords, read_stream
from .gospa_golden_plan import (
    GospaSpec,
    Mapping,
    Plan,
    Tile,
    act_passes,
    fold,
    plan,
    weight_passes,
)
from .gospa_golden_row import Pe, Row
from .two_sided_conv import Conv, clip, conv_of, operand

COUNTERS = (
    "macs_effectual", "macs_ineffectual", "macs_gated", "macs_dense", "macs_skipped", "slots",
    "runs", "apu_scanned", "apu_kept", "apu_dropped", "pairs_generated", "pairs_kept",
    "act_words_bitmap", "act_words_value", "ring_writes", "ring_reads", "wmem_reads", "wbm_reads",
    "acc_reads", "acc_writes", "drain_words", "empty_slot_cycles", "pe_idle",
    "dram_weight_bytes", "dram_act_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One `gs.run`; `rows` are the cycles of the active rows, before `pipe`."""

    group: int
    block: int
    tile_set: int
    chunk: int
    channels: range
    rows: list[int]
    cycles: int


@dataclass
class Result:
    """What a layer leaves behind.

    Attributes:
        outputs: [N][K][E][F] sums, clipped to acc_bits.
        cycles: of all runs, without gs.cfg and gs.tile; config_cycles: of these.
        drain_cycles: of every gs.drn, in order.
        counters: all of COUNTERS.
        clips: outputs that did not fit acc_bits.
        images: DRAM image of every (conv group, k-block, chunk).
    """

    outputs: Ints
    cycles: int
    config_cycles: int
    drain_cycles: list[int]
    runs: list[Run]
    counters: dict[str, int]
    clips: int
    conv: Conv
    plan: Plan
    images: dict[tuple[int, int, int], bytes]

    @property
    def mapping(self) -> Mapping:
        """What the search chose."""
        return self.plan.mapping


@dataclass
class Chip:
    """The machine with one layer on it."""

    spec: GospaSpec
    conv: Conv
    x: Ints
    w: Ints
    counters: Counter[str] = field(default_factory=Counter[str])
    runs: list[Run] = field(default_factory=list[Run])
    drains: list[int] = field(default_factory=list[int])
    clips: int = 0
    tile_steps: int = 0

    def __post_init__(self) -> None:
        conv = self.conv
        self.plan = plan(self.spec, conv, self.w)
        self.dram = dram_image(self.x)
        self.images = {
            (g, kb, i): chunk_image(self.w, block.filters, channels)
            for g, blocks in enumerate(self.plan.blocks)
            for kb, block in enumerate(blocks)
            for i, channels in enumerate(block.chunks)
        }
        self.outputs = np.zeros((conv.N, conv.K, conv.E, conv.F), dtype=np.int64)

    def execute(self) -> None:
        """Do all conv groups, k-blocks and tile sets in the chosen order."""
        sets = self.plan.tile_sets
        for g, blocks in enumerate(self.plan.blocks):
            turns = [(kb, tq) for kb in range(len(blocks)) for tq in range(len(sets))]
            if self.plan.order == "A":
                turns.sort(key=lambda turn: (turn[1], turn[0]))
            for kb, tq in turns:
                self.load(g, kb, tq)
                self.work(g, kb, tq)

    def load(self, g: int, kb: int, tq: int) -> None:
        """Count the bytes of what is not on chip yet."""
        blocks, order, sets = self.plan.blocks[g], self.plan.order, self.plan.tile_sets
        passes = weight_passes(self.spec, self.w, blocks, blocks[kb], order, len(sets))
        if passes == len(sets) or tq == 0:
            for chunk in range(len(blocks[kb].chunks)):
                self.counters["dram_weight_bytes"] += len(self.images[g, kb, chunk])
        if act_passes(blocks, order) == len(blocks) or kb == 0:
            for tile in sets[tq]:
                for c in range(self.conv.Cg):
                    self.counters["dram_act_bytes"] += self.box_of(g, tile, c)[1]

    def box_of(self, g: int, tile: Tile, c: int) -> tuple[Ints, int]:
        """Move one channel of a box in; give its values and the bytes."""
        conv = self.conv
        rows, columns = tile.box(conv)
        shape = (conv.C, conv.H, conv.W)
        return fetch_box(self.dram, shape, tile.n, g * conv.Cg + c, rows, columns)

    def work(self, g: int, kb: int, tq: int) -> None:
        """Run all chunks of a k-block on a tile set and drain it."""
        block, tiles = self.plan.blocks[g][kb], self.plan.tile_sets[tq]
        self.tile_steps += len(tiles)
        cols = self.spec.cols
        parts = [block.filters[at : at + cols] for at in range(0, len(block.filters), cols)]
        sums = {
            (rk, rs): [[0] * tile.area for _ in part]
            for rk, part in enumerate(parts)
            for rs, tile in enumerate(tiles)
        }
        for chunk, channels in enumerate(block.chunks):
            weights = self.decode(g, kb, chunk)
            cycles: list[int] = []
            before = self.work_done
            for (rk, rs), accumulators in sums.items():
                own = range(rk * cols, rk * cols + len(parts[rk]))
                pes = [
                    Pe(block.filters[q], weights[q], total)
                    for q, total in zip(own, accumulators, strict=True)
                ]
                rows, columns = tiles[rs].box(self.conv)
                boxes = [self.box_of(g, tiles[rs], c)[0] for c in channels]
                row = Row(self.spec, self.conv, tiles[rs], rows, columns, boxes, pes, self.counters)
                cycles.append(row.run())
            total = max(cycles) + self.spec.pipe
            self.runs.append(Run(g, kb, tq, chunk, channels, cycles, total))
            self.counters["runs"] += 1
            slots = total * self.spec.n_apu * self.spec.cols
            self.counters["pe_idle"] += slots - (self.work_done - before)
        for (rk, rs), accumulators in sums.items():
            self.drain(tiles[rs], parts[rk], accumulators)
        self.drains.append(len(parts) * sum(tile.area for tile in tiles))

    @property
    def work_done(self) -> int:
        """PE cycles that were not idle."""
        return self.counters["macs_effectual"] + self.counters["empty_slot_cycles"]

    def decode(self, g: int, kb: int, chunk: int) -> list[list[dict[int, int]]]:
        """Read the streams of a chunk: per filter, per channel, weight by PID."""
        block = self.plan.blocks[g][kb]
        words, at = halfwords(self.images[g, kb, chunk]), 0
        streams: list[list[dict[int, int]]] = []
        for _ in block.filters:
            count = len(block.chunks[chunk])
            channels, at = read_stream(words, at, count, self.conv.R * self.conv.S)
            streams.append(channels)
        assert at == len(words)
        return streams

    def drain(self, tile: Tile, filters: Sequence[int], sums: Sequence[Sequence[int]]) -> None:
        """Clip the sums of a row and put them where they belong."""
        for k, own in zip(filters, sums, strict=True):
            for cid, total in enumerate(own):
                e, f = divmod(cid, tile.ew)
                value = clip(total, self.spec.acc_bits)
                self.clips += value != total
                self.outputs[tile.n, k, tile.e0 + e, tile.f0 + f] = value
                self.counters["drain_words"] += 1


def finish(chip: Chip, dense_macs: int) -> Result:
    """Sum up what was observed."""
    chip.execute()
    chip.counters["macs_dense"] = dense_macs
    chip.counters["macs_skipped"] = dense_macs - chip.counters["macs_effectual"]
    return Result(
        outputs=chip.outputs, cycles=sum(run.cycles for run in chip.runs),
        config_cycles=1 + chip.tile_steps, drain_cycles=chip.drains, runs=chip.runs,
        counters={name: chip.counters[name] for name in COUNTERS}, clips=chip.clips,
        conv=chip.conv, plan=chip.plan, images=chip.images,
    )  # fmt: skip


def layer(
    spec: GospaSpec, x: Any, w: Any, stride: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1,
) -> Result:  # fmt: skip
    """Run a convolution x [N][C][H][W] int16, w [K][Cg][R][S] int16; pads t, l, b, r.

    Raises:
        UnmappableError: it does not fit the machine.
    """
    xs, ws = operand(x), operand(w)
    conv = conv_of(xs, ws, stride, pads, dilation, groups)
    return finish(Chip(spec, conv, xs, ws), conv.dense_macs)


def fully_connected(spec: GospaSpec, x: Any, w: Any) -> Result:
    """Run x [N][C] int16, w [K][C] int16, folded; outputs [N][K][1][1].

    The folded tail is no nominal work.
    """
    xs, ws = operand(x), operand(w)
    folded_x, folded_w = fold(xs), fold(ws)
    conv = conv_of(folded_x, folded_w, (1, 1), (0, 0, 0, 0), (1, 1), 1)
    return finish(Chip(spec, conv, folded_x, folded_w), xs.size * ws.shape[0])
