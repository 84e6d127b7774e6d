"""What GoSPA's rows compute, as functions of arrays (gospa sheet, sections 3, 7, 8).

No memories, no interpreter: `gospa_run` decodes bytes for them and stores what they return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.formats.gospa_vectors import Masks, Values, mask_words
from ...isa.targets.gospa import MOST_TAPS, GospaSpec

Int64s = npt.NDArray[np.int64]

FEW = 8
"""Up to so many outputs, sums are added product by product: BLAS has nothing to gain."""


class Geometry(NamedTuple):
    """The geometry of a tile: the registers that `gs.cfg` and `gs.tile` set."""

    r: int
    s: int
    uh: int
    uw: int
    dh: int
    dw: int
    eh: int
    ew: int
    bh: int
    bw: int
    oh: int
    ow: int

    @property
    def taps(self) -> int:
        """Kernel positions."""
        return self.r * self.s

    @property
    def area(self) -> int:
        """Outputs."""
        return self.eh * self.ew

    @property
    def bits(self) -> int:
        """Positions of the box."""
        return self.bh * self.bw


class Expansion(NamedTuple):
    """All pairs (cid, pid) of a box, whatever its activations (section 3).

    Args:
        places: [taps, area] int32: the box position that meets pid for cid, -1 in the padding.
        reach: [taps, words] uint64: the box positions that meet pid at all.
    """

    places: npt.NDArray[np.int32]
    reach: Masks


@lru_cache(maxsize=256)
def expand(geometry: Geometry) -> Expansion:
    """The pairs of a tile's box."""
    g = geometry
    y = np.arange(g.r)[:, None] * g.dh + np.arange(g.eh) * g.uh - g.oh
    x = np.arange(g.s)[:, None] * g.dw + np.arange(g.ew) * g.uw - g.ow
    rows, columns = y[:, None, :, None], x[None, :, None, :]
    inside = (rows >= 0) & (rows < g.bh) & (columns >= 0) & (columns < g.bw)
    places = np.where(inside, rows * g.bw + columns, -1).reshape(g.taps, g.area)
    words = max(1, mask_words(g.bits))
    flags = np.zeros((g.taps, 64 * words + 1), np.bool_)
    np.put_along_axis(flags, places, True, axis=1)  # -1 is the column behind all words
    reach = np.packbits(flags[:, :-1], axis=1, bitorder="little").view("<u8")
    return Expansion(places.astype(np.int32), reach.astype(np.uint64))


@dataclass(frozen=True, eq=False)
class Weights:
    """A row's weights of a chunk.

    Args:
        values: [filters, nch, taps] int16.
    """

    values: Values

    @cached_property
    def is_set(self) -> npt.NDArray[np.uint8]:
        """[nch, taps, filters], 1 where a weight is not zero."""
        from . import gospa_kernels

        pes, nch, taps = self.values.shape
        is_set = np.empty((nch, taps, pes), np.uint8)
        gospa_kernels.find_set(self.values, is_set)
        return is_set

    @cached_property
    def factors(self) -> npt.NDArray[np.float64]:
        """[filters, nch*taps], for BLAS."""
        return self.values.reshape(len(self.values), -1).astype(np.float64)

    @cached_property
    def _union(self) -> Masks:
        """[nch, 2] uint64: where any filter has a weight."""
        flags = np.zeros((self.values.shape[1], MOST_TAPS), np.bool_)
        flags[:, : self.values.shape[2]] = self.is_set.any(axis=2)
        return np.packbits(flags, axis=1, bitorder="little").view("<u8")

    @cached_property
    def _parts(self) -> dict[int, Weights]:
        return {}

    def behind(self, channels: int) -> Weights:
        """The weights of all channels but the first."""
        if not channels:
            return self
        if channels not in self._parts:
            self._parts[channels] = Weights(np.ascontiguousarray(self.values[:, channels:]))
        return self._parts[channels]

    @cached_property
    def _checked(self) -> dict[bytes, Masks]:
        return {}

    def filters_of(self, raw: bytes) -> Masks | None:
        """Static sparsity filters [nch, 2] uint64 from their bytes; None if a weight has no bit."""
        if raw not in self._checked:
            nch = self.values.shape[1]
            halves = np.zeros((nch, MOST_TAPS // 16), np.uint16)
            stored = np.frombuffer(raw, "<u2").reshape(nch, -1)
            halves[:, : stored.shape[1]] = stored
            masks = halves.view("<u8")
            if (self._union & ~masks).any():
                return None
            self._checked[raw] = masks
        return self._checked[raw]


@dataclass(frozen=True, eq=False)
class Boxes:
    """A row's activations of a chunk.

    Args:
        values: [nch, bits] int16.
        masks: [nch, words] uint64, their bitmaps.
    """

    values: Values
    masks: Masks

    def part(self, skip: int, rest: Boxes | None) -> Boxes:
        """All channels but the first `skip`, then those of `rest`."""
        values, masks = self.values[skip:], self.masks[skip:]
        if rest is not None:
            values = np.concatenate((values, rest.values))
            masks = np.concatenate((masks, rest.masks))
        return Boxes(values, masks)


class RowResult(NamedTuple):
    """What a row's clocks give.

    Args:
        cycles: Of the row.
        counts: By `gospa_kernels.COUNTERS`, then the activations of the largest slot.
    """

    cycles: int
    counts: Int64s


def clock(
    spec: GospaSpec, geometry: Geometry, boxes: Boxes, filters: Masks, weights: Weights
) -> RowResult:
    """Run the APU and the PEs of a row on a chunk (section 7).

    Args:
        spec: Parameters.
        geometry: Of the tile.
        boxes: The activations.
        filters: [nch, 2] uint64, the static sparsity filters.
        weights: The weights.
    """
    from . import gospa_kernels

    rules = (geometry.bits, spec.bm_bits, spec.act_rd, spec.ring_entries, spec.ring_slots)
    counts = np.zeros(len(gospa_kernels.COUNTERS) + 1, np.int64)
    cycles = gospa_kernels.run_row(
        boxes.masks,
        expand(geometry).reach,
        filters,
        weights.is_set,
        np.array(rules, np.int64),
        counts,
    )
    return RowResult(cycles, counts)


def patches(boxes: Sequence[Boxes], geometries: Sequence[Geometry]) -> npt.NDArray[np.float64]:
    """The im2col matrix [nch*taps, outputs] of a tile set, tile after tile."""
    from . import gospa_kernels

    columns = sum(geometry.area for geometry in geometries)
    result = np.empty((len(boxes[0].values) * geometries[0].taps, columns), np.float64)
    first = 0
    for box, geometry in zip(boxes, geometries, strict=True):
        gospa_kernels.fill_patches(box.values, expand(geometry).places, first, result)
        first += geometry.area
    return result


def exact_sums(weights: Weights, columns: npt.NDArray[np.float64]) -> Int64s:
    """The sums [filters, outputs]: float64 holds fewer than 2^23 products below 2^30 exactly."""
    assert len(columns) < 1 << 23
    return (weights.factors @ columns).astype(np.int64)


def few_sums(weights: Weights, boxes: Boxes, geometry: Geometry) -> Int64s:
    """The sums [filters, outputs] of a tile of few outputs."""
    from . import gospa_kernels

    sums = np.zeros((len(weights.values), geometry.area), np.int64)
    gospa_kernels.add_few(weights.values, boxes.values, expand(geometry).places, sums)
    return sums
