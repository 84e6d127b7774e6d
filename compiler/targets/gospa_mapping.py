"""GoSPA's mapping of a layer onto rows and tiles (gospa sheet, section 6, steps 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import UnsupportedError
from ...isa.formats.gospa_vectors import bitmap_halfwords
from ...isa.targets.gospa import FEATURES, GospaSpec, Tile
from ..backend.window import Window, groups_of, window_of
from ..dialects.sparse_tensor import MatmulOp, SumsOp, shape_of

Weights = npt.NDArray[np.int16]

_MOST_ROWS, _MOST_COLUMNS = Tile.eh.maximum, Tile.ew.maximum


@dataclass(frozen=True)
class Layer:
    """A convolution in the sheet's terms; a matmul is folded into one (section 6, step 1).

    Args:
        window: Geometry of an image.
        images: Their count.
        groups: Convolution groups.
        Cg: Channels of a group.
        Kg: Filters of a group.
    """

    window: Window
    images: int
    groups: int
    Cg: int
    Kg: int

    @classmethod
    def of(cls, op: SumsOp) -> Layer:
        """The geometry of an op."""
        images, channels, groups = *shape_of(op.input)[:2], groups_of(op)
        filters = shape_of(op.weight)[0]
        if isinstance(op, MatmulOp):
            window = Window(1, FEATURES, 1, 1, 1, 1, 0, 0, 1, FEATURES, 1, 1)
            return cls(window, images, 1, -(-channels // FEATURES), filters)
        return cls(window_of(op), images, groups, channels // groups, filters // groups)

    @property
    def taps(self) -> int:
        """Kernel positions, R*S."""
        return self.window.R * self.window.S

    def by_position(self, weights: Weights) -> Weights:
        """Weights as [K, Cg, R*S]; features of a matmul are folded, the tail is zero."""
        K = len(weights)
        flat = weights.reshape(K, -1)
        missing = self.Cg * self.taps - flat.shape[1]
        return np.pad(flat, ((0, 0), (0, missing))).reshape(K, self.Cg, self.taps)


class Box(NamedTuple):
    """Input rows low..high-1 (columns alike) under a run of outputs, `offset` of padding before."""

    low: int
    high: int
    offset: int

    @property
    def size(self) -> int:
        """Rows, or columns."""
        return self.high - self.low


def box_of(first: int, last: int, stride: int, pad: int, reach: int, size: int) -> Box:
    """The box of outputs first..last-1 (section 3); may be empty if they lie in the padding.

    Args:
        first: First output.
        last: One past the last.
        stride: Stride.
        pad: Padding before the map.
        reach: Positions that the kernel spans, 1 + (R-1)*dilation.
        size: Of the map.
    """
    low = min(max(0, first * stride - pad), size)
    high = min(size, (last - 1) * stride - pad + reach)
    return Box(low, max(low, high), max(0, low + pad - first * stride))


class OutputTile(NamedTuple):
    """Outputs [e0, e1) x [f0, f1) of an image."""

    image: int
    e0: int
    e1: int
    f0: int
    f1: int

    @property
    def area(self) -> int:
        """Outputs."""
        return (self.e1 - self.e0) * (self.f1 - self.f0)

    def rows(self, w: Window) -> Box:
        """Rows of its box."""
        return box_of(self.e0, self.e1, w.sh, w.pt, (w.R - 1) * w.dh + 1, w.H)

    def columns(self, w: Window) -> Box:
        """Columns of its box."""
        return box_of(self.f0, self.f1, w.sw, w.pl, (w.S - 1) * w.dw + 1, w.W)


@dataclass(frozen=True)
class Mapping:
    """How a layer lies on the PE array (section 6, step 3).

    Args:
        a_s: Rows that work on the same filters, each on its own tile.
        a_k: Filter groups that run together.
        te: Output rows of a tile.
        tf: Output columns.
        box: Positions of a tile's box, where nothing is clipped.
    """

    a_s: int
    a_k: int
    te: int
    tf: int
    box: int

    @property
    def slot_halfwords(self) -> int:
        """Halfwords of a channel in the activation buffer, if no activation is zero."""
        return slot_halfwords(self.box)


def slot_halfwords(box: int) -> int:
    """Halfwords of a box without zeros."""
    return box + bitmap_halfwords(box)


def search(spec: GospaSpec, layer: Layer, label: str) -> Mapping:
    """Find the cheapest mapping (section 6, step 3).

    Raises:
        UnsupportedError: Not even a tile of one output fits.
    """
    best: tuple[tuple[int, ...], Mapping] | None = None
    w = layer.window
    groups = -(-layer.Kg // spec.cols)
    for te in range(1, min(w.OH, spec.acc_entries, _MOST_ROWS) + 1):
        bh = (te - 1) * w.sh + (w.R - 1) * w.dh + 1
        for tf in range(1, min(w.OW, spec.acc_entries // te, _MOST_COLUMNS) + 1):
            box = bh * ((tf - 1) * w.sw + (w.S - 1) * w.dw + 1)
            if 2 * box > spec.ring_entries or slot_halfwords(box) > spec.act_half:
                break
            areas = _areas(layer, te, tf)
            tiles = sum(count for _, count in areas)
            for a_s in range(1, spec.n_apu + 1):
                if spec.n_apu % a_s:
                    continue
                a_k = spec.n_apu // a_s
                cost = -(-groups // a_k) * _cost(areas, a_s, spec.tile_ov)
                key = (cost, tiles, box, -a_s, -tf, -te)
                if best is None or key < best[0]:
                    best = key, Mapping(a_s, a_k, te, tf, box)
    if best is None:
        raise _too_small(spec, w, label)
    return best[1]


def _too_small(spec: GospaSpec, w: Window, label: str) -> UnsupportedError:
    """The error of a layer of which not even the box of one output fits."""
    rows, columns = (w.R - 1) * w.dh + 1, (w.S - 1) * w.dw + 1
    box = rows * columns
    needs = {"ring_entries": 2 * box, "act_half": slot_halfwords(box)}
    lacking = {name: need for name, need in needs.items() if need > getattr(spec, name)}
    listed = ", and ".join(
        f"{name} of at least {need}, but it is {getattr(spec, name)}"
        for name, need in lacking.items()
    )
    return UnsupportedError(
        f"a kernel that spans {rows} x {columns} positions needs {listed}",
        label,
        f"raise {' and '.join(lacking)} with --set",
    )


def _areas(layer: Layer, te: int, tf: int) -> list[tuple[int, int]]:
    """Areas of all tiles with how often they occur, descending."""
    w, counts = layer.window, dict[int, int]()
    for rows, row_count in _cuts(w.OH, te):
        for columns, column_count in _cuts(w.OW, tf):
            area = rows * columns
            counts[area] = counts.get(area, 0) + row_count * column_count * layer.images
    return sorted(counts.items(), reverse=True)


def _cuts(size: int, step: int) -> list[tuple[int, int]]:
    whole, rest = divmod(size, step)
    return [(length, n) for length, n in ((step, whole), (rest, 1)) if length and n]


def _cost(areas: Sequence[tuple[int, int]], a_s: int, overhead: int) -> int:
    """Sum over every a_s-th of the descending areas, each with the overhead of a tile."""
    total = at = 0
    for area, count in areas:
        sets = -(-(at + count) // a_s) - -(-at // a_s)
        total += sets * (area + overhead)
        at += count
    return total


def tiles_of(layer: Layer, mapping: Mapping) -> list[OutputTile]:
    """The tile list (section 6, step 4)."""
    w = layer.window
    tiles = [
        OutputTile(n, e0, min(e0 + mapping.te, w.OH), f0, min(f0 + mapping.tf, w.OW))
        for n in range(layer.images)
        for e0 in range(0, w.OH, mapping.te)
        for f0 in range(0, w.OW, mapping.tf)
    ]
    return sorted(tiles, key=lambda tile: (-tile.area, tile))


def generated_pairs(layer: Layer, tile: OutputTile) -> int:
    """Sum of the sizes of P(h, w) over a tile's box, from the definition (section 3)."""
    w = layer.window
    rows = _owned(tile.rows(w), w.sh, w.pt, w.R, w.dh, tile.e0, tile.e1)
    columns = _owned(tile.columns(w), w.sw, w.pl, w.S, w.dw, tile.f0, tile.f1)
    return rows * columns


def _owned(box: Box, stride: int, pad: int, R: int, dilation: int, first: int, last: int) -> int:
    """Pairs (output, kernel row) of all rows of a box."""
    h, r = np.arange(box.low, box.high)[:, None], np.arange(R)
    at = h + pad - r * dilation
    owner = at // stride
    return int(np.count_nonzero((at % stride == 0) & (owner >= first) & (owner < last)))


def dense_pairs(layer: Layer, tile: OutputTile) -> int:
    """MACs of a tile, per channel and filter, less those on padding."""
    w = layer.window
    ranges = (
        (tile.e0, tile.e1, w.sh, w.pt, w.R, w.dh, w.H),
        (tile.f0, tile.f1, w.sw, w.pl, w.S, w.dw, w.W),
    )
    return prod(
        sum(
            0 <= e * stride - pad + r * dilation < size
            for e in range(first, last)
            for r in range(R)
        )
        for first, last, stride, pad, R, dilation, size in ranges
    )
