"""Warps, passes, blocks and chunks of the DaDianNao family (dadiannao sheet, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...isa.errors import UnsupportedError
from ...isa.targets.dadiannao import Conv, DadiannaoSpec, In
from ..backend.window import Window, groups_of, weight_matrix, window_of
from ..dialects.program import from_attribute, to_attribute
from ..dialects.sparse_tensor import MatmulOp, SumsOp, shape_of

AM = "am"
"""Attribute of a layer that is one pass: its `Places`."""
Weights = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Layer:
    """A convolution in the sheet's terms; a matmul is one on maps of 1 x 1, its batch the images.

    Args:
        window: Geometry of an image.
        images: Their count.
        blocks: Channel blocks of the input (CB).
        out_blocks: Channel blocks of the output (FB).
    """

    window: Window
    images: int
    blocks: int
    out_blocks: int

    @classmethod
    def of(cls, spec: DadiannaoSpec, op: SumsOp) -> Layer:
        """The geometry of an op."""
        source, result = shape_of(op.input), shape_of(op.result)
        window = window_of(op)
        if isinstance(op, MatmulOp):
            window = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1)
        blocks, out_blocks = (-(-shape[1] // spec.lanes) for shape in (source, result))
        return cls(window, source[0], blocks, out_blocks)

    @property
    def window_count(self) -> int:
        """Windows of all images."""
        return self.images * self.window.OH * self.window.OW


@dataclass(frozen=True)
class Warp:
    """The filters that run at the same time, one per PE (section 4, rules 1 and 2).

    Args:
        f0: First filter.
        f1: One past the last.
        b0: First channel block that they touch.
        nb: Channel blocks.
        rows: Rows of the weight matrix: taps times blocks.
        strip: Output rows of a strip, 0 if the whole layer is one pass; the same for all warps.
    """

    f0: int
    f1: int
    b0: int
    nb: int
    rows: int
    strip: int

    @property
    def slots(self) -> int:
        """PEs that have a filter."""
        return self.f1 - self.f0


@dataclass(frozen=True)
class Pass:
    """What AM holds at a time: all images, or a strip of one (section 4, rule 3).

    Args:
        image: First image.
        images: How many.
        o0: First output row, of each image.
        o1: One past the last.
        low: First input row.
        high: One past the last; both are 0 for a strip that lies in the padding.
    """

    image: int
    images: int
    o0: int
    o1: int
    low: int
    high: int


@dataclass(frozen=True)
class Places:
    """Where a layer that is one pass has its activations; `dadiannao-keep-on-chip` decides.

    Args:
        source: Half of AM of the input.
        result: Half of AM of the result.
        loads: Whether the input comes from DRAM.
        stores: Whether the result goes to DRAM.
    """

    source: int = 0
    result: int = 1
    loads: bool = True
    stores: bool = True

    def attach(self, op: SumsOp) -> None:
        """Write the places into the IR."""
        op.attributes[AM] = to_attribute(vars(self))

    @classmethod
    def of(cls, op: SumsOp) -> Places:
        """What the IR says."""
        return cls(**from_attribute(op.attributes[AM])) if AM in op.attributes else cls()


def plan_warps(spec: DadiannaoSpec, op: SumsOp) -> list[Warp]:
    """Cut a layer's filters into warps and find its pass mode.

    Raises:
        UnsupportedError: A strip of one output row does not fit AM, or a count has no field.
    """
    layer, (F, Cg, KH, KW) = Layer.of(spec, op), _matrix_shape(op)
    strip, per_group = strip_rows(spec, layer, op.label), F // groups_of(op)
    warps: list[Warp] = []
    for f0 in range(0, F, spec.warp_filters):
        f1 = min(F, f0 + spec.warp_filters)
        low, high = f0 // per_group * Cg, ((f1 - 1) // per_group + 1) * Cg - 1
        b0 = low // spec.lanes
        nb = high // spec.lanes - b0 + 1
        warps.append(Warp(f0, f1, b0, nb, KH * KW * nb, strip))
    _check_counts(spec, layer, warps, op.label)
    return warps


def _matrix_shape(op: SumsOp) -> tuple[int, int, int, int]:
    F, Cg, *kernel = shape_of(op.weight)
    KH, KW = kernel or (1, 1)
    return F, Cg, KH, KW


def _check_counts(spec: DadiannaoSpec, layer: Layer, warps: list[Warp], label: str) -> None:
    blocks = max(layer.blocks, layer.out_blocks)
    if blocks > In.cb.maximum:
        raise UnsupportedError(
            f"{blocks} blocks of {spec.lanes} channels are more than {In.cb.maximum}", label
        )
    rows = max(warp.rows for warp in warps)
    if rows > Conv.row0.maximum + 1:
        raise UnsupportedError(
            f"{rows} rows of weights (taps x channel blocks) are more than {Conv.row0.maximum + 1}",
            label,
        )


def strip_rows(spec: DadiannaoSpec, layer: Layer, label: str) -> int:
    """Output rows of a strip; 0 if input and output fit a half of AM each (section 4, rule 3).

    Raises:
        UnsupportedError: Not even one output row fits.
    """
    window, half, quarter = layer.window, spec.am_words // 2, spec.am_words // 4
    input_words = layer.images * window.H * window.W * layer.blocks
    if input_words <= half and layer.window_count * layer.out_blocks <= half:
        return 0
    for rows in range(window.OH, 0, -1):
        needed = window.input_row_count(rows) * window.W * layer.blocks
        if needed <= quarter and rows * window.OW * layer.out_blocks <= quarter:
            return rows
    raise UnsupportedError(
        f"one output row needs {window.input_row_count(1) * window.W * layer.blocks} words of "
        f"inputs and {window.OW * layer.out_blocks} of results, but a quarter of AM has {quarter}",
        label,
        "raise am_words with --set, or use a smaller input",
    )


def passes(layer: Layer, strip: int) -> Iterator[Pass]:
    """The passes of a layer, in order."""
    window = layer.window
    if not strip:
        yield Pass(0, layer.images, 0, window.OH, 0, window.H)
        return
    for image in range(layer.images):
        for o0, rows in window.bands(strip):
            low, high = window.input_rows(o0, rows)
            yield Pass(image, 1, o0, o0 + rows, *((low, high) if low < high else (0, 0)))


def blocks(spec: DadiannaoSpec, layer: Layer, part: Pass) -> Iterator[tuple[int, int]]:
    """First window and window count of each block of a pass (section 4, rule 4)."""
    per_row = layer.window.OW
    first, last = part.o0 * per_row, part.o1 * per_row
    if part.images > 1:
        first, last = 0, layer.window_count
    for win0 in range(first, last, spec.pb_windows):
        yield win0, min(spec.pb_windows, last - win0)


def chunks(spec: DadiannaoSpec, row_count: int) -> list[tuple[int, int]]:
    """First row and row count of each chunk (section 4, rule 5)."""
    step = spec.half_rows
    return [(row0, min(step, row_count - row0)) for row0 in range(0, row_count, step)]


def to_plain(warps: list[Warp]) -> list[dict[str, int]]:
    """Warps as a layer's tiling."""
    return [dict(vars(warp)) for warp in warps]


