"""How SPOTS cuts a layer into filter tiles, channel tiles and bands (sheet sections 6.2, 6.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from spcc.isa.targets.spots import SpotsSpec

from .spots_format import encode_bytes
from .spots_im2col import Geometry, Map


class DoesNotFitError(Exception):
    """No tiling of the layer fits the memories."""


@dataclass(frozen=True)
class FilterTile:
    """Filters and the channel range they need, first and one past the last."""

    filters: tuple[int, int]
    channels: tuple[int, int]
    split: bool = False

    @property
    def filter_count(self) -> int:
        """Filters of the tile."""
        return self.filters[1] - self.filters[0]

    @property
    def channel_count(self) -> int:
        """Channels of the range."""
        return self.channels[1] - self.channels[0]


def up(a: int, b: int) -> int:
    """Divide and round up."""
    return -(-a // b)


def product_shift(spec: SpotsSpec, largest: int) -> int:
    """Section 6.4: the smallest shift that keeps sums up to `largest` in range; at most 15."""
    shift = 0
    while shift < 15 and largest >= 1 << (spec.ACC - 2 + shift):
        shift += 1
    return shift


def hand_over(spec: SpotsSpec, geo: Geometry) -> int:
    """Q: channels per hand-over."""
    return max(1, spec.SLOT // (geo.R * geo.S))


def reserved_channels(spec: SpotsSpec, geo: Geometry, Ct: int, rows: int, units: int) -> int:
    """Cres: channels whose rows the reserved buffer holds."""
    keep = max(0, (geo.R - 1) * geo.dh + 1 - geo.sh)
    used = {geo.column(ox, s) for ox in range(geo.OW) for s in range(geo.S)} - {None}
    if keep == 0 or up(rows, units) <= 1 or not used:
        return Ct
    return min(Ct, spec.RCAP // 2 // units // (keep * len(used)))


def clipped_rows(geo: Geometry, oy0: int, rows: int) -> tuple[int, int]:
    """Input rows of a band from the first to one past the last, clipped to the map."""
    first = oy0 * geo.sh - geo.pt
    past = (oy0 + rows - 1) * geo.sh - geo.pt + (geo.R - 1) * geo.dh + 1
    low = min(max(first, 0), geo.H)
    return low, min(max(past, low), geo.H)


def filter_tiles(
    spec: SpotsSpec, K: int, Cg: int, groups: int, kmax: int, all_split: bool
) -> list[FilterTile]:  # fmt: skip
    """Section 6.2: runs of filters with their channel ranges and modes."""
    Kg, few = K // groups, spec.NR // spec.UNITS
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    if groups == 1 or Kg >= few:
        for g in range(groups):
            for k in range(0, Kg, kmax):
                filters = (g * Kg + k, g * Kg + min(k + kmax, Kg))
                spans.append((filters, (g * Cg, (g + 1) * Cg)))
    else:
        per_tile = few // Kg
        for g in range(0, groups, per_tile):
            end = min(g + per_tile, groups)
            spans.append(((g * Kg, end * Kg), (g * Cg, end * Cg)))
    return [
        FilterTile(f, c, all_split or f[1] - f[0] < spec.SPLIT_LT) for f, c in spans
    ]  # fmt: skip


def tile_weights(
    w: Any, groups: int, filters: tuple[int, int], channels: tuple[int, int]
) -> list[Map]:
    """Cut a tile [Kt][Ct][R][S] out of w [K][Cg][R][S]; other groups' channels are zero."""
    K, Cg = len(w), len(w[0])
    R, S = len(w[0][0]), len(w[0][0][0])
    cut: list[Map] = []
    for k in range(*filters):
        base = k // (K // groups) * Cg
        cut.append([
            w[k][c - base] if base <= c < base + Cg else [[0] * S for _ in range(R)]
            for c in range(*channels)
        ])  # fmt: skip
    return cut


def flat(tile: list[Map]) -> list[list[int]]:
    """A tile [Kt][Ct][R][S] as [Kt][Kred]."""
    return [[v for channel in filter_ for line in channel for v in line] for filter_ in tile]


def tile_bytes(
    spec: SpotsSpec, w: Any, groups: int, filters: tuple[int, int], channels: tuple[int, int]
) -> int:
    """Bytes of a weight tile's image."""
    return len(encode_bytes(flat(tile_weights(w, groups, filters, channels)), spec.G))


