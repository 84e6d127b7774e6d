"""SPOTS tiling: filter tiles, channel tiles and row bands of a layer (sheet sections 6.2, 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ...isa.errors import UnsupportedError
from ...isa.formats.spots_tile import block_map, tile_bytes
from ...isa.targets.spots import SpotsSpec
from ..backend.window import Weights, Window


@dataclass(frozen=True)
class TilePlan:
    """One filter tile with its channel tiles and bands.

    Filters f0..f1-1 read channels c0..c1-1, `Ct` at a time, and `band` output rows at a time.
    """

    f0: int
    f1: int
    c0: int
    c1: int
    split: bool
    Ct: int
    band: int
    wide_weights: bool
    """The weight tile may fill the whole Filter SRAM (single tile of its layer)."""

    @property
    def Kt(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Filters of the tile."""
        return self.f1 - self.f0

    def channel_tiles(self) -> Iterator[tuple[int, int]]:
        """Channel ranges in order."""
        for low in range(self.c0, self.c1, self.Ct):
            yield low, min(low + self.Ct, self.c1)


Cut = tuple[int, int, int, int]
"""A filter tile: filters f0..f1-1 of channels c0..c1-1."""


def tile_weights(weights: Weights, groups: int, f0: int, f1: int, c0: int, c1: int) -> Weights:
    """The dense weights [f1-f0, (c1-c0)*R*S] of a tile, zero outside each group (section 6.2).

    Args:
        weights: [K, C/groups, R, S].
        groups: Convolution groups.
        f0: First filter.
        f1: One past the last filter.
        c0: First channel of the whole input.
        c1: One past the last channel.
    """
    K, Cg, R, S = weights.shape
    Kg = K // groups
    if c0 // Cg == (c1 - 1) // Cg and f0 // Kg == (f1 - 1) // Kg:
        low = c0 - (c0 // Cg) * Cg
        return weights[f0:f1, low : low + c1 - c0].reshape(f1 - f0, -1)
    dense = np.zeros((f1 - f0, c1 - c0, R, S), dtype=np.int16)
    for group in range(f0 // Kg, (f1 - 1) // Kg + 1):
        rows = slice(max(f0, group * Kg), min(f1, (group + 1) * Kg))
        low, high = max(c0, group * Cg), min(c1, (group + 1) * Cg)
        if low < high:
            part = weights[rows, low - group * Cg : high - group * Cg]
            dense[rows.start - f0 : rows.stop - f0, low - c0 : high - c0] = part
    return dense.reshape(f1 - f0, -1)


def filter_ranges(spec: SpotsSpec, K: int, C: int, groups: int, kmax: int) -> list[Cut]:
    """Filter and channel range of every filter tile (section 6.2)."""
    Kg, Cg, split_rows = K // groups, C // groups, spec.NR // spec.UNITS
    if groups == 1 or Kg >= split_rows:
        return [
            (low, min(low + kmax, (g + 1) * Kg), g * Cg, (g + 1) * Cg)
            for g in range(groups)
            for low in range(g * Kg, (g + 1) * Kg, kmax)
        ]
    per_tile = split_rows // Kg
    return [
        (g * Kg, min(g + per_tile, groups) * Kg, g * Cg, min(g + per_tile, groups) * Cg)
        for g in range(0, groups, per_tile)
    ]


def uses_split(spec: SpotsSpec, Kt: int) -> bool:
    """Whether a tile of Kt filters runs on the split array; it must also fit its registers."""
    return Kt < spec.SPLIT_LT and Kt <= spec.NREG * (spec.NR // spec.UNITS)


def filters_per_row(spec: SpotsSpec, Kt: int, split: bool) -> int:
    """F, the filters per PE row (section 4)."""
    rows = spec.NR // spec.UNITS if split else spec.NR
    return -(-Kt // rows)


def plan_conv(
    spec: SpotsSpec, weights: Weights, groups: int, window: Window, label: str
) -> tuple[TilePlan, ...]:
    """Tile a convolution (or FC as 1x1 on C x 1 x N).

    Args:
        spec: The machine.
        weights: [K, C/groups, R, S] int16.
        groups: Convolution groups.
        window: Geometry.
        label: The layer, for the error.

    Raises:
        UnsupportedError: The layer does not fit the memories however it is cut.
    """
    kmax = spec.NR * spec.NREG
    while kmax >= spec.NR // spec.UNITS:
        cuts, kmax, all_split = _choose_filter_tiles(spec, weights, groups, kmax)
        plans = [
            _plan_tile(spec, weights, groups, window, cut, len(cuts) == 1, all_split)
            for cut in cuts
        ]
        if all(plan is not None for plan in plans):
            return tuple(plan for plan in plans if plan is not None)
        kmax //= 2
    raise UnsupportedError(
        f"the layer does not fit: an input row of {window.W} columns or a tile of "
        f"{spec.NR // spec.UNITS} filters exceeds FCAP = {spec.FCAP}, WCAP = {spec.WCAP}, "
        f"ICAP = {spec.ICAP} or OCAP = {spec.OCAP} bytes",
        label,
        "raise the capacities with --set, or use a smaller input",
    )


def _choose_filter_tiles(
    spec: SpotsSpec, weights: Weights, groups: int, kmax: int
) -> tuple[list[Cut], int, bool]:
    """Filter tiles of at most kmax filters, their kmax, whether all are split (section 6.2)."""
    K, C = weights.shape[0], weights.shape[1] * groups
    cuts = filter_ranges(spec, K, C, groups, kmax)
    if spec.POLICY == "best":
        narrow = min(kmax, spec.NR * spec.NREG // spec.UNITS)
        others = filter_ranges(spec, K, C, groups, narrow)
        work = _array_work(spec, weights, groups, cuts, all_split=False)
        if _array_work(spec, weights, groups, others, all_split=True) < work:
            return others, narrow, True
    return cuts, kmax, False


def _array_work(
    spec: SpotsSpec, weights: Weights, groups: int, cuts: list[Cut], *, all_split: bool
) -> Fraction:
    """What POLICY=best compares (section 6.2); exact, because equal costs are common."""
    total = Fraction(0)
    for f0, f1, c0, c1 in cuts:
        split = all_split or uses_split(spec, f1 - f0)
        kept = tile_weights(weights, groups, f0, f1, c0, c1).any(axis=0)
        registers = Fraction(int(kept.sum()), kept.size) * filters_per_row(spec, f1 - f0, split)
        work = (c1 - c0) * max(Fraction(1), registers)
        total += work / (spec.NC * (spec.UNITS if split else 1))
    return total


def _plan_tile(
    spec: SpotsSpec,
    weights: Weights,
    groups: int,
    window: Window,
    cut: Cut,
    only_tile: bool,
    all_split: bool,
) -> TilePlan | None:
    f0, f1, c0, c1 = cut
    split = all_split or uses_split(spec, f1 - f0)
    units = spec.UNITS if split else 1
    RS = window.R * window.S
    dense = tile_weights(weights, groups, f0, f1, c0, c1)
    blocks = _blocks_per_channel(dense, spec.G, c1 - c0)
    for Ct, tiles in _channel_cuts(c1 - c0):
        if Ct * RS * spec.NC * units * 2 > spec.ICAP // 2:
            continue
        whole = only_tile and tiles == 1
        if max(blocks.tile_sizes(Ct, RS)) > (spec.WCAP if whole else spec.WCAP // 2):
            continue
        for band in band_candidates(spec, window.OH, split):
            full = band == window.OH
            fmap = window.input_row_count(band) * window.W * Ct * 2
            sums = (f1 - f0) * band * window.OW * 4
            if fmap <= spec.FCAP // (1 if full and tiles == 1 else 2) and sums <= spec.OCAP // (
                1 if full else 2
            ):
                return TilePlan(f0, f1, c0, c1, split, Ct, band, whole)
    return None


def plan_pool(spec: SpotsSpec, channels: int, window: Window, label: str) -> TilePlan:
    """Tile a pool: all channels, `Ct` at a time, always on every unit (section 6.6).

    Raises:
        UnsupportedError: Not even one channel and one row fit.
    """
    for Ct, tiles in _channel_cuts(channels):
        for band in band_candidates(spec, window.OH, split=True):
            share = 1 if band == window.OH and tiles == 1 else 2
            fmap = window.input_row_count(band) * window.W * Ct * 2
            if fmap <= spec.FCAP // share and Ct * band * window.OW * 4 <= spec.OCAP // share:
                return TilePlan(0, channels, 0, channels, True, Ct, band, False)
    raise UnsupportedError(
        f"the pool does not fit: one row of {window.W} columns exceeds FCAP = {spec.FCAP} or "
        f"OCAP = {spec.OCAP} bytes",
        label,
        "raise the capacities with --set, or use a smaller input",
    )


def band_candidates(spec: SpotsSpec, OH: int, split: bool) -> Iterator[int]:
    """Band heights to try, best first (section 6.3)."""
    yield OH
    if split:
        yield from range((OH - 1) // spec.UNITS * spec.UNITS, 0, -spec.UNITS)
    else:
        yield from range(OH - 1, 0, -1)


def reserved_channels(spec: SpotsSpec, window: Window, Ct: int, rows: int, units: int) -> int:
    """Cres: channels whose overlapping rows stay in the reserved buffer (section 4)."""
    keep = max(0, (window.R - 1) * window.dh + 1 - window.sh)
    if keep == 0 or -(-rows // units) <= 1:
        return Ct
    room = keep * used_columns(window)
    return min(Ct, (spec.RCAP // 2 // units) // room) if room else Ct


def used_columns(window: Window) -> int:
    """Distinct in-map columns used by any patch (the sheet's Wu)."""
    ox, s = np.arange(window.OW)[:, None], np.arange(window.S)[None, :]
    columns = np.unique(ox * window.sw - window.pl + s * window.dw)
    return int(((columns >= 0) & (columns < window.W)).sum())


def chunk_channels(spec: SpotsSpec, window: Window) -> int:
    """Q: channels per hand-over chunk (section 4)."""
    return max(1, spec.SLOT // (window.R * window.S))


def _channel_cuts(channels: int) -> Iterator[tuple[int, int]]:
    """(Ct, tile count) for 1, 2, .. channel tiles, skipping counts that no Ct gives."""
    for tiles in range(1, channels + 1):
        Ct = -(-channels // tiles)
        if -(-channels // Ct) == tiles:
            yield Ct, tiles


@dataclass(frozen=True)
class _Blocks:
    """Running counts over channels of non-zero blocks [nb, Cr+1] and non-zero columns [Cr+1]."""

    blocks: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    G: int

    def tile_sizes(self, Ct: int, RS: int) -> list[int]:
        """Bytes of every channel tile (section 3)."""
        channels = self.columns.size - 1
        sizes: list[int] = []
        for low in range(0, channels, Ct):
            high = min(low + Ct, channels)
            per_row = self.blocks[:, high] - self.blocks[:, low]
            columns = int(self.columns[high] - self.columns[low])
            sizes.append(tile_bytes((high - low) * RS, columns, per_row, self.G))
        return sizes


def _blocks_per_channel(dense: Weights, G: int, channels: int) -> _Blocks:
    nonzero = block_map(dense, G)
    per_channel = np.count_nonzero(nonzero.reshape(len(nonzero), channels, -1), axis=2)
    columns = np.count_nonzero(nonzero.any(axis=0).reshape(channels, -1), axis=1)
    return _Blocks(
        np.pad(np.cumsum(per_channel, axis=1), ((0, 0), (1, 0))).astype(np.int64),
        np.pad(np.cumsum(columns), (1, 0)).astype(np.int64),
        G,
    )
