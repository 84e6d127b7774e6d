"""SPOTS' fast rules against the sheet spelt out element by element, on random instructions."""

from typing import NamedTuple

import numpy as np
import pytest
import spots_oracle as oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spcc.isa.errors import TrapError
from spcc.isa.formats.spots_tile import decode, encode
from spcc.isa.targets.spots import SpotsSpec
from spcc.runtime.machines import spots_core
from spcc.runtime.machines.spots_checks import check_conv
from spcc.runtime.machines.spots_core import run_conv, run_pool
from spcc.runtime.machines.spots_geometry import (
    Gemm,
    Geometry,
    Share,
    find_uses,
    reserved_limit,
    run_im2col,
)

OUTSIDE = {"obuf_wr", "obuf_rd", "saturated"}
"""Counters that the oracle leaves out."""


class Case(NamedTuple):
    spec: SpotsSpec
    geo: Geometry
    gemm: Gemm
    image: np.ndarray
    weights: np.ndarray
    oy0: int
    rows: int
    sums: np.ndarray | None

    def band(self):
        low, high = self.geo.input_rows(self.oy0, self.rows)
        return np.ascontiguousarray(self.image[:, low:high])

    def run(self):
        tile = decode(encode(self.weights, self.spec.G), *self.weights.shape, self.spec.G)
        return run_conv(
            self.spec, self.geo, self.gemm, self.band(), tile, self.oy0, self.rows, self.sums
        )


@st.composite
def geometries(draw, largest=7):
    small = st.integers(1, 3)
    R, S, sh, sw, dh, dw = (draw(small) for _ in range(6))
    pt, pl = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    H, W, OW = (draw(st.integers(1, largest)) for _ in range(3))
    return Geometry(R, S, sh, sw, dh, dw, pt, pl, H, W, OW)


@st.composite
def specs(draw):
    units = draw(st.integers(1, 3))
    return SpotsSpec(
        NR=units * draw(st.integers(1, 3)), UNITS=units, NC=draw(st.integers(1, 4)),
        NREG=draw(st.integers(1, 3)), G=draw(st.sampled_from([1, 2, 3, 8])),
        ACC=draw(st.sampled_from([18, 24, 31])), INBW=draw(st.integers(1, 4)),
        RCAP=draw(st.sampled_from([0, 16, 64, 1 << 15])), REUSE=draw(st.sampled_from([1, 1, 0])),
    )  # fmt: skip


def draw_cres(draw, spec, geo, Ct, oy0, rows, units):
    share = Share.split(rows, units)
    limit = reserved_limit(spec, geo, Ct, share, find_uses(geo, oy0, share, spec.NC))
    return draw(st.integers(0, limit))


def random_values(draw, rng, shape):
    limit = draw(st.sampled_from([3, 300, 32768]))
    values = rng.integers(-limit, limit, shape).astype(np.int16)
    values[rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))] = 0
    return values


