"""Bit-Tactical's compiler half: dadiannao's with scheduled entries instead of rows (tct sheet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.encoding import Instruction
from ...isa.targets.tct import ISA, Cfg, Conv, Ldw, Mux, TctSpec
from ..backend.ppu_layers import lower_on_ppu
from ..backend.schedule import Schedule
from ..dialects.encoding import EncodingAttr
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import SumsOp
from ..layout import address_of
from ..passes import loaders
from ..requirements import require
from . import dadiannao as ddn
from .base import PIPELINE, PackedWeights, TargetCompiler
from .ddn_lowering import WindowLowering
from .ddn_tiling import Layer, Warp, warps_of
from .tct_layers import LONGEST_AHEAD, SUMMARY, chunk_count, encode_layer, schedule_layer

KEEP_ON_CHIP = "tct-keep-on-chip"
PASSES = ("tct-shuffle-filters", "tct-schedule-weights", "tct-pack-weights", KEEP_ON_CHIP)


def pack(spec: TctSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Schedule a layer and make the images of its chunks (sections 3 and 6)."""
    return encode_layer(spec, schedule_layer(spec, cast(SumsOp, op), weights))


@dataclass
class ScheduledEntries:
    """The front end that multiplies scheduled entries.

    Args:
        spec: Parameters.
        op: The layer, scheduled, packed and allocated.
        warps: Its warps.
    """

    spec: TctSpec
    op: SumsOp
    warps: Sequence[Warp]

    def __post_init__(self) -> None:
        attributes = self.op.attributes
        offsets: Sequence[int] = from_attribute(attributes["tile_offsets"])
        self._bounds = [*offsets, from_attribute(attributes["packed_bytes"])]
        entries = from_attribute(attributes[SUMMARY])["entries"]
        self._counts = [chunk_count(self.spec, units) for units in entries]
        self._first = np.cumsum([0, *self._counts]).tolist()

    def chunk_count(self, warp: int) -> int:
        """Chunks of a warp."""
        return self._counts[warp]

    def load(self, warp: int, chunk: int, half: int) -> Instruction:
        """`tct.ldw` of a chunk."""
        slots, at = self.warps[warp].slots, self._first[warp] + chunk
        low, high = self._bounds[at : at + 2]
        return Ldw(
            half=half,
            units=len(self.spec.unit_slots(slots)),
            slots=slots,
            bytes=high - low,
            mode=int(self.spec.image_form.is_compressed),
            dram=address_of(self.op) + low,
        )

    def multiply(
        self, warp: int, chunk: int, half: int, block: tuple[int, int], bank: int
    ) -> Instruction:
        """`tct.conv` of a chunk with a block of windows."""
        return Conv(
            half=half,
            first=int(chunk == 0),
            b0=self.warps[warp].b0,
            nb=self.warps[warp].nb,
            win0=block[0],
            nwin=block[1],
            bank=bank,
        )


def lower(schedule: Schedule, spec: TctSpec, op: Operation) -> None:
    """Append a layer's instructions."""
    if not isinstance(op, SumsOp):
        lower_on_ppu(schedule, spec, op)
        return
    schedule.emit(Cfg.of(spec))
    for code, pair in enumerate(spec.pairs, 1):
        schedule.emit(Mux(idx=code, ahead=pair.ahead, aside=pair.aside))
    warps = warps_of(op)
    WindowLowering(schedule, spec, op, warps, ScheduledEntries(spec, op, warps)).emit()


def static_counts(spec: TctSpec, op: Operation) -> dict[str, int]:
    """The work of dense rows, as of dadiannao, and of entries made by lookahead alone.

    All chunks of a warp together take as long as its longest unit has entries (section 7).
    """
    if not isinstance(op, SumsOp):
        return {}
    require(LONGEST_AHEAD in op.attributes, "it is not scheduled", op.label, "tct-schedule-weights")
    windows = Layer.of(spec, op).window_count
    return {
        "work_dense": windows * sum(warp.rows for warp in warps_of(op)),
        "work_lookahead": windows * sum(from_attribute(op.attributes[LONGEST_AHEAD])),
    }


def weight_encoding(spec: TctSpec, frac: int, bits: int) -> EncodingAttr:
    """Chunks of entries, plain or run-length coded."""
    name = "tct_runs" if spec.image_form.is_compressed else "tct_entries"
    return EncodingAttr.of(frac, bits, name, (spec.half_rows, spec.lanes))


def _pipeline() -> str:
    steps = ddn.pipeline(KEEP_ON_CHIP)
    own = "tct-shuffle-filters,tile,tct-schedule-weights,tct-pack-weights"
    assert "tile,pack-weights" in PIPELINE
    return steps.replace("tile,pack-weights", own)


COMPILER = TargetCompiler(
    name="tct",
    isa=ISA,
    spec_type=TctSpec,
    limits=ddn.LIMITS,
    pipeline=_pipeline(),
    passes=loaders(PASSES),
    accumulator_bits=ddn.COMPILER.accumulator_bits,
    forced_product_shift=ddn.COMPILER.forced_product_shift,
    weight_encoding=weight_encoding,
    expanded_macs=ddn.COMPILER.expanded_macs,
    static_counts=static_counts,
    strides=ddn.COMPILER.strides,
    channel_block=ddn.COMPILER.channel_block,
    tile=ddn.COMPILER.tile,
    pack=pack,
    lower=lower,
)
