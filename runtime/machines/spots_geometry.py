"""SPOTS' IM2COL arithmetic: which input elements an instruction's patches use, and how often.

Classification of patch elements into ring, old, new and later by factored counts of rows and
columns (sheet section 4). Values play no part here.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ...isa.encoding import Instruction
from ...isa.targets.spots import SpotsSpec
from ...isa.window import input_rows

Counts = npt.NDArray[np.int64]


class Geometry(NamedTuple):
    """The fields of `sgeo`."""

    R: int
    S: int
    sh: int
    sw: int
    dh: int
    dw: int
    pt: int
    pl: int
    H: int
    W: int
    OW: int

    @classmethod
    def of(cls, inst: Instruction) -> Self:
        """The values of an `sgeo` instruction."""
        return cls(**inst.values())

    @property
    def taps(self) -> int:
        """Kernel elements per channel."""
        return self.R * self.S

    def input_rows(self, oy0: int, rows: int) -> tuple[int, int]:
        """First input row and one past the last that output rows oy0..oy0+rows-1 use, clipped."""
        return input_rows(self._asdict(), oy0, rows)


class Gemm(NamedTuple):
    """The fields of `sgemm`; a pool uses Ct, Q and cres."""

    split: int = 0
    F: int = 1
    Kt: int = 1
    Ct: int = 1
    Q: int = 1
    cres: int = 0
    psh: int = 0

    @classmethod
    def of(cls, inst: Instruction) -> Self:
        """The values of an `sgemm` instruction."""
        return cls(**inst.values())

    @property
    def chunks(self) -> int:
        """Hand-over chunks of the tile."""
        return -(-self.Ct // self.Q)


@dataclass(frozen=True, eq=False)
class Share:
    """How the output rows of an instruction fall on units and rounds.

    Args:
        unit_rows: [units, rounds] int64, output row counted from the instruction's first; -1: none.
    """

    unit_rows: Counts

    @classmethod
    def split(cls, rows: int, units: int) -> Self:
        """Unit u takes rows u*q..min((u+1)*q, rows)-1, q = ceil(rows / units)."""
        q = -(-rows // units)
        index = np.arange(units * q, dtype=np.int64)
        return cls(np.where(index < rows, index, -1).reshape(units, q))

    @property
    def units(self) -> int:
        """Units in use."""
        return self.unit_rows.shape[0]

    @property
    def rounds(self) -> int:
        """Rounds: output rows of unit 0."""
        return self.unit_rows.shape[1]

    def live_units(self) -> Counts:
        """[rounds], units that have a row."""
        return (self.unit_rows >= 0).sum(axis=0)


@dataclass(frozen=True, eq=False)
class Uses:
    """Rows and columns that patches use, counted in-map only.

    Args:
        rows: [units, rounds] int64, window rows in the map.
        old_rows: [units, rounds], those that an earlier round of the unit used too.
        later_rows: [units, rounds], those no earlier but a later round of the unit uses.
        columns: [J] int64, window columns in the map, summed over the patches of step j.
        new_columns: [J], those that no earlier patch of the round used.
        widths: [J], patches per unit of step j.
    """

    rows: Counts
    old_rows: Counts
    later_rows: Counts
    columns: Counts
    new_columns: Counts
    widths: Counts

    @property
    def used_columns(self) -> int:
        """Distinct in-map columns that any patch uses (the sheet's Wu)."""
        return int(self.new_columns.sum())

    def without_reuse(self) -> "Uses":
        """The same patches on a naive IM2COL unit, which fetches every element of each."""
        none = np.zeros_like(self.rows)
        return Uses(self.rows, none, none, self.columns, self.columns, self.widths)


def find_uses(geo: Geometry, oy0: int, share: Share, NC: int) -> Uses:
    """Classify the rows and columns of an instruction's patches."""
    rows, old_rows, later_rows = (np.zeros(share.unit_rows.shape, dtype=np.int64) for _ in range(3))
    for u, mine in enumerate(share.unit_rows):
        y = oy0 + mine[mine >= 0]
        taken = y[:, None] * geo.sh - geo.pt + np.arange(geo.R) * geo.dh
        live = y.size
        rows[u, :live], old_rows[u, :live], later_rows[u, :live] = _count_uses(taken, geo.H)
    columns, new_columns, widths = _column_uses(geo, NC)
    return Uses(rows, old_rows, later_rows, columns, new_columns, widths)


def _column_uses(geo: Geometry, NC: int) -> tuple[Counts, Counts, Counts]:
    ox = np.arange(geo.OW)
    taken = ox[:, None] * geo.sw - geo.pl + np.arange(geo.S) * geo.dw
    columns, old_columns, _ = _count_uses(taken, geo.W)
    starts = np.arange(0, geo.OW, NC)
    widths = np.minimum(geo.OW - starts, NC)
    summed = np.add.reduceat(columns, starts)
    return summed, summed - np.add.reduceat(old_columns, starts), widths


def _count_uses(taken: Counts, extent: int) -> tuple[Counts, Counts, Counts]:
    """Per window: elements in the map, those used earlier, those used first here and also later.

    Args:
        taken: [windows, taps], coordinates in order of windows.
        extent: Coordinates 0..extent-1 are in the map.
    """
    order = np.repeat(np.arange(taken.shape[0], dtype=np.int64), taken.shape[1])
    order = order.reshape(taken.shape)
    inside = (taken >= 0) & (taken < extent)
    at, when = taken[inside], order[inside]
    first = np.full(extent, taken.shape[0], dtype=np.int64)
    last = np.full(extent, -1, dtype=np.int64)
    np.minimum.at(first, at, when)
    np.maximum.at(last, at, when)
    clipped = np.clip(taken, 0, extent - 1)
    old = inside & (first[clipped] < order)
    later = inside & (first[clipped] == order) & (last[clipped] > order)
    return inside.sum(axis=1), old.sum(axis=1), later.sum(axis=1)


def reserved_limit(spec: SpotsSpec, geo: Geometry, Ct: int, share: Share, uses: Uses) -> int:
    """The most channels whose overlapping rows the reserved buffer holds (the sheet's Cres)."""
    keep = max(0, (geo.R - 1) * geo.dh + 1 - geo.sh)
    room = keep * uses.used_columns
    if share.rounds <= 1 or not room:
        return Ct
    return min(Ct, spec.RCAP // 2 // share.units // room)


class Im2col(NamedTuple):
    """What IM2COL does in one instruction.

    Args:
        times: [chunks, steps] int64, cycles per chunk (the sheet's t_im); steps in order.
        counters: fmap_rd, ring_xfer, res_rd, res_wr, patch_elems, im2col_busy.
    """

    times: Counts
    counters: dict[str, int]


def run_im2col(spec: SpotsSpec, geo: Geometry, gemm: Gemm, share: Share, uses: Uses) -> Im2col:
    """Time and count the streaming of the band through the patch units (sheet sections 4 and 7).

    Args:
        spec: The machine; INBW and REUSE matter.
        geo: Geometry.
        gemm: Tile registers; Ct, Q and cres matter.
        share: Rows on units.
        uses: Of the same rows; replaced by those without reuse if REUSE is 0.
    """
    if not spec.REUSE:
        uses = uses.without_reuse()
    bounds = np.minimum(np.arange(gemm.chunks + 1) * gemm.Q, gemm.Ct)
    channels = np.diff(bounds)
    refetching = np.diff(np.maximum(bounds, gemm.cres))
    # Rows fetched per column: new ones for every channel, old ones for channels past the reserve.
    new_rows = uses.rows - uses.old_rows
    fetched = (
        new_rows[None] * channels[:, None, None] + uses.old_rows[None] * refetching[:, None, None]
    ).max(axis=1)
    elements = fetched[:, :, None] * uses.new_columns
    least = (channels * geo.taps)[:, None, None]
    times = np.maximum(least, -(-elements // spec.INBW)).reshape(gemm.chunks, -1)

    columns, new_columns = int(uses.columns.sum()), int(uses.new_columns.sum())
    rows, old_rows = int(uses.rows.sum()), int(uses.old_rows.sum())
    new, old = new_columns * (rows - old_rows), new_columns * old_rows
    positions = int(share.live_units().sum()) * geo.OW
    counters = {
        "fmap_rd": gemm.Ct * new + (gemm.Ct - gemm.cres) * old,
        "ring_xfer": gemm.Ct * (columns - new_columns) * rows,
        "res_rd": gemm.cres * old,
        "res_wr": gemm.cres * new_columns * int(uses.later_rows.sum()),
        "patch_elems": gemm.Ct * geo.taps * positions,
        "im2col_busy": int(times.sum()),
    }
    return Im2col(times, counters)
