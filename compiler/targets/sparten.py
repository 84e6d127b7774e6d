"""SparTen's compiler half: limits, plan, pipeline, lowering (sparten sheet, sections 4, 6, 9)."""

from __future__ import annotations

from math import prod
from typing import cast

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.errors import UnsupportedError
from ...isa.targets.sparten import ISA, Cfg, Map, Run, SpartenSpec, Sto
from ..backend.pooling import POOL_LIMITS, tile_pool
from ..backend.ppu_layers import lower_on_ppu
from ..backend.schedule import Schedule
from ..backend.window import window_of
from ..backend.window_limits import kernel_within, map_within, pads_within, steps_within
from ..dialects.encoding import EncodingAttr
from ..dialects.sparse_tensor import (
    AffineOp,
    Conv2dOp,
    MatmulOp,
    PoolOp,
    SumsOp,
    WindowOp,
    shape_of,
)
from ..join_channels import joined_macs
from ..layout import compact_strides
from ..passes import loaders
from .base import BASE_LIMITS, PIPELINE, PackedWeights, TargetCompiler
from .sparten_layers import problem_of
from .sparten_lowering import WindowLowering
from .sparten_mapping import block_bytes, plan

DEFAULTS = SpartenSpec()


kernel_fits = kernel_within(Cfg.r, Cfg.s)
steps_fit = steps_within((Cfg.uh, Cfg.uw), (Cfg.dh, Cfg.dw))
pads_fit = pads_within(Cfg.pt, Cfg.pl)
map_fits = map_within(Map.h, Map.w)


def batch_fits(op: Operation) -> bool:
    """The batch, or the number of rows of a MatMul, is at most 4095."""
    return shape_of(op.results[0])[0] <= Map.n.maximum


def positions_fit(op: WindowOp | AffineOp) -> bool:
    """The outputs have at most 16777215 positions, each image in whole blocks of 64."""
    images, _, *inner = shape_of(op.results[0])
    block = DEFAULTS.pos_block
    return images * -(-prod(inner) // block) * block <= Run.p0.maximum


def filters_fit(op: Operation) -> bool:
    """The output has at most 65535 channels."""
    return shape_of(op.results[0])[1] <= Sto.row.maximum


def chunks_fit(op: SumsOp) -> bool:
    """A filter has at most 4095 chunks of 128 channels, the taps of its kernel each for itself."""
    window, channels = window_of(op), shape_of(op.weight)[1]
    return window.R * window.S * -(-channels // DEFAULTS.chunk) <= Run.hi.maximum


def rows_fit(op: SumsOp) -> bool:
    """The input rows of an output row fit the input memory of 262144 bytes, for each group."""
    return block_bytes(DEFAULTS, problem_of(op), 1) <= DEFAULTS.ibuf_bytes


def tile(
    spec: SpartenSpec, op: Operation, weights: npt.NDArray[np.int16] | None
) -> list[dict[str, int]]:
    """Choose a layer's split and block, or cut a pool as the base machine wants it.

    Raises:
        UnsupportedError: An output row needs more input rows than fit, or a filter has too many
            chunks.
    """
    if weights is None:
        return tile_pool(spec, cast(PoolOp, op))
    layer = cast(SumsOp, op)
    problem = problem_of(layer)
    chunks = problem.window.R * problem.window.S * problem.chunks_per_pixel(spec)
    if chunks > Run.hi.maximum:
        raise UnsupportedError(
            f"a filter has {chunks} chunks of {spec.chunk} values, more than {Run.hi.maximum}",
            layer.label,
            "raise chunk with --set",
        )
    layout = plan(spec, problem)
    if layout is None:
        raise UnsupportedError(
            f"the input rows of one position need {block_bytes(spec, problem, 1)} bytes, but the "
            f"input memory has ibuf_bytes = {spec.ibuf_bytes}",
            layer.label,
            "raise ibuf_bytes with --set, or use a smaller input",
        )
    return [dict(vars(layout))]


def pack(spec: SpartenSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Refuse: the biases and the balanced order are not at hand here."""
    raise AssertionError("sparten-pack-weights packs")


def lower(schedule: Schedule, spec: SpartenSpec, op: Operation) -> None:
    """Append a layer's instructions; the base machine's PPU adds, clips, copies and pools."""
    if not isinstance(op, SumsOp):
        lower_on_ppu(schedule, spec, op)
        return
    WindowLowering(schedule, spec, op).emit()


def strides(spec: SpartenSpec, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Maps lie position by position, a position's channels side by side."""
    del spec
    if len(shape) != 4:
        return compact_strides(shape, 2)
    _, C, H, W = shape
    return H * W * C * 2, 2, W * C * 2, C * 2


PASSES = ("sparten-join-channels", "sparten-balance-filters", "sparten-pack-weights")
_SHAPE_LIMITS = (map_fits, batch_fits, positions_fit, filters_fit)

COMPILER = TargetCompiler(
    name="sparten",
    isa=ISA,
    spec_type=SpartenSpec,
    limits={
        Conv2dOp: (kernel_fits, steps_fit, pads_fit, *_SHAPE_LIMITS, chunks_fit, rows_fit),
        MatmulOp: (batch_fits, filters_fit, chunks_fit, rows_fit),
        AffineOp: _SHAPE_LIMITS,
        PoolOp: POOL_LIMITS,
        **BASE_LIMITS,
    },
    pipeline=PIPELINE.replace("quantize", "quantize,sparten-join-channels").replace(
        "pack-weights", "sparten-balance-filters,sparten-pack-weights"
    ),
    passes=loaders(PASSES),
    expanded_macs=lambda spec, op: joined_macs(op),
    accumulator_bits=lambda spec: spec.acc_bits,
    forced_product_shift=lambda spec: 0,
    narrows_weights=True,
    weight_encoding=lambda spec, frac, bits: EncodingAttr.of(
        frac, bits, "sparsemap", (spec.chunk,)
    ),
    strides=strides,
    tile=tile,
    pack=pack,
    lower=lower,
)
