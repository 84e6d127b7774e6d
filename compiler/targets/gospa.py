"""GoSPA's compiler half: limits, mapping, packing and lowering (gospa sheet, sections 4, 6, 9)."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.targets.gospa import (
    CHUNK,
    CHUNK_BYTES,
    FEATURES,
    ISA,
    MOST_TAPS,
    GospaSpec,
    Tile,
)
from ..backend.pooling import POOL_LIMITS, tile_pool
from ..backend.ppu_layers import lower_on_ppu
from ..backend.schedule import Schedule
from ..backend.window import kernel_of
from ..backend.window_limits import map_fits, pads_within, steps_fit
from ..dialects.encoding import EncodingAttr
from ..dialects.sparse_tensor import (
    AffineOp,
    Conv2dOp,
    MatmulOp,
    PoolOp,
    SumsOp,
    numbers,
    shape_of,
)
from ..join_channels import joined_macs
from ..layout import compact_strides
from ..passes import loaders
from .base import BASE_LIMITS, PackedWeights, TargetCompiler
from .base import PIPELINE as BASE_PIPELINE
from .gospa_layers import pack_streams, to_plain
from .gospa_lowering import SumsLowering
from .gospa_mapping import Layer, search

RING = GospaSpec().ring_entries


def kernel_fits(op: Conv2dOp) -> bool:
    """The kernel has at most 128 positions."""
    return prod(kernel_of(op)) <= MOST_TAPS


def span_fits(op: Conv2dOp) -> bool:
    """The kernel with its dilation spans at most 1024 positions (half the ring's entries)."""
    sizes = zip(kernel_of(op), numbers(op.dilations), strict=True)
    return 2 * prod((size - 1) * step + 1 for size, step in sizes) <= RING


pads_fit = pads_within(Tile.oh, Tile.ow)


def tile(
    spec: GospaSpec, op: Operation, weights: npt.NDArray[np.int16] | None
) -> list[dict[str, int]]:
    """Map a layer onto the PE array (section 6, step 3), cut a pool as the base machine does."""
    del weights
    if isinstance(op, PoolOp):
        return tile_pool(spec, op)
    assert isinstance(op, SumsOp)
    return to_plain(search(spec, Layer.of(op), op.label))


def expanded_macs(spec: GospaSpec, op: Operation) -> int:
    """Zero weights that the model does not have: beside a diagonal, or behind the last feature."""
    del spec
    if isinstance(op, MatmulOp):
        K, C = shape_of(op.weight)
        return shape_of(op.input)[0] * K * (Layer.of(op).Cg * FEATURES - C)
    return joined_macs(op)


def lower(schedule: Schedule, spec: GospaSpec, op: Operation) -> None:
    """Append a layer's instructions; the base machine's PPU adds, clips, copies and pools."""
    if not isinstance(op, SumsOp):
        lower_on_ppu(schedule, spec, op)
        return
    SumsLowering(schedule, spec, op).emit()


def strides(spec: GospaSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Maps lie in chunk slots of 16 columns, features in folded channels of 64."""
    del spec
    if len(shape) == 2:
        return -(-shape[1] // FEATURES) * 2 * FEATURES, 2
    if len(shape) != 4:
        return compact_strides(shape, 2)
    _, C, H, W = shape
    row = -(-W // CHUNK) * CHUNK_BYTES
    return C * H * row, H * row, row, 2


def pack(spec: GospaSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Make the streams of a reordered layer (section 3)."""
    del spec
    assert isinstance(op, SumsOp)
    return pack_streams(op, weights)


PASSES = ("gospa-join-channels", "gospa-reorder-cid-pid")
PIPELINE = BASE_PIPELINE.replace("tile,pack-weights", f"{PASSES[0]},tile,{PASSES[1]}")

LIMITS = {
    Conv2dOp: (kernel_fits, span_fits, steps_fit, pads_fit, map_fits),
    MatmulOp: (),
    AffineOp: (map_fits,),
    PoolOp: POOL_LIMITS,
    **BASE_LIMITS,
}

COMPILER = TargetCompiler(
    name="gospa",
    isa=ISA,
    spec_type=GospaSpec,
    limits=LIMITS,
    pipeline=PIPELINE,
    passes=loaders(PASSES),
    accumulator_bits=lambda spec: spec.acc_bits,
    forced_product_shift=lambda spec: 0,
    narrows_weights=True,
    weight_encoding=lambda spec, frac, bits: EncodingAttr.of(frac, bits, "gospa_streams", (1, 1)),
    expanded_macs=expanded_macs,
    strides=strides,
    feature_block=lambda spec: FEATURES,
    tile=tile,
    pack=pack,
    lower=lower,
)
