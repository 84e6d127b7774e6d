"""SPOTS' compiler half: what it accepts, its pipeline, tiling, packing and lowering (sheet sections 4, 6, 9)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import DenseArrayBase
from xdsl.ir import Operation, SSAValue

from ...isa.formats import spots_tile
from ...isa.targets.spots import ISA, Conv, Pool, Sgemm, Sgeo, SpotsSpec, input_rows
from ..backend.epilogue import epilogue_of, frac_of, image_plane, lower_elementwise
from ..backend.schedule import Plane, Schedule
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import (
    AffineOp,
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    EncodingAttr,
    MatmulOp,
    PoolOp,
    RequantizeOp,
    ReshapeOp,
    WindowOp,
    residual_of,
    shape_of,
)
from ..layout import address_of, view_of
from .base import PackedWeights, TargetCompiler
from .spots_tiling import (
    TilePlan,
    Window,
    chunk_channels,
    filters_per_row,
    plan_conv,
    plan_pool,
    reserved_channels,
    tile_weights,
)

_KERNEL, _STEP, _PAD, _MAP, _CHANNELS = 63, 15, 31, 4095, 65535


def kernel_fits(op: Conv2dOp | PoolOp) -> bool:
    """The kernel has at most 63 rows and 63 columns."""
    return max(_kernel(op)) <= _KERNEL


def steps_fit(op: WindowOp) -> bool:
    """Strides and dilations are at most 15."""
    return max(*op.strides.get_values(), *op.dilations.get_values()) <= _STEP


def pads_fit(op: WindowOp) -> bool:
    """At most 31 rows of padding at the top and 31 columns at the left."""
    top, left = op.pads.get_values()[:2]
    return 0 <= top <= _PAD and 0 <= left <= _PAD and min(op.pads.get_values()) >= 0


def map_fits(op: WindowOp) -> bool:
    """Input and output maps have at most 4095 rows and columns."""
    return max(*shape_of(op.operands[0])[2:], *shape_of(op.results[0])[2:]) <= _MAP


def batch_fits(op: MatmulOp) -> bool:
    """The batch, or the number of rows of a MatMul, is at most 4095."""
    return shape_of(op.input)[0] <= _MAP


def channels_fit(op: Operation) -> bool:
    """The input has at most 65535 channels."""
    return shape_of(op.operands[0])[1] <= _CHANNELS


def _kernel(op: Conv2dOp | PoolOp) -> tuple[int, int]:
    rows, columns = shape_of(op.weight)[2:] if isinstance(op, Conv2dOp) else op.kernel.get_values()
    return int(rows), int(columns)


def _pair(array: DenseArrayBase) -> tuple[int, int]:
    one, other = array.get_values()[:2]
    return int(one), int(other)


def window_of(op: Operation) -> Window:
    """The geometry a layer runs with; a matmul is a 1x1 convolution on C x 1 x N."""
    if isinstance(op, MatmulOp):
        batch = shape_of(op.input)[0]
        return Window(1, 1, 1, 1, 1, 1, 0, 0, 1, batch, 1, batch)
    assert isinstance(op, Conv2dOp | PoolOp)
    (H, W), (OH, OW) = shape_of(op.input)[2:], shape_of(op.result)[2:]
    return Window(
        *_kernel(op), *_pair(op.strides), *_pair(op.dilations), *_pair(op.pads), H, W, OH, OW
    )


def _matrix(op: Operation, weights: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Weights as [K, C/groups, R, S]."""
    return weights.reshape(*weights.shape[:2], 1, 1) if isinstance(op, MatmulOp) else weights


def _groups(op: Operation) -> int:
    return op.groups.value.data if isinstance(op, Conv2dOp) else 1


def tile(spec: SpotsSpec, op: Operation, weights: npt.NDArray[np.int16] | None) -> list[dict[str, int]]:
    """Cut a layer into tiles (section 6.2, 6.3, 6.6)."""
    label = cast(Any, op).label
    if weights is None:
        return [_plain(plan_pool(spec, shape_of(op.operands[0])[1], window_of(op), label))]
    plans = plan_conv(spec, _matrix(op, weights), _groups(op), window_of(op), label)
    return [_plain(plan) for plan in plans]


def _plain(plan: TilePlan) -> dict[str, int]:
    return {name: int(value) for name, value in vars(plan).items()}


def _plans(op: Operation) -> list[TilePlan]:
    plain = from_attribute(op.properties["tiling"])
    return [TilePlan(**{**p, "split": bool(p["split"])}) for p in plain]


def pack(spec: SpotsSpec, op: Operation, weights: npt.NDArray[np.int16]) -> PackedWeights:
    """Encode the weight tiles, filter tile by filter tile, channel tile by channel tile (section 3)."""
    matrix, groups = _matrix(op, weights), _groups(op)
    images: list[npt.NDArray[np.uint8]] = []
    for plan in _plans(op):
        for low, high in plan.channel_tiles():
            dense = tile_weights(matrix, groups, plan.f0, plan.f1, low, high)
            images.append(spots_tile.encode(np.ascontiguousarray(dense), spec.G))
    return PackedWeights.of(images)