def registers(spec: SpotsSpec, tile: FilterTile) -> int:
    """F of a tile in its mode."""
    return up(tile.filter_count, spec.NR // spec.UNITS if tile.split else spec.NR)


def policy_cost(spec: SpotsSpec, w: Any, groups: int, tiles: list[FilterTile]) -> Fraction:
    """Section 6.2: the estimate that POLICY=best compares."""
    total = Fraction(0)
    for tile in tiles:
        rows = flat(tile_weights(w, groups, tile.filters, tile.channels))
        columns = len(rows[0])
        nonzero = sum(any(row[k] for row in rows) for k in range(columns))
        work = max(Fraction(1), Fraction(nonzero, columns) * registers(spec, tile))
        total += tile.channel_count * work / (spec.NC * (spec.UNITS if tile.split else 1))
    return total


def channel_ranges(first: int, past: int, Ct: int) -> list[tuple[int, int]]:
    """Channel tiles of Ct channels; the last may be shorter."""
    return [(c, min(c + Ct, past)) for c in range(first, past, Ct)]


def channel_tile_sizes(Cr: int) -> Iterator[tuple[int, int]]:
    """(nC, Ct) in the order they are tried."""
    for nC in range(1, Cr + 1):
        Ct = up(Cr, nC)
        if up(Cr, Ct) == nC:
            yield nC, Ct


def band_rows(
    spec: SpotsSpec,
    geo: Geometry,
    OH: int,
    *,
    nC: int,
    Ct: int,
    Kt: int,
    split: bool,
    pooling: bool,
) -> int | None:
    """Section 6.3 (c): the first band height of the list that fits, or None."""
    if split:
        heights = [OH, *(n for n in range(OH - 1, 0, -1) if n % spec.UNITS == 0)]
    else:
        heights = list(range(OH, 0, -1))
    for ob in heights:
        is_whole = ob == OH and nC == 1
        fcap = spec.FCAP if is_whole else spec.FCAP // 2
        ocap = spec.OCAP if (is_whole if pooling else ob == OH) else spec.OCAP // 2
        input_rows = min(geo.H, (ob - 1) * geo.sh + (geo.R - 1) * geo.dh + 1)
        if input_rows * geo.W * Ct * 2 <= fcap and Kt * ob * geo.OW * 4 <= ocap:
            return ob
    return None


def channels_and_band(
    spec: SpotsSpec, w: Any, groups: int, geo: Geometry, OH: int, tile: FilterTile, tiles: int
) -> tuple[int, int] | None:
    """Section 6.3: Ct and the band height of a filter tile, or None if nothing fits."""
    units = spec.UNITS if tile.split else 1
    for nC, Ct in channel_tile_sizes(tile.channel_count):
        if Ct * geo.R * geo.S * spec.NC * units * 2 > spec.ICAP // 2:
            continue
        wcap = spec.WCAP if tiles == 1 and nC == 1 else spec.WCAP // 2
        parts = channel_ranges(*tile.channels, Ct)
        if any(tile_bytes(spec, w, groups, tile.filters, part) > wcap for part in parts):
            continue
        ob = band_rows(
            spec, geo, OH, nC=nC, Ct=Ct, Kt=tile.filter_count, split=tile.split, pooling=False
        )  # fmt: skip
        if ob is not None:
            return Ct, ob
    return None


def choose_tiles(
    spec: SpotsSpec, w: Any, groups: int, geo: Geometry, OH: int
) -> list[tuple[FilterTile, int, int]]:
    """Filter tiles with their Ct and band height; kmax is halved until everything fits."""
    K, Cg = len(w), len(w[0])
    kmax = spec.NR * spec.NREG
    while kmax >= spec.NR // spec.UNITS:
        tiles = filter_tiles(spec, K, Cg, groups, kmax, False)
        if spec.POLICY == "best":
            small = min(kmax, spec.NR * spec.NREG // spec.UNITS)
            other = filter_tiles(spec, K, Cg, groups, small, True)
            if policy_cost(spec, w, groups, other) < policy_cost(spec, w, groups, tiles):
                tiles, kmax = other, small
        found = [
            channels_and_band(spec, w, groups, geo, OH, tile, len(tiles)) for tile in tiles
        ]  # fmt: skip
        fitting = [(tile, *got) for tile, got in zip(tiles, found, strict=True) if got is not None]
        if len(fitting) == len(tiles):
            return fitting
        kmax //= 2
    raise DoesNotFitError("layer does not fit")
