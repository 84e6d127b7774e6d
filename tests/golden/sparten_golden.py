"""The golden model of `sparten`: what a layer computes, costs and counts (sparten sheet).

Everything that is counted is observed: records are packed and read back, every cluster is stepped
cycle by cycle (`sparten_golden_cluster`), sums are clipped and put in order when they are drained.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .ddn_golden_plan import Ints
from .sparten_golden_bits import (
    CHUNK,
    MASK_BYTES,
    SLOT_BYTES,
    Record,
    filter_image,
    map_image,
    read_filter,
    read_record,
    slot_index,
)
from .sparten_golden_cluster import Broadcast, Cluster, Psum
from .sparten_golden_plan import FilterSet, Plan, SpartenSpec, plan
from .two_sided_conv import Conv, ceil_div, clip, conv_of, operand

COUNTERS = (
    "macs_effectual", "macs_ineffectual", "macs_gated", "macs_dense", "macs_skipped",
    "chunk_joins", "fmask_reads", "join_overhead_cycles", "in_mask_reads", "in_value_reads",
    "cu_in_writes", "cu_in_reads", "fval_reads", "perm_words", "out_words", "cu_idle",
)  # fmt: skip
DRAIN_WORDS = 32
"""Values that a `sp.drn` moves per cycle and share."""


@dataclass(frozen=True)
class Run:
    """One `sp.run`; `clusters` are the cycles by (share, set of the batch), before `pipe`."""

    group: int
    batch: int
    block: int
    segment: int
    clusters: dict[tuple[int, int], int]
    cycles: int


@dataclass
class Result:
    """What a layer leaves behind.

    Attributes:
        outputs: [N][K][E][F] sums, clipped to acc_bits.
        cycles: of all runs.
        drain_cycles: of every sp.drn, in order.
        counters: all of COUNTERS.
        clips: outputs that did not fit acc_bits.
        dram_weight_bytes, dram_act_bytes: traffic of section 6, step 7.
        images: records of every filter.
    """

    outputs: Ints
    cycles: int
    drain_cycles: list[int]
    runs: list[Run]
    counters: dict[str, int]
    clips: int
    dram_weight_bytes: int
    dram_act_bytes: int
    conv: Conv
    plan: Plan
    images: list[bytes]


@dataclass
class Chip:
    """The machine with one layer on it."""

    spec: SpartenSpec
    conv: Conv
    x: Ints
    w: Ints
    counters: Counter[str] = field(default_factory=Counter[str])
    runs: list[Run] = field(default_factory=list[Run])
    drains: list[int] = field(default_factory=list[int])
    clips: int = 0

    def __post_init__(self) -> None:
        conv = self.conv
        self.plan = plan(self.spec, conv, self.w)
        self.dram = map_image(conv, self.x)
        self.images = [filter_image(self.w, k) for k in range(conv.K)]
        self.outputs = np.zeros((conv.N, conv.K, conv.E, conv.F), dtype=np.int64)

    def execute(self) -> None:
        """Do all conv groups, batches and blocks."""
        for g, batches in enumerate(self.plan.batches):
            for index, batch in enumerate(batches):
                if max(len(members.segments) for members in batch) == 1:
                    self.load_filters(batch)
                for b in range(max(len(blocks) for blocks in self.plan.blocks)):
                    self.work(g, index, b)

    def load_filters(self, batch: Sequence[FilterSet]) -> None:
        """Move all records of a batch."""
        for members in batch:
            for k in members.filters:
                self.counters["dram_weight_bytes"] += len(self.images[k])

    def load_rows(self, g: int, block: range) -> None:
        """Move the input rows of a block, full width, all chunks of the conv group."""
        conv = self.conv
        n, first = self.place(block.start)[:2]
        last = self.place(block.stop - 1)[1]
        top, uh, dh = conv.pads[0], conv.stride[0], conv.dilation[0]
        low = max(0, first * uh - top)
        high = min(conv.H, last * uh - top + (conv.R - 1) * dh + 1)
        for h in range(low, high):
            for w in range(conv.W):
                for cc in range(ceil_div(conv.Cg, CHUNK)):
                    chunk = self.slot(n, h, w, g, cc)
                    self.counters["dram_act_bytes"] += MASK_BYTES + 2 * len(chunk.values)

    def place(self, p: int) -> tuple[int, int, int]:
        """Image, row and column of an output position."""
        n, rest = divmod(p, self.conv.E * self.conv.F)
        return n, rest // self.conv.F, rest % self.conv.F

    def slot(self, n: int, h: int, w: int, g: int, cc: int) -> Record:
        """Read an input chunk."""
        return read_record(self.dram, SLOT_BYTES * slot_index(self.conv, n, h, w, g, cc))[0]

    def sequence(self, g: int, block: range, segment: range) -> list[Broadcast]:
        """What a cluster broadcasts: positions outer, in-map chunks of the segment inner."""
        nC = ceil_div(self.conv.Cg, CHUNK)
        found: list[Broadcast] = []
        for p in block:
            n, e, f = self.place(p)
            for i in segment:
                tap, cc = divmod(i, nC)
                at = self.conv.under(e, f, *divmod(tap, self.conv.S))
                if at is not None:
                    found.append((p, i, self.slot(n, *at, g, cc)))
        return found

    def work(self, g: int, index: int, b: int) -> None:
        """Run all segments of a batch on block b of every share, then drain."""
        batch = self.plan.batches[g][index]
        shares = {q: blocks[b] for q, blocks in enumerate(self.plan.blocks) if b < len(blocks)}
        segments = max(len(members.segments) for members in batch)
        if segments > 1:
            self.load_filters(batch)
        for block in shares.values():
            self.load_rows(g, block)
        psums = {(q, z): Counter[Psum]() for q in shares for z in range(len(batch))}
        records = [[read_filter(self.images[k]) for k in members.filters] for members in batch]
        for sg in range(segments):
            before = self.work_done
            cycles: dict[tuple[int, int], int] = {}
            for (q, z), sums in psums.items():
                members = batch[z]
                segment = members.segments[sg] if sg < len(members.segments) else range(0)
                sequence = self.sequence(g, shares[q], segment)
                cluster = Cluster(self.spec, members, records[z], sequence, sums, self.counters)
                cycles[q, z] = cluster.run()
            total = max(cycles.values()) + self.spec.pipe
            self.runs.append(Run(g, index, b, sg, cycles, total))
            slots = total * self.spec.clusters * self.spec.cus
            self.counters["cu_idle"] += slots - (self.work_done - before)
        for z, members in enumerate(batch):
            counts = [self.drain(members, block, psums[q, z]) for q, block in shares.items()]
            self.drains.append(max(ceil_div(count, DRAIN_WORDS) for count in counts))

    @property
    def work_done(self) -> int:
        """CU cycles that were not idle."""
        return self.counters["macs_effectual"] + self.counters["join_overhead_cycles"]

    def drain(self, members: FilterSet, block: range, psums: Counter[Psum]) -> int:
        """Clip the sums of a block and put them where their filters belong; give their number."""
        for member, k in enumerate(members.filters):
            for p in block:
                n, e, f = self.place(p)
                total = psums[member, p]
                value = clip(total, self.spec.acc_bits)
                self.clips += value != total
                self.outputs[n, k, e, f] = value
        self.counters["out_words"] += len(members.filters) * len(block)
        return len(members.filters) * len(block)


def layer(
    spec: SpartenSpec, x: Any, w: Any, stride: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1,
) -> Result:  # fmt: skip
    """Run a convolution x [N][C][H][W] int16, w [K][Cg][R][S] int16; pads t, l, b, r.

    A fully connected layer is a 1x1 convolution on a 1x1 map.

    Raises:
        UnmappableError: it does not fit the machine.
    """
    xs, ws = operand(x), operand(w)
    conv = conv_of(xs, ws, stride, pads, dilation, groups)
    chip = Chip(spec, conv, xs, ws)
    chip.execute()
    count = chip.counters
    count["macs_dense"] = conv.dense_macs
    count["macs_skipped"] = conv.dense_macs - count["macs_effectual"]
    return Result(
        outputs=chip.outputs, cycles=sum(run.cycles for run in chip.runs),
        drain_cycles=chip.drains, runs=chip.runs,
        counters={name: count[name] for name in COUNTERS}, clips=chip.clips,
        dram_weight_bytes=count["dram_weight_bytes"], dram_act_bytes=count["dram_act_bytes"],
        conv=conv, plan=chip.plan, images=chip.images,
    )  # fmt: skip
