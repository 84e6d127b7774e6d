"""The IM2COL units of SPOTS: every patch element is looked up in sets of what was used before.

None of the sheet's closed counts (section 4) is used here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spcc.isa.targets.spots import SpotsSpec

Map = list[list[list[int]]]
Element = tuple[int, int, int]


@dataclass(frozen=True)
class Geometry:
    """A layer's geometry, names as in `sgeo`; lengths in elements."""

    R: int
    S: int
    H: int
    W: int
    OW: int
    sh: int = 1
    sw: int = 1
    dh: int = 1
    dw: int = 1
    pt: int = 0
    pl: int = 0

    def row(self, oy: int, r: int) -> int | None:
        """Input row under kernel row r of output row oy; None in the padding."""
        y = oy * self.sh - self.pt + r * self.dh
        return y if 0 <= y < self.H else None

    def column(self, ox: int, s: int) -> int | None:
        """Input column under kernel column s of output column ox; None in the padding."""
        x = ox * self.sw - self.pl + s * self.dw
        return x if 0 <= x < self.W else None

    def window(self, oy: int, ox: int) -> Iterator[tuple[int, int] | None]:
        """Input positions of a patch, r outer and s inner; None in the padding."""
        for r in range(self.R):
            for s in range(self.S):
                y, x = self.row(oy, r), self.column(ox, s)
                yield None if y is None or x is None else (y, x)


class Im2colUnit:
    """One IM2COL unit: what its patch units used, and where each element came from."""

    def __init__(self, spec: SpotsSpec, geo: Geometry, oys: Sequence[int], cres: int) -> None:
        self.naive, self.geo, self.cres, self.oys = not spec.REUSE, geo, cres, list(oys)
        self.round = -1
        self.used_now: set[Element] = set()
        self.used_earlier: set[Element] = set()
        self.later_rows: set[int] = set()
        self.reserved: set[Element] = set()
        self.reserved_peak = 0

    def enter_round(self, round_: int) -> None:
        """Go on to another output row; what was used so far is now an earlier round's."""
        if round_ == self.round:
            return
        self.round = round_
        self.used_earlier |= self.used_now
        self.used_now = set()
        rows = [self.geo.row(oy, r) for oy in self.oys[round_ + 1 :] for r in range(self.geo.R)]
        self.later_rows = {y for y in rows if y is not None}

    def use(self, element: Element, counters: dict[str, int]) -> bool:
        """A patch takes an in-map element; answer whether the Fmap SRAM is read for it."""
        c, y, _ = element
        if self.naive:
            return True
        if element in self.used_now:
            counters["ring_xfer"] += 1
            return False
        self.used_now.add(element)
        is_kept = c < self.cres
        if element in self.used_earlier:
            if not is_kept:
                return True
            assert element in self.reserved, f"{element} is not in the reserved buffer"
            counters["res_rd"] += 1
            if y not in self.later_rows:
                self.reserved.remove(element)
            return False
        if is_kept and y in self.later_rows:
            counters["res_wr"] += 1
            self.reserved.add(element)
            self.reserved_peak = max(self.reserved_peak, len(self.reserved))
        return True


@dataclass
class Step:
    """One step as the IM2COL units leave it.

    Attributes:
        patches: (unit, output row within the instruction, ox, Kred values) of each patch.
        fetches: per chunk, per live unit, elements read from the Fmap SRAM.
    """

    patches: list[tuple[int, int, int, list[int]]]
    fetches: list[list[int]]


def unit_rows(rows: int, units: int) -> list[list[int]]:
    """Output rows (from 0) of each unit: runs of ceil(rows / units)."""
    q = -(-rows // units)
    return [list(range(u * q, min((u + 1) * q, rows))) for u in range(units)]


def channel_chunks(Ct: int, Q: int) -> list[list[int]]:
    """Channels of each hand-over."""
    return [list(range(c, min(c + Q, Ct))) for c in range(0, Ct, Q)]


def im2col(
    spec: SpotsSpec, geo: Geometry, x: Map, *, oy0: int, rows: int, units: int, Q: int, cres: int,
    counters: dict[str, int],
) -> tuple[list[Step], int]:  # fmt: skip
    """Build all patches of an instruction, in the order of the steps.

    Returns:
        The steps, and the largest filling of a unit's reserved buffer in elements.
    """
    if rows < 1 or not x:
        raise ValueError(f"{rows} rows of {len(x)} channels are no instruction")
    assert len(x[0]) == geo.H
    assert len(x[0][0]) == geo.W
    share = unit_rows(rows, units)
    readers = [Im2colUnit(spec, geo, [oy0 + n for n in ns], cres) for ns in share]
    steps: list[Step] = []
    for round_ in range(max(len(ns) for ns in share)):
        live = [u for u in range(units) if round_ < len(share[u])]
        for u in live:
            readers[u].enter_round(round_)
        for first in range(0, geo.OW, spec.NC):
            columns = range(first, min(first + spec.NC, geo.OW))
            step = Step([(u, share[u][round_], ox, []) for u in live for ox in columns], [])
            for channels in channel_chunks(len(x), Q):
                fetches = {u: 0 for u in live}
                for c in channels:
                    for u, n, ox, values in step.patches:
                        for position in geo.window(oy0 + n, ox):
                            if position is None:
                                values.append(0)
                                continue
                            y, column = position
                            values.append(x[c][y][column])
                            fetches[u] += readers[u].use((c, y, column), counters)
                step.fetches.append([fetches[u] for u in live])
            counters["fmap_rd"] += sum(sum(f) for f in step.fetches)
            counters["patch_elems"] += sum(len(values) for *_, values in step.patches)
            steps.append(step)
    return steps, max(reader.reserved_peak for reader in readers)