def expanded_macs(spec: SpotsSpec, op: Operation) -> int:
    """MACs of tiles whose weight is outside the filter's group (section 6.2)."""
    del spec
    if not isinstance(op, Conv2dOp | MatmulOp):
        return 0
    result, (K, Cg, *kernel) = shape_of(op.result), shape_of(op.weight)
    pairs = sum((plan.f1 - plan.f0) * (plan.c1 - plan.c0) for plan in _plans(op))
    return max(0, pairs - K * Cg) * prod(kernel) * result[0] * prod(result[2:])


@dataclass
class _Layer:
    """Everything the loops of one layer share."""

    schedule: Schedule
    spec: SpotsSpec
    op: Operation
    window: Window
    loaded_input: tuple[int, ...] = ()
    loaded_weights: tuple[int, ...] = ()
    fmap_addr: int = 0
    filter_addr: int = 0

    def __post_init__(self) -> None:
        self.schedule.emit(
            Sgeo(**{k: v for k, v in vars(self.window).items() if k != "OH"})
        )

    @property
    def input(self) -> SSAValue:
        return self.op.operands[0]

    def sums(self, chans: int, rows: int) -> int:
        """The OBUF word for the next block of sums."""
        size = 4 * chans * rows * self.window.OW
        return self.schedule.slot("obuf", self.spec.OCAP, size) // 4

    def load_input(self, image: int, channels: tuple[int, int], oy0: int, rows: int) -> int:
        """Load an input band unless it is the last one loaded; returns its first row."""
        low, high = input_rows(vars(self.window), oy0, rows)
        key = (image, *channels, low, high)
        if key != self.loaded_input:
            self.loaded_input = key
            count = channels[1] - channels[0]
            size = 2 * count * (high - low) * self.window.W
            self.fmap_addr = self.schedule.slot("fmap", self.spec.FCAP, size)
            dram, run, dims = self._band(image, channels, low, high)
            self.schedule.load("fmap", self.fmap_addr, dram, run, dims)
        return low

    def _band(
        self, image: int, channels: tuple[int, int], low: int, high: int
    ) -> tuple[int, int, tuple[tuple[int, int], ...]]:
        view, count = view_of(self.input), channels[1] - channels[0]
        if isinstance(self.op, MatmulOp):  # [N, C] in DRAM becomes [C][N] on chip
            plane = Plane(view.offset, 2, view.strides[0])
            return plane.runs(channels[0], 0, count, self.window.W)
        W, H = self.window.W, self.window.H
        plane = Plane(view.offset + image * view.strides[0], 2 * H * W)
        return plane.runs(channels[0], low * W, count, (high - low) * W)

    def set_tile(
        self, split: bool, F: int, Kt: int, Ct: int, rows: int, psh: int
    ) -> None:
        """Set the tile registers for an instruction of so many output rows."""
        units = self.spec.UNITS if split else 1
        self.schedule.emit(
            Sgemm(
                split=int(split),
                F=F,
                Kt=Kt,
                Ct=Ct,
                Q=chunk_channels(self.spec, self.window),
                cres=reserved_channels(self.spec, self.window, Ct, rows, units),
                psh=psh,
            )
        )

    def planes(self, value: SSAValue, image: int, f0: int, oy0: int) -> Plane:
        """Where filters from f0 on, rows from oy0 on, of a result-shaped tensor lie in DRAM."""
        if isinstance(self.op, MatmulOp):
            view = view_of(value)
            return Plane(view.offset + 2 * f0, 2, view.strides[0])
        plane = image_plane(value, image, oy0 * self.window.OW)
        return Plane(plane.base + f0 * plane.channel_stride, plane.channel_stride)


def lower(schedule: Schedule, spec: SpotsSpec, op: Operation) -> None:
    """Append a layer's instructions (loop nests of sections 4 and 6.6)."""
    if isinstance(op, ElementwiseOp):
        lower_elementwise(schedule, op)
        return
    layer = _Layer(schedule, spec, op, window_of(op))
    if isinstance(op, PoolOp):
        _lower_pool(layer, op)
    else:
        _lower_conv(layer, cast("Conv2dOp | MatmulOp", op))


