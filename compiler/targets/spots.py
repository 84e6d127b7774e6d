"""SPOTS' compiler half: limits, tiling, packing and lowering (sheet sections 4, 6, 9)."""

from __future__ import annotations

from math import prod
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.formats import spots_tile
from ...isa.targets.spots import ISA, Conv, Pool, Sgemm, Sgeo, SpotsSpec
from ..backend.epilogue import lower_elementwise
from ..backend.layer_moves import Half, LayerMoves
from ..backend.schedule import Schedule
from ..backend.window import groups_of, image_count, weight_matrix, window_of
from ..backend.window_limits import kernel_fits, map_fits, pads_fit, steps_fit
from ..dialects.encoding import EncodingAttr
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import (
    AffineOp,
    Conv2dOp,
    ElementwiseOp,
    MatmulOp,
    PoolOp,
    SumsOp,
    shape_of,
)
from .base import BASE_LIMITS, PackedWeights, TargetCompiler
from .spots_tiling import (
    TilePlan,
    chunk_channels,
    filters_per_row,
    plan_conv,
    plan_pool,
    reserved_channels,
    tile_weights,
)


def batch_fits(op: MatmulOp) -> bool:
    """The batch, or the number of rows of a MatMul, is at most 4095."""
    return shape_of(op.input)[0] <= Sgeo.W.maximum


def channels_fit(op: Operation) -> bool:
    """The input has at most 65535 channels."""
    return shape_of(op.operands[0])[1] <= Sgemm.Ct.maximum


def tile(
    spec: SpotsSpec, op: Operation, weights: npt.NDArray[np.int16] | None
) -> list[dict[str, int]]:
    """Cut a layer into tiles (section 6.2, 6.3, 6.6)."""
    label = cast(Any, op).label
    if weights is None:
        return [_plain(plan_pool(spec, shape_of(op.operands[0])[1], window_of(op), label))]
    plans = plan_conv(spec, weight_matrix(op, weights), groups_of(op), window_of(op), label)
    return [_plain(plan) for plan in plans]


def _plain(plan: TilePlan) -> dict[str, int]:
    return {name: int(value) for name, value in vars(plan).items()}


def _plans(op: Operation) -> list[TilePlan]:
    plain = from_attribute(op.properties["tiling"])
    return [TilePlan(**{**p, "split": bool(p["split"])}) for p in plain]


def pack(spec: SpotsSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Encode the weight tiles: by filter tile, then by channel tile (section 3)."""
    matrix, groups = weight_matrix(op, weights), groups_of(op)
    images: list[npt.NDArray[np.uint8]] = []
    for plan in _plans(op):
        for low, high in plan.channel_tiles():
            dense = tile_weights(matrix, groups, plan.f0, plan.f1, low, high)
            images.append(spots_tile.encode(np.ascontiguousarray(dense), spec.G))
    return PackedWeights.of(images)


def expanded_macs(spec: SpotsSpec, op: Operation) -> int:
    """MACs of tiles whose weight is outside the filter's group (section 6.2)."""
    del spec
    if not isinstance(op, SumsOp):
        return 0
    result, (K, Cg, *kernel) = shape_of(op.result), shape_of(op.weight)
    pairs = sum((plan.f1 - plan.f0) * (plan.c1 - plan.c0) for plan in _plans(op))
    return max(0, pairs - K * Cg) * prod(kernel) * result[0] * prod(result[2:])


def lower(schedule: Schedule, spec: SpotsSpec, op: Operation) -> None:
    """Append a layer's instructions (loop nests of sections 4 and 6.6)."""
    if isinstance(op, ElementwiseOp):
        lower_elementwise(schedule, op)
        return
    assert isinstance(op, SumsOp | PoolOp)
    moves = LayerMoves(
        schedule,
        op,
        inputs=Half("fmap", spec.FCAP),
        sums=Half("obuf", spec.OCAP),
        weights=Half("filter", spec.WCAP),
    )
    schedule.emit(moves.window.registers(Sgeo))
    if isinstance(op, PoolOp):
        _lower_pool(moves, spec, op)
    else:
        _lower_conv(moves, spec, op)


def _lower_conv(moves: LayerMoves, spec: SpotsSpec, op: SumsOp) -> None:
    offset = 0
    for plan in _plans(op):
        filters, Kt = (plan.f0, plan.f1), plan.Kt
        bias = moves.load_bias(plan.f0, Kt)
        for image in range(image_count(op)):
            for oy0, rows in moves.window.bands(plan.band):
                sums = moves.next_sums(Kt, rows)
                for at, channels in enumerate(plan.channel_tiles()):
                    tile = moves.load_weights(offset + at)
                    band = moves.load_band(image, channels, oy0, rows)
                    F = filters_per_row(spec, Kt, plan.split)
                    count = channels[1] - channels[0]
                    _set_tile(moves, spec, plan.split, F, Kt, count, rows, moves.product_shift)
                    moves.schedule.emit(
                        Conv(
                            fm=band.addr // 8,
                            row0=band.row0,
                            oy0=oy0,
                            rows=rows,
                            wt=tile // 8,
                            ob=sums,
                            acc=int(at > 0),
                        )
                    )
                moves.finish(sums, image, filters, oy0, rows, bias)
        offset += len(list(plan.channel_tiles()))


def _lower_pool(moves: LayerMoves, spec: SpotsSpec, op: PoolOp) -> None:
    (plan,) = _plans(op)
    for image in range(image_count(op)):
        for channels in plan.channel_tiles():
            for oy0, rows in moves.window.bands(plan.band):
                count = channels[1] - channels[0]
                band = moves.load_band(image, channels, oy0, rows)
                sums = moves.next_sums(count, rows)
                _set_tile(moves, spec, True, 1, 1, count, rows, 0)
                moves.schedule.emit(
                    Pool(
                        op=PoolOp.KINDS.index(op.kind.data),
                        incpad=int(bool(op.include_pad.value.data)),
                        fm=band.addr // 8,
                        row0=band.row0,
                        oy0=oy0,
                        rows=rows,
                        ob=sums,
                    )
                )
                moves.finish(sums, image, channels, oy0, rows)


def _set_tile(
    moves: LayerMoves, spec: SpotsSpec, split: bool, F: int, Kt: int, Ct: int, rows: int, psh: int
) -> None:
    """Set the tile registers for an instruction of so many output rows."""
    units = spec.UNITS if split else 1
    moves.schedule.emit(
        Sgemm(
            split=int(split),
            F=F,
            Kt=Kt,
            Ct=Ct,
            Q=chunk_channels(spec, moves.window),
            cres=reserved_channels(spec, moves.window, Ct, rows, units),
            psh=psh,
        )
    )


COMPILER = TargetCompiler(
    name="spots",
    isa=ISA,
    spec_type=SpotsSpec,
    limits={
        Conv2dOp: (kernel_fits, steps_fit, pads_fit, map_fits, channels_fit),
        MatmulOp: (batch_fits, channels_fit),
        PoolOp: (kernel_fits, steps_fit, pads_fit, map_fits, channels_fit),
        AffineOp: (map_fits, channels_fit),
        **BASE_LIMITS,
    },
    weight_encoding=lambda spec, frac, bits: EncodingAttr.of(frac, bits, "spots_tile", (spec.G, 1)),
    accumulator_bits=lambda spec: spec.ACC,
    forced_product_shift=lambda spec: spec.psh,
    pruning_block=lambda spec: spec.G,
    expanded_macs=expanded_macs,
    tile=tile,
    pack=pack,
    lower=lower,
)
