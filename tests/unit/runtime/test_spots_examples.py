"""The worked examples of SPOTS sheet section 10, every number, and its claims about time."""

import numpy as np
import pytest
from spcc.isa.formats.spots_tile import decode, encode
from spcc.isa.targets.spots import SpotsSpec
from spcc.runtime.machines.spots_core import run_conv, run_pool
from spcc.runtime.machines.spots_geometry import Gemm, Geometry
from spcc.tests.e2e.spots_layers import MINI

MAP3 = np.array([[[0, 0, 3, 1], [0, 0, 0, 2], [5, 0, 0, 0], [1, 4, 0, 0]]], np.int16)


def conv(spec, geo, gemm, image, weights, sums=None):
    """A whole layer as one conv."""
    weights = np.asarray(weights, np.int16)
    tile = decode(encode(weights, spec.G), *weights.shape, spec.G)
    rows = (geo.H + 2 * geo.pt - (geo.R - 1) * geo.dh - 1) // geo.sh + 1
    low, high = geo.input_rows(0, rows)
    return run_conv(spec, geo, gemm, np.ascontiguousarray(image[:, low:high]), tile, 0, rows, sums)


def assert_counters(result, **expected):
    assert {name: result.counters[name] for name in expected} == expected


def test_example_1_dense():
    image = np.arange(1, 16, dtype=np.int16).reshape(1, 3, 5)
    weights = [[1, 0, 0, 1], [0, 1, -1, 0], [2, 0, 0, 0]]
    result = conv(
        MINI, Geometry(2, 2, 1, 1, 1, 1, 0, 0, 3, 5, 4), Gemm(0, 1, 3, 1, 1, 1, 0), image, weights
    )
    assert result.sums.tolist() == [
        [[8, 10, 12, 14], [18, 20, 22, 24]],
        [[-4] * 4] * 2,
        [[2, 4, 6, 8], [12, 14, 16, 18]],
    ]
    assert result.cycles == 33
    assert_counters(
        result,
        fmap_rd=15, ring_xfer=12, res_rd=5, res_wr=5, items=16, mac_effectual=40, mac_gated=56,
        mac_skipped=0, idle_slots=32, fsram_rd_m1=4, fsram_rd_m2=8, fsram_rd_a=20, ibuf_wr=16,
        ibuf_rd=16, obuf_wr=24, obuf_rd=0, stall_gemm=6, stall_im2col=2, saturated=0,
        im2col_busy=16, gemm_busy=16, patch_elems=32,
    )  # fmt: skip
    assert encode(np.asarray(weights, np.int16), 2).size == 48


def test_example_2_skipping():
    weights = [[3, 0, 0, 1, 0, 2], [0, 0, 0, 4, 0, 0], [-1, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 6]]
    image = np.array(
        [[1, 0, 2], [7, 7, 7], [0, 0, 0], [4, 0, 0], [5, 5, 5], [0, 0, 1]], np.int16
    ).reshape(6, 1, 3)
    result = conv(
        MINI, Geometry(1, 1, 1, 1, 1, 1, 0, 0, 1, 3, 3), Gemm(0, 1, 4, 6, 4, 6, 0), image, weights
    )
    assert result.sums[:, 0].tolist() == [[7, 0, 8], [16, 0, 0], [-1, 0, 3], [0, 0, 6]]
    assert result.cycles == 21
    assert_counters(
        result,
        items=4, skip_w=4, skip_a=2, skip_both=2, mac_effectual=9, mac_gated=15, mac_skipped=48,
        fmap_rd=18, ring_xfer=0, ibuf_wr=8, ibuf_rd=4, fsram_rd_m1=2, fsram_rd_m2=4, fsram_rd_a=7,
        stall_gemm=9, im2col_busy=12,
    )  # fmt: skip
    assert encode(np.asarray(weights, np.int16), 2).size == 48


def test_example_3_split():
    weights = [[1, 2, 0, 0, 3, 0, 0, 0, -1], [0, 0, 0, 0, 5, 0, 0, 0, 4]]
    geo = Geometry(3, 3, 1, 1, 1, 1, 1, 1, 4, 4, 4)
    result = conv(MINI, geo, Gemm(1, 1, 2, 1, 1, 1, 1), MAP3, weights)
    assert result.sums.tolist() == [
        [[0, 0, 4, 2], [0, 0, 3, 6], [6, 0, 0, 2], [7, 9, 0, 0]],
        [[0, 0, 12, 3], [0, 0, 0, 5], [21, 0, 0, 0], [3, 10, 0, 0]],
    ]
    assert result.cycles == 45
    assert_counters(
        result,
        items=11, skip_w=17, skip_a=5, skip_both=3, mac_effectual=22, mac_gated=66,
        mac_skipped=200, fmap_rd=24, ring_xfer=60, res_rd=16, res_wr=16, ibuf_wr=28, ibuf_rd=11,
        fsram_rd_m1=4, fsram_rd_m2=4, fsram_rd_a=11, stall_gemm=24, psum_busy=8, im2col_busy=36,
    )  # fmt: skip


def test_example_4_pool():
    geo = Geometry(2, 2, 2, 2, 1, 1, 0, 0, 4, 4, 2)
    result = run_pool(
        MINI, geo, Gemm(Ct=1, Q=1, cres=1), MAP3, 0, 2, is_average=False, counts_padding=False
    )
    assert result.sums.tolist() == [[[0, 3], [5, 0]]]
    assert result.cycles == 6
    assert_counters(result, fmap_rd=16, pool_ops=16, ring_xfer=0, res_rd=0, obuf_wr=4)