def warps_of(op: SumsOp) -> list[Warp]:
    """The warps in a layer's tiling."""
    plain: list[dict[str, Any]] = from_attribute(op.properties["tiling"])
    names = Warp.__dataclass_fields__
    return [Warp(**{name: tile[name] for name in names}) for tile in plain]


def warp_matrix(spec: DadiannaoSpec, op: SumsOp, weights: Weights, warp: Warp) -> Weights:
    """A warp's weights [rows, slots, lanes], zeros where a channel is not the filter's.

    Args:
        spec: Parameters.
        op: The layer.
        weights: All its integer weights.
        warp: Which filters.
    """
    whole = weight_matrix(op, weights)
    F, Cg, KH, KW = whole.shape
    per_group, first = F // groups_of(op), warp.b0 * spec.lanes
    dense = np.zeros((warp.slots, warp.nb * spec.lanes, KH, KW), np.int16)
    for group in range(warp.f0 // per_group, (warp.f1 - 1) // per_group + 1):
        low = max(warp.f0, group * per_group)
        high = min(warp.f1, (group + 1) * per_group)
        channel = group * Cg - first
        dense[low - warp.f0 : high - warp.f0, channel : channel + Cg] = whole[low:high]
    by_lane = dense.reshape(warp.slots, warp.nb, spec.lanes, KH, KW)
    return by_lane.transpose(3, 4, 1, 0, 2).reshape(warp.rows, warp.slots, spec.lanes)
