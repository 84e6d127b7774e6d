"""DaDianNao++'s compiler half: limits, warps, chunk images, lowering (sheet sections 4, 6, 9)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.encoding import Instruction
from ...isa.formats import ddn_words
from ...isa.targets.dadiannao import ISA, PACKED, PLAIN, Conv, DadiannaoSpec, In, Ker, Ldw
from ..backend.pooling import POOL_LIMITS, tile_pool
from ..backend.ppu_layers import lower_on_ppu
from ..backend.schedule import Schedule
from ..backend.window_limits import kernel_within, map_within, pads_within, steps_within
from ..dialects.encoding import EncodingAttr
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import (
    AffineOp,
    Conv2dOp,
    MatmulOp,
    PoolOp,
    SumsOp,
    WindowOp,
    shape_of,
)
from ..layout import address_of, compact_strides
from ..passes import loaders
from .base import BASE_LIMITS, PIPELINE, PackedWeights, TargetCompiler
from .ddn_lowering import WindowLowering
from .ddn_tiling import (
    Layer,
    Warp,
    chunks,
    plan_warps,
    to_plain,
    warp_matrix,
    warps_of,
)

LANES = DadiannaoSpec().lanes


kernel_fits = kernel_within(Ker.kh, Ker.kw)
steps_fit = steps_within((Ker.sy, Ker.sx), (Ker.dy, Ker.dx))
pads_fit = pads_within(In.pt, In.pl)
map_fits = map_within(In.h, In.w)


def batch_fits(op: Operation) -> bool:
    """The batch, or the number of rows of a MatMul, is at most 255."""
    return shape_of(op.results[0])[0] <= In.img.maximum


def windows_fit(op: WindowOp | AffineOp) -> bool:
    """The outputs have at most 16777215 positions, all images together."""
    shape = shape_of(op.results[0])
    return shape[0] * prod(shape[2:]) <= Conv.win0.maximum


def channels_fit(op: Operation) -> bool:
    """Input and output have at most 32752 channels (2047 words of 16)."""
    shapes = (shape_of(op.operands[0]), shape_of(op.results[0]))
    return all(-(-shape[1] // LANES) <= In.cb.maximum for shape in shapes)


def tile(
    spec: DadiannaoSpec, op: Operation, weights: npt.NDArray[np.int16] | None
) -> list[dict[str, int]]:
    """Cut a layer into warps (section 4), a pool as the base machine wants it."""
    del weights
    if isinstance(op, PoolOp):
        return tile_pool(spec, op)
    return to_plain(plan_warps(spec, cast(SumsOp, op)))


def pack(spec: DadiannaoSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Make the chunk images of every warp in order (section 3)."""
    layer = cast(SumsOp, op)
    images: list[npt.NDArray[Any]] = []
    for warp in warps_of(layer):
        matrix = warp_matrix(spec, layer, weights, warp)
        for row0, rows in chunks(spec, warp.rows):
            chunk = matrix[row0 : row0 + rows]
            if spec.wcomp == "rlc":
                by_slot = chunk.transpose(1, 0, 2).reshape(warp.slots, -1)
                images.append(ddn_words.encode_runs(by_slot))
            else:
                images.append(chunk)
    return PackedWeights.of(images)


def expanded_macs(spec: DadiannaoSpec, op: Operation) -> int:
    """Products that the model does not have: channels of padding and of other groups."""
    if not isinstance(op, SumsOp):
        return 0
    windows = Layer.of(spec, op).window_count
    executed = sum(warp.rows * warp.slots for warp in warps_of(op)) * spec.lanes
    return windows * (executed - prod(shape_of(op.weight)))


