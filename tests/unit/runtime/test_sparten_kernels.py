"""SparTen's kernels against section 7 of its sheet, written out in plain loops."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.runtime.machines.sparten_kernels import RULES, TOTALS, fill_columns, join_chunks

quick = settings(deadline=None)


@dataclass(frozen=True)
class Case:
    """A segment of a set on one cluster.

    Attributes:
        pixels: [positions, taps], -1 outside the map.
        band: [pixels, nc, chunk], which values are not 0.
        filters: [chunks, filters, chunk], likewise.
        cus: [chunks or 1, filters].
        lo: first chunk.
        cu_count, join_lat, join_bubble, bus_bits, rho: as the kernel has them.
    """

    pixels: npt.NDArray[np.int64]
    band: npt.NDArray[np.bool_]
    filters: npt.NDArray[np.bool_]
    cus: npt.NDArray[np.uint8]
    lo: int
    cu_count: int
    join_lat: int
    join_bubble: int
    bus_bits: int
    rho: int

    @property
    def chunk(self) -> int:
        """Mask bits."""
        return self.band.shape[2]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small clusters on random masks."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    number = st.integers
    positions, taps, pixels = draw(number(1, 3)), draw(number(1, 3)), draw(number(1, 4))
    nc, chunk = draw(number(1, 2)), draw(st.sampled_from([3, 8, 64, 70]))
    filters, cu_count = draw(number(1, 5)), draw(number(1, 3))
    lo = draw(number(0, taps * nc - 1))
    chunks = draw(number(1, taps * nc - lo))
    rows = draw(st.sampled_from([1, chunks]))
    density = draw(st.sampled_from([0.1, 0.5, 0.95]))
    return Case(
        pixels=rng.integers(-1, pixels, (positions, taps)),
        band=rng.random((pixels, nc, chunk)) < density,
        filters=rng.random((chunks, filters, chunk)) < density,
        cus=rng.integers(0, cu_count, (rows, filters)).astype(np.uint8),
        lo=lo,
        cu_count=cu_count,
        join_lat=draw(number(0, 3)),
        join_bubble=draw(number(0, 2)),
        bus_bits=draw(st.sampled_from([16, 32, 256])),
        rho=draw(number(0, 4)),
    )


def plain(case: Case) -> tuple[int, dict[str, int]]:
    """Cycles and totals by the sheet's formula."""
    totals = dict.fromkeys(TOTALS, 0)
    loads: list[int] = []
    longest: list[int] = []
    nc = case.band.shape[1]
    for under in case.pixels.tolist():
        for i in range(len(case.filters)):
            tap, part = divmod(case.lo + i, nc)
            if under[tap] < 0:
                continue
            values = case.band[under[tap], part]
            nonzeros = int(values.sum())
            loads.append(max(1, -(-(case.chunk + 16 * nonzeros) // case.bus_bits)))
            work = [0] * case.cu_count
            cus = case.cus[i if len(case.cus) > 1 else 0].tolist()
            for k, cu in enumerate(cus):
                matches = int((values & case.filters[i, k]).sum())
                cost = max(case.join_lat, matches) + case.join_bubble
                work[cu] += cost
                totals["matches"] += matches
                totals["cost"] += cost
            longest.append(max(work))
            totals["broadcasts"] += 1
            totals["values"] += nonzeros
            totals["cu_writes"] += nonzeros * len(set(cus))
    if not loads:
        return 0, totals
    cycles = loads[0] + case.rho
    for c, slowest in enumerate(longest):
        following = loads[c + 1] if c + 1 < len(loads) else 0
        cycles += max(slowest, following, case.rho if c else 0)
    return cycles, totals


def words(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Masks as words."""
    *outer, chunk = masks.shape
    room = np.zeros((*outer, -(-chunk // 64) * 64), np.bool_)
    room[..., :chunk] = masks
    return np.packbits(room, axis=-1, bitorder="little").view(np.uint64)


@quick
@given(cases())
def test_joins_take_what_the_sheet_says(case: Case) -> None:
    totals = np.zeros(len(TOTALS), np.int64)
    cycles = join_chunks(
        case.pixels,
        words(case.band),
        case.band.sum(axis=2),
        np.ascontiguousarray(words(case.filters).transpose(0, 2, 1)),
        case.cus,
        np.array([getattr(case, name) for name in RULES], np.int64),
        totals,
    )
    wanted_cycles, wanted = plain(case)
    assert dict(zip(TOTALS, totals.tolist(), strict=True)) == wanted
    assert cycles == wanted_cycles


@quick
@given(cases(), st.integers(1, 70))
def test_columns_are_the_values_under_the_taps(case: Case, channels: int) -> None:
    nc, chunk = case.band.shape[1:]
    channels = min(max(channels, (nc - 1) * chunk + 1), nc * chunk)
    band = np.arange(1.0, len(case.band) * channels + 1).reshape(-1, channels)
    lo, hi = case.lo, case.lo + len(case.filters)
    wanted: list[list[float]] = []
    for under in case.pixels.tolist():
        row: list[float] = []
        for i in range(lo, hi):
            tap, part = divmod(i, nc)
            values = band[max(under[tap], 0), part * chunk : (part + 1) * chunk]
            row += (values * (under[tap] >= 0)).tolist()
        wanted.append(row)
    columns = np.full((len(wanted), len(wanted[0])), np.nan)
    fill_columns(case.pixels, band, lo, hi, nc, chunk, columns)
    assert columns.tolist() == wanted
