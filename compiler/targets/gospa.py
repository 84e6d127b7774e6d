"""GoSPA's compiler half: limits, mapping, packing and lowering (gospa sheet, sections 4, 6, 9)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

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
from ..backend.epilogue import lower_elementwise
from ..backend.pooling import POOL_LIMITS, lower_pool, tile_pool
from ..backend.schedule import Schedule
from ..backend.window import kernel_of
from ..backend.window_limits import map_fits, steps_fit
from ..dialects.encoding import EncodingAttr
from ..dialects.sparse_tensor import (
    AffineOp,
    Conv2dOp,
    ElementwiseOp,
    MatmulOp,
    PoolOp,
    numbers,
    shape_of,
)
from ..layout import compact_strides
from .base import BASE_LIMITS, PIPELINE, PackedWeights, TargetCompiler
from .gospa_layers import pack_streams, to_plain
from .gospa_lowering import SumsLowering
from .gospa_mapping import Layer, search

if TYPE_CHECKING:
    from ..passes.gospa_reorder_cid_pid import GospaReorderCidPidPass

RING = GospaSpec().ring_entries


def kernel_fits(op: Conv2dOp) -> bool:
    """The kernel has at most 128 positions."""
    return prod(kernel_of(op)) <= MOST_TAPS


def span_fits(op: Conv2dOp) -> bool:
    """The kernel with its dilation spans at most 1024 positions (half the ring's entries)."""
    sizes = zip(kernel_of(op), numbers(op.dilations), strict=True)
    return 2 * prod((size - 1) * step + 1 for size, step in sizes) <= RING


def pads_fit(op: Conv2dOp) -> bool:
    """At most 255 rows of padding at the top and 255 columns at the left."""
    top, left, bottom, right = numbers(op.pads)
    fits = 0 <= top <= Tile.oh.maximum and 0 <= left <= Tile.ow.maximum
    return fits and min(bottom, right) >= 0


def tile(
    spec: GospaSpec, op: Operation, weights: npt.NDArray[np.int16] | None
) -> list[dict[str, int]]:
    """Map a layer onto the PE array (section 6, step 3), cut a pool as the base machine does."""
    del weights
    if isinstance(op, PoolOp):
        return tile_pool(spec, op)
    assert isinstance(op, Conv2dOp | MatmulOp)
    return to_plain(search(spec, Layer.of(op), op.label))


def expanded_macs(spec: GospaSpec, op: Operation) -> int:
    """Products that the model does not have: the tail of a matmul's last folded channel."""
    del spec
    if not isinstance(op, MatmulOp):
        return 0
    K, C = shape_of(op.weight)
    return shape_of(op.input)[0] * K * (Layer.of(op).Cg * FEATURES - C)


def lower(schedule: Schedule, spec: GospaSpec, op: Operation) -> None:
    """Append a layer's instructions; the base machine's PPU adds, clips, copies and pools."""
    match op:
        case ElementwiseOp():
            lower_elementwise(schedule, op)
        case PoolOp():
            lower_pool(schedule, spec, op)
        case Conv2dOp() | MatmulOp():
            SumsLowering(schedule, spec, op).emit()
        case _:
            raise AssertionError(op.name)


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
    assert isinstance(op, Conv2dOp | MatmulOp)
    return pack_streams(op, weights)


def _reorder() -> type[GospaReorderCidPidPass]:
    from ..passes.gospa_reorder_cid_pid import GospaReorderCidPidPass

    return GospaReorderCidPidPass


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
    pipeline=PIPELINE.replace("pack-weights", "gospa-reorder-cid-pid"),
    passes={"gospa-reorder-cid-pid": _reorder},
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