@dataclass
class DenseRows:
    """The front end that multiplies every row of weights.

    Args:
        spec: Parameters.
        op: The layer, packed and allocated.
        warps: Its warps.
    """

    spec: DadiannaoSpec
    op: SumsOp
    warps: list[Warp]

    def __post_init__(self) -> None:
        base = address_of(self.op)
        self._addresses = [base + at for at in from_attribute(self.op.attributes["tile_offsets"])]
        self._chunks = [chunks(self.spec, warp.rows) for warp in self.warps]
        self._first = np.cumsum([0, *map(len, self._chunks)]).tolist()

    def chunk_count(self, warp: int) -> int:
        """Chunks of a warp."""
        return len(self._chunks[warp])

    def load(self, warp: int, chunk: int, half: int) -> Instruction:
        """`ddn.ldw` of a chunk."""
        return Ldw(
            half=half,
            rows=self._chunks[warp][chunk][1],
            slots=self.warps[warp].slots,
            mode=PACKED if self.spec.wcomp == "rlc" else PLAIN,
            dram=self._addresses[self._first[warp] + chunk],
        )

    def multiply(
        self, warp: int, chunk: int, half: int, block: tuple[int, int], bank: int
    ) -> Instruction:
        """`ddn.conv` of a chunk with a block of windows."""
        row0, rows = self._chunks[warp][chunk]
        return Conv(
            half=half,
            first=int(chunk == 0),
            b0=self.warps[warp].b0,
            nb=self.warps[warp].nb,
            row0=row0,
            rows=rows,
            win0=block[0],
            nwin=block[1],
            bank=bank,
        )


def lower(schedule: Schedule, spec: DadiannaoSpec, op: Operation) -> None:
    """Append a layer's instructions; the base machine's PPU adds, clips, copies and pools."""
    if not isinstance(op, SumsOp):
        lower_on_ppu(schedule, spec, op)
        return
    warps = warps_of(op)
    WindowLowering(schedule, spec, op, warps, DenseRows(spec, op, warps)).emit()


def strides(spec: DadiannaoSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Maps lie position by position, a position's channels in whole words (section 3)."""
    if len(shape) not in (2, 4):
        return compact_strides(shape, 2)
    position = -(-shape[1] // spec.lanes) * spec.word_bytes
    if len(shape) == 2:
        return position, 2
    _, _, H, W = shape
    return H * W * position, 2, W * position, position


def weight_encoding(spec: DadiannaoSpec, frac: int, bits: int) -> EncodingAttr:
    """Chunks of rows, plain or run-length coded."""
    name = "ddn_runs" if spec.wcomp == "rlc" else "ddn_chunks"
    return EncodingAttr.of(frac, bits, name, (spec.half_rows, spec.lanes))


LIMITS = {
    Conv2dOp: (kernel_fits, steps_fit, pads_fit, map_fits, batch_fits, windows_fit, channels_fit),
    MatmulOp: (batch_fits, channels_fit),
    AffineOp: (map_fits, batch_fits, windows_fit, channels_fit),
    PoolOp: POOL_LIMITS,
    **BASE_LIMITS,
}

KEEP_ON_CHIP = "dadiannao-keep-on-chip"


def pipeline(keep_on_chip: str) -> str:
    """The passes of this family: adds are layers of their own, activations may stay in AM.

    Args:
        keep_on_chip: The target's name for the pass that decides on this.
    """
    apart = PIPELINE.replace("fuse-epilogue", "fuse-epilogue{residual=false}")
    return apart.replace("pack-weights", f"pack-weights,{keep_on_chip}")


COMPILER = TargetCompiler(
    name="dadiannao",
    isa=ISA,
    spec_type=DadiannaoSpec,
    limits=LIMITS,
    pipeline=pipeline(KEEP_ON_CHIP),
    passes=loaders((KEEP_ON_CHIP,)),
    accumulator_bits=lambda spec: spec.acc_bits,
    forced_product_shift=lambda spec: 0,
    weight_encoding=weight_encoding,
    expanded_macs=expanded_macs,
    strides=strides,
    channel_block=lambda spec: spec.lanes,
    tile=tile,
    pack=pack,
    lower=lower,
)
