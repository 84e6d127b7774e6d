"""The golden model of `dadiannao`: what a layer computes, costs and counts.

`ddn_golden_chip` steps through the layer; here it is put together and summed up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .ddn_golden_chip import Chip
from .ddn_golden_plan import Ints, Machine, Shape, Step, is_resident, warps


@dataclass(frozen=True)
class Requantise:
    """What the PPU does to a sum: clip(round((sum + bias) / 2^shift), low, high), ties to even."""

    bias: tuple[int, ...] = ()
    shift: int = 0
    low: int = -(1 << 15)
    high: int = (1 << 15) - 1

    def __call__(self, total: int, f: int) -> int:
        """Give the stored value of filter f."""
        value = total + (self.bias[f] if self.bias else 0)
        low_part = value & ((1 << self.shift) - 1)
        half = (1 << self.shift) >> 1
        rounded = value >> self.shift
        if half and (low_part > half or (low_part == half and rounded & 1)):
            rounded += 1
        return min(self.high, max(self.low, rounded))


@dataclass
class Result:
    """What a layer leaves behind.

    Attributes:
        outputs: [n][F][OH][OW] sums as they lie in the PB, before the PPU.
        y: [n][F][OH][OW] after the PPU.
        cycles: compute cycles of the layer (conv instructions); work: the same without fill.
        ppu: cycles of the post instructions.
        counters: all of COUNTERS.
        images: DRAM image of every (warp, chunk).
        program: all instructions in order, with their cycles.
        is_resident: pass mode.
        filter_order: filters by position in the output tensor.
        zero_fraction: share of zeros in the padded weight matrices.
    """

    outputs: Ints
    y: Ints
    cycles: int
    work: int
    n_conv: int
    n_ldw: int
    ppu: int
    counters: dict[str, int]
    images: dict[tuple[int, int], bytes]
    program: list[Step]
    is_resident: bool
    filter_order: list[int]
    zero_fraction: float

    def steps(self, *ops: str) -> list[Step]:
        """The instructions with these mnemonics."""
        return [step for step in self.program if step.op in ops]


def result_of(chip: Chip[Any]) -> Result:
    """Sum up what was observed."""
    convs = [step for step in chip.program if step.op == f"{chip.prefix}.conv"]
    weights = [v for warp in chip.warps for row in warp.rows for pe in row for v in pe]
    return Result(
        outputs=chip.outputs, y=chip.y, cycles=sum(step.cycles for step in convs),
        work=chip.work, n_conv=len(convs),
        n_ldw=sum(step.op == f"{chip.prefix}.ldw" for step in chip.program),
        ppu=sum(step.cycles for step in chip.program if step.op == "ddn.post"),
        counters=chip.counters, images=chip.images, program=chip.program,
        is_resident=is_resident(chip.machine, chip.shape),
        filter_order=[f for warp in chip.warps for f in warp.filters],
        zero_fraction=weights.count(0) / len(weights),
    )  # fmt: skip


def shape_of(
    x: Ints, w: Ints, stride: Sequence[int], pads: Sequence[int], dilation: Sequence[int],
    groups: int,
) -> Shape:  # fmt: skip
    """Describe a layer by its operands x [n][C][H][W], w [F][Cg][KH][KW]."""
    n, C, H, W = x.shape
    F, Cg, KH, KW = w.shape
    assert Cg * groups == C
    (sy, sx), (dy, dx), (top, left, bottom, right) = stride, dilation, pads
    return Shape(n, C, H, W, F, KH, KW, (sy, sx), (top, left, bottom, right), (dy, dx), groups)


def layer(
    machine: Machine, x: Any, w: Any, stride: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1, *,
    in_onchip: bool = False, out_onchip: bool = False, requantise: Requantise | None = None,
) -> Result:  # fmt: skip
    """Run a convolution x [n][C][H][W] int16, w [F][Cg][KH][KW] int16; pads t, l, b, r.

    Raises:
        ValueError: one output row does not fit the AM.
    """
    xs, ws = np.asarray(x, dtype=np.int64), np.asarray(w, dtype=np.int64)
    shape = shape_of(xs, ws, stride, pads, dilation, groups)
    chip: Chip[Machine] = Chip(
        machine, shape, xs, warps(machine, shape, ws), requantise or Requantise(), in_onchip,
        out_onchip,
    )  # fmt: skip
    chip.run()
    return result_of(chip)