def _lower_conv(layer: _Layer, op: Conv2dOp | MatmulOp) -> None:
    assert op.product_shift is not None
    psh = op.product_shift.value.data
    source_frac = frac_of(op.input) + frac_of(op.weight) - psh
    epilogue = epilogue_of(op, source_frac, bias=op.bias is not None)
    images = 1 if isinstance(op, MatmulOp) else shape_of(op.input)[0]
    weights, offset = _Weights.of(op), 0
    for plan in _plans(op):
        bias = _load_bias(layer, op, plan)
        for image in range(images):
            for oy0, rows in plan.bands(layer.window.OH):
                ob = layer.sums(plan.Kt, rows)
                for at, channels in enumerate(plan.channel_tiles()):
                    weights.load(layer, offset + at)
                    row0 = layer.load_input(image, channels, oy0, rows)
                    _conv(layer, plan, channels, oy0, rows, row0, ob, psh, accumulate=at > 0)
                layer.schedule.finish(
                    epilogue,
                    plan.Kt,
                    rows * layer.window.OW,
                    layer.planes(op.result, image, plan.f0, oy0),
                    source=ob,
                    bias=bias,
                    residual=_residual(layer, op, image, plan.f0, oy0),
                )
        offset += len(list(plan.channel_tiles()))


def _residual(layer: _Layer, op: Operation, image: int, f0: int, oy0: int) -> Plane | None:
    value = residual_of(op)
    return None if value is None else layer.planes(value, image, f0, oy0)


def _load_bias(layer: _Layer, op: Conv2dOp | MatmulOp, plan: TilePlan) -> int:
    """Load the biases of a filter tile; returns the bbuf word."""
    if op.bias is None:
        return 0
    assert isinstance(op.bias.owner, Operation)
    addr = layer.schedule.slot("bbuf", layer.spec.BCAP, 4 * plan.Kt)
    dram = address_of(op.bias.owner) + 4 * plan.f0
    layer.schedule.load("bbuf", addr, dram, 4 * plan.Kt)
    return addr // 4


@dataclass(frozen=True)
class _Weights:
    """The packed image of a layer."""

    dram: int
    bounds: tuple[int, ...]

    @classmethod
    def of(cls, op: Conv2dOp | MatmulOp) -> _Weights:
        offsets = from_attribute(op.attributes["tile_offsets"])
        total = from_attribute(op.attributes["packed_bytes"])
        return cls(address_of(op), (*offsets, total))

    def load(self, layer: _Layer, index: int) -> None:
        """Load a weight tile unless it is the last one loaded."""
        if layer.loaded_weights == (index,):
            return
        layer.loaded_weights = (index,)
        size = self.bounds[index + 1] - self.bounds[index]
        layer.filter_addr = layer.schedule.slot("filter", layer.spec.WCAP, size)
        layer.schedule.load("filter", layer.filter_addr, self.dram + self.bounds[index], size)


def _conv(
    layer: _Layer,
    plan: TilePlan,
    channels: tuple[int, int],
    oy0: int,
    rows: int,
    row0: int,
    ob: int,
    psh: int,
    accumulate: bool,
) -> None:
    F = filters_per_row(layer.spec, plan.Kt, plan.split)
    layer.set_tile(plan.split, F, plan.Kt, channels[1] - channels[0], rows, psh)
    layer.schedule.emit(
        Conv(
            fm=layer.fmap_addr // 8,
            row0=row0,
            oy0=oy0,
            rows=rows,
            wt=layer.filter_addr // 8,
            ob=ob,
            acc=int(accumulate),
        )
    )


def _lower_pool(layer: _Layer, op: PoolOp) -> None:
    epilogue = epilogue_of(op, frac_of(op.input))
    (plan,) = _plans(op)
    for image in range(shape_of(op.input)[0]):
        for channels in plan.channel_tiles():
            for oy0, rows in plan.bands(layer.window.OH):
                Ct = channels[1] - channels[0]
                row0 = layer.load_input(image, channels, oy0, rows)
                ob = layer.sums(Ct, rows)
                layer.set_tile(True, 1, 1, Ct, rows, 0)
                layer.schedule.emit(
                    Pool(
                        op=PoolOp.KINDS.index(op.kind.data),
                        incpad=int(bool(op.include_pad.value.data)),
                        fm=layer.fmap_addr // 8,
                        row0=row0,
                        oy0=oy0,
                        rows=rows,
                        ob=ob,
                    )
                )
                layer.schedule.finish(
                    epilogue,
                    Ct,
                    rows * layer.window.OW,
                    layer.planes(op.result, image, channels[0], oy0),
                    source=ob,
                    residual=_residual(layer, op, image, channels[0], oy0),
                )


COMPILER = TargetCompiler(
    name="spots",
    isa=ISA,
    spec_type=SpotsSpec,
    limits={
        Conv2dOp: (kernel_fits, steps_fit, pads_fit, map_fits, channels_fit),
        MatmulOp: (batch_fits, channels_fit),
        PoolOp: (kernel_fits, steps_fit, pads_fit, map_fits, channels_fit),
        AffineOp: (channels_fit,),
        ElementwiseOp: (),
        RequantizeOp: (),
        ConcatOp: (),
        ReshapeOp: (),
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