@st.composite
def conv_cases(draw):
    spec, geo = draw(specs()), draw(geometries())
    split = draw(st.integers(0, 1))
    units = spec.UNITS if split else 1
    Kt = draw(st.integers(1, spec.NR // units * spec.NREG))
    Ct, Q = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    oy0, rows = draw(st.integers(0, 3)), draw(st.integers(1, 7))
    cres = draw_cres(draw, spec, geo, Ct, oy0, rows, units)
    F = -(-Kt // (spec.NR // units))
    gemm = Gemm(split, F, Kt, Ct, Q, cres, draw(st.sampled_from([0, 1, 6, 15])))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    image = random_values(draw, rng, (Ct, geo.H, geo.W))
    weights = random_values(draw, rng, (Kt, Ct * geo.taps))
    if draw(st.booleans()):  # groups: a filter's weights outside its own channels are zero
        own = np.arange(Ct)[None, :] % 2 == np.arange(Kt)[:, None] % 2
        weights *= np.repeat(own, geo.taps, axis=1)
    sums = None
    if draw(st.booleans()):
        limit = 1 << (spec.ACC - 1)
        sums = rng.integers(-limit, limit, (Kt, rows, geo.OW)).astype(np.int32)
    return Case(spec, geo, gemm, image, weights, oy0, rows, sums)


@settings(max_examples=150, deadline=None)
@given(conv_cases())
def test_conv_equals_the_sheet(case):
    result = case.run()
    common = case.spec, case.geo
    sums, saturated = oracle.conv_sums(
        *common, case.gemm.psh, case.image, case.weights, case.oy0, case.rows, case.sums
    )
    assert np.array_equal(result.sums, sums)
    assert result.counters["saturated"] == saturated
    cycles, counters = oracle.conv_cost(
        *common, case.gemm, case.image, case.weights, case.oy0, case.rows, case.sums is not None
    )
    assert result.cycles == cycles
    mine = {name: count for name, count in result.counters.items() if name not in OUTSIDE}
    assert mine == {name: counters[name] for name in mine}
    assert set(counters) <= set(mine)
    assert result.counters["obuf_wr"] == sums.size
    assert result.counters["obuf_rd"] == (0 if case.sums is None else sums.size)


@settings(max_examples=100, deadline=None)
@given(conv_cases())
def test_macs_and_indices_add_up(case):
    counters = case.run().counters
    positions = case.rows * case.geo.OW
    macs = sum(counters[f"mac_{name}"] for name in ("effectual", "gated", "skipped"))
    assert macs == case.weights.size * positions
    units = case.spec.UNITS if case.gemm.split else 1
    steps = -(-case.rows // units) * -(-case.geo.OW // case.spec.NC)
    indices = sum(counters[name] for name in ("items", "skip_w", "skip_a", "skip_both"))
    assert indices == case.weights.shape[1] * steps
    moved = sum(counters[name] for name in ("fmap_rd", "ring_xfer", "res_rd"))
    assert moved <= counters["patch_elems"]


@settings(max_examples=60, deadline=None)
@given(conv_cases(), st.integers(0, 5), st.integers(0, 7))
def test_cuts_change_no_sum(case, cut_channel, cut_row):
    """Channel tiles through OBUF preloads and bands of rows give the sums of the whole."""
    whole = case.run().sums
    taps, Ct = case.geo.taps, case.gemm.Ct
    parts = []
    for y, rows in ((0, min(cut_row, case.rows)), (cut_row, case.rows - cut_row)):
        if rows < 1:
            continue
        sums = None if case.sums is None else case.sums[:, y : y + rows]
        for c0, c1 in ((0, min(cut_channel, Ct)), (cut_channel, Ct)):
            if c0 < c1:
                sums = (
                    case._replace(
                        gemm=case.gemm._replace(Ct=c1 - c0, cres=0),
                        image=case.image[c0:c1],
                        weights=np.ascontiguousarray(case.weights[:, c0 * taps : c1 * taps]),
                        oy0=case.oy0 + y,
                        rows=rows,
                        sums=sums,
                    )
                    .run()
                    .sums
                )
        parts.append(sums)
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(conv_cases())
def test_threads_change_nothing(monkeypatch, case):
    with monkeypatch.context() as patch:
        patch.setattr("spcc.runtime.jit.thread_count", lambda: 1)
        serial = case.run()
        patch.setattr("spcc.runtime.jit.thread_count", lambda: 3)
        patch.setattr(spots_core, "SERIAL_WORK", -1)
        threaded = case.run()
    assert np.array_equal(serial.sums, threaded.sums)
    assert serial[1:] == threaded[1:]


def saturating_sums(image, weights, psh, limit):
    """3x3 sums [Kt, rows, columns] with padding 1 of [Ct, H, W]; also how often they saturate."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1))).astype(np.int64)
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    columns = patches.transpose(0, 3, 4, 1, 2).reshape(weights.shape[1], *image.shape[1:])
    sums = np.zeros((weights.shape[0], *image.shape[1:]), np.int64)
    saturated = 0
    for k, column in enumerate(columns):
        products = weights[:, k, None, None].astype(np.int64) * column
        exact = sums + ((products + ((1 << psh) >> 1)) >> psh)
        sums = np.clip(exact, -limit - 1, limit)
        saturated += np.count_nonzero(sums != exact)
    return sums, saturated


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100), st.integers(0, 1 << 32), st.sampled_from([0, 3]))
def test_wide_maps_use_every_lane(width, seed, psh):
    """Strips of 32 positions, whole and cut, with and without saturation."""
    rng = np.random.default_rng(seed)
    geo = Geometry(3, 3, 1, 1, 1, 1, 1, 1, 3, width, width)
    image = rng.integers(-300, 300, (4, 3, width)).astype(np.int16)
    weights = rng.integers(-300, 300, (20, 36)).astype(np.int16) * (rng.random((20, 36)) < 0.5)
    spec = SpotsSpec(ACC=18)
    case = Case(spec, geo, Gemm(1, 1, 20, 4, 14, 4, psh), image, weights, 0, 3, None)
    sums, saturated = saturating_sums(image, weights, psh, (1 << 17) - 1)
    result = case.run()
    assert np.array_equal(result.sums, sums)
    assert result.counters["saturated"] == saturated
    assert (saturated > 0) == (psh == 0) or width < 20


@pytest.mark.parametrize(
    ("cres", "chunks"), [(0, [30, 15]), (1, [20, 15]), (2, [18, 15]), (3, [18, 9])]
)
def test_rows_in_the_reserve_cost_no_fetch_time(cres, chunks):
    """A narrow port; 5 new columns: 5 elements a channel if its old rows are kept, else 15."""
    geo = Geometry(3, 3, 1, 1, 1, 1, 1, 1, 6, 8, 8)
    spec, share = SpotsSpec(INBW=1), Share.split(6, 1)
    gemm = Gemm(Ct=3, Q=2, cres=cres)
    done = run_im2col(spec, geo, gemm, share, find_uses(geo, 0, share, spec.NC))
    assert done.times[:, 4].tolist() == chunks
    times, counters = oracle.im2col(spec, geo, gemm, 0, 6, 1)
    assert done.times.T.tolist() == times
    assert done.counters == {name: counters[name] for name in done.counters}


@settings(max_examples=100, deadline=None)
@given(specs(), geometries(), st.integers(1, 4), st.integers(1, 5), st.data())
def test_pool_equals_the_sheet(spec, geo, Ct, Q, data):
    oy0, rows = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 7))
    cres = draw_cres(data.draw, spec, geo, Ct, oy0, rows, spec.UNITS)
    gemm = Gemm(Ct=Ct, Q=Q, cres=cres)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    image = rng.integers(-32768, 32768, (Ct, geo.H, geo.W)).astype(np.int16)
    low, high = geo.input_rows(oy0, rows)
    is_average, counts_padding = data.draw(st.booleans()), data.draw(st.booleans())
    band = np.ascontiguousarray(image[:, low:high])
    result = run_pool(
        spec, geo, gemm, band, oy0, rows, is_average=is_average, counts_padding=counts_padding
    )
    expected = oracle.pool_values(geo, image, oy0, rows, is_average, counts_padding)
    assert np.array_equal(result.sums, expected)
    _, counters = oracle.im2col(spec, geo, gemm, oy0, rows, spec.UNITS)
    assert result.cycles == spec.NC + counters["im2col_busy"]
    names = set(result.counters) - {"obuf_wr"}
    assert {name: result.counters[name] for name in names} == {
        name: counters[name] for name in names
    }
    assert set(counters) <= set(result.counters)
    assert result.counters["obuf_wr"] == expected.size


GEO = Geometry(3, 3, 1, 1, 1, 1, 1, 1, 8, 8, 8)
GEMM = Gemm(1, 1, 8, 2, 1, 2, 0)


def run_with(geo=GEO, gemm=GEMM, rows=4, spec=None, sums=None):
    spec = spec or SpotsSpec()
    check_conv(spec, geo, gemm, rows)
    low, high = geo.input_rows(0, rows)
    shape = gemm.Ct, high - low, geo.W
    weights = np.ones((gemm.Kt, gemm.Ct * geo.taps), np.int16)
    tile = decode(encode(weights, 8), *weights.shape, 8)
    return run_conv(spec, geo, gemm, np.ones(shape, np.int16), tile, 0, rows, sums)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gemm": GEMM._replace(Kt=0, F=0)}, "Kt=0 filters do not fit"),
        ({"gemm": GEMM._replace(Kt=129, F=5)}, "Kt=129 filters do not fit 32 PE rows"),
        ({"gemm": GEMM._replace(F=2)}, "F=2 filters per PE row do not belong to Kt=8"),
        ({"gemm": GEMM._replace(Kt=33)}, "F=1 filters per PE row do not belong to Kt=33"),
        ({"gemm": GEMM._replace(split=0, Kt=513, F=5)}, "do not fit 128 PE rows"),
        ({"gemm": GEMM._replace(Q=0)}, "Q=0 is less than 1"),
        ({"gemm": GEMM._replace(Ct=0)}, "Ct=0 is less than 1"),
        ({"gemm": GEMM._replace(cres=3)}, "cres=3 is too much.* of 2 of the 2 channels"),
        ({"spec": SpotsSpec(RCAP=128), "rows": 8}, "cres=2 is too much.* of 1 of the 2 channels"),
        ({"spec": SpotsSpec(ICAP=1024)}, "needs 576 bytes, but a slot .* has 512"),
        ({"spec": SpotsSpec(OCAP=1008)}, "need 1024 bytes, but obuf has 1008"),
        ({"rows": 0}, "rows=0 is less than 1"),
        *(
            ({"geo": GEO._replace(**{name: 0})}, f"{name}=0 is less than 1")
            for name in ("R", "S", "sh", "sw", "dh", "dw", "H", "W", "OW")
        ),
        (
            {"sums": np.full((8, 4, 8), 1 << 23, np.int32)},
            "obuf holds 8388608, which is no 24-bit sum",
        ),
        (
            {"sums": np.full((8, 4, 8), -(1 << 23) - 1, np.int32)},
            "obuf holds -8388609, which is no 24-bit sum",
        ),
    ],
)
def test_registers_are_checked(change, message):
    run_with()
    with pytest.raises(TrapError, match=message):
        run_with(**change)


def test_the_most_the_checks_let_through_runs():
    run_with(spec=SpotsSpec(ICAP=1152, OCAP=2048, RCAP=256), rows=8)
    run_with(spec=SpotsSpec(RCAP=0))  # one round per unit: nothing to keep
    run_with(sums=np.full((8, 4, 8), -(1 << 23), np.int32))


def test_an_instruction_outside_the_map_sees_zeros():
    geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 3, 3, 3)
    tile = decode(encode(np.ones((1, 2), np.int16), 8), 1, 2, 8)
    band = np.zeros((2, 0, 3), np.int16)
    result = run_conv(SpotsSpec(), geo, Gemm(1, 1, 1, 2, 1, 2, 0), band, tile, 5, 2)
    assert not result.sums.any()
    assert result.counters["fmap_rd"] == result.counters["items"] == 0
    assert result.counters["skip_a"] == 2