def test_saturation_happens_after_every_addition():
    """Columns ascending: 7 additions clamp, and the small last product starts from the bound."""
    spec = SpotsSpec(ACC=18)
    weights, value = [300] * 10 + [-7], 300
    total, saturated = 0, 0
    for weight in weights:
        total += (weight * value + 2) >> 2
        kept = min(max(total, -(1 << 17)), (1 << 17) - 1)
        saturated += kept != total
        total = kept
    image = np.full((len(weights), 1, 1), value, np.int16)
    geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1)
    result = conv(spec, geo, Gemm(1, 1, 1, 11, 128, 11, 2), image, [weights])
    assert result.sums.item() == total == (1 << 17) - 1 - 525
    assert result.counters["saturated"] == saturated == 5


@pytest.mark.parametrize("width", [1, 9])
def test_extreme_products_do_not_wrap(width):
    """(-2^15)^2 = 2^30 twice in the widest accumulator, for both value kernels."""
    geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 1, width, width)
    image = np.full((2, 1, width), -32768, np.int16)
    for weight, bound, clamped in ((-32768, (1 << 30) - 1, 2), (32767, -(1 << 30), 1)):
        result = conv(SpotsSpec(ACC=31), geo, Gemm(1, 1, 1, 2, 1, 2, 0), image, [[weight] * 2])
        assert set(result.sums.ravel().tolist()) == {bound}
        assert result.counters["saturated"] == width * clamped


def test_fully_connected_needs_a_batch_of_four_only():
    """SPOTS sheet section 11: dense inputs, the same cycles for N = 1..4, more from 5 on."""
    rng = np.random.default_rng(3)
    weights = rng.integers(-9, 9, (200, 300)) * (rng.random(300) < 0.5)
    cycles = []
    for N in range(1, 10):
        geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 1, N, N)
        image = np.ones((300, 1, N), np.int16)
        cycles.append(
            conv(SpotsSpec(), geo, Gemm(0, 2, 200, 300, 128, 300, 0), image, weights).cycles
        )
    assert len(set(cycles[:4])) == 1
    assert len(set(cycles[4:8])) == 1
    assert cycles[3] < cycles[4] < cycles[8]


@pytest.mark.parametrize("filters", [16, 32, 64, 96, 128, 256, 384, 512])
def test_every_pe_works_except_with_16_filters(filters):
    """Fig. 17: with 16 filters half of the rows of each 32 x 4 array idle."""
    split = filters < 128
    rows = 32 if split else 128
    geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 4, 8, 8)
    gemm = Gemm(int(split), -(-filters // rows), filters, 3, 128, 3, 0)
    result = conv(SpotsSpec(), geo, gemm, np.ones((3, 4, 8), np.int16), np.ones((filters, 3)))
    slots = result.counters["gemm_busy"] * 512
    assert result.counters["idle_slots"] == (slots // 2 if filters == 16 else 0)


def interior(spec, R):
    """Counters of one interior patch and channel: the mixed difference of a map's extents."""

    def count(height, width):
        geo = Geometry(R, R, 1, 1, 1, 1, R // 2, R // 2, height, width, width)
        gemm = Gemm(0, 1, 1, 1, 1, 1, 0)
        image = np.ones((1, height, width), np.int16)
        return conv(spec, geo, gemm, image, np.ones((1, R * R))).counters

    corners = [count(*extent) for extent in ((16, 16), (12, 16), (16, 12), (12, 12))]
    return {
        name: (corners[0][name] - corners[1][name] - corners[2][name] + corners[3][name]) / 16
        for name in ("fmap_rd", "ring_xfer", "res_rd", "res_wr")
    }


def test_reuse_serves_eight_of_nine_elements_of_an_interior_patch():
    """SPOTS sheet section 11 (Fig. 19): 59 % less energy for 3x3, nothing for 1x1."""
    picojoule = {"fmap_rd": 2.5, "ring_xfer": 0.5, "res_rd": 1.25, "res_wr": 1.25}
    with_reuse, naive = interior(SpotsSpec(), 3), interior(SpotsSpec(REUSE=0), 3)
    assert with_reuse == {"fmap_rd": 1, "ring_xfer": 6, "res_rd": 2, "res_wr": 1}
    assert naive == {"fmap_rd": 9, "ring_xfer": 0, "res_rd": 0, "res_wr": 0}
    energy = [sum(n[name] * picojoule[name] for name in n) for n in (with_reuse, naive)]
    assert round(100 * (1 - energy[0] / energy[1])) == 59
    assert interior(SpotsSpec(), 1) == interior(SpotsSpec(REUSE=0), 1)


@pytest.mark.parametrize(("NC", "F", "rows_used"), [(4, 1, 128), (4, 4, 128), (2, 2, 3), (1, 3, 5)])
def test_results_leave_before_the_next_step_and_before_the_end(NC, F, rows_used):
    """SPOTS sheet section 7: when sums leave their PE, against the model's drain and last cycle."""
    spec = SpotsSpec(NC=NC, NR=rows_used, UNITS=1, NREG=F, RCAP=0)
    geo = Geometry(1, 1, 1, 1, 1, 1, 0, 0, 1, NC, NC)
    Kt = rows_used * F
    result = conv(
        spec, geo, Gemm(0, F, Kt, 1, 1, 1, 0), np.ones((1, 1, NC), np.int16), np.ones((Kt, 1))
    )
    issue = NC + 1  # IM2COL's skew, and one chunk of one index
    for i in range(rows_used):
        for j in range(NC):
            for f in range(F):
                leaves = issue + i + j + (NC - 1 - j) * F + f
                assert leaves < issue + NC * F + i + j + f
                assert leaves < result.cycles
