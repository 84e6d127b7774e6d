"""The golden SPOTS model against the sheet's examples (sections 3, 10) and hand-made cases."""

from typing import Any

import pytest
from spcc.isa.targets.spots import SpotsSpec
from spcc.tests.golden import spots_clock as clock
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden.spots_format import decode_bytes, encode, encode_bytes
from spcc.tests.golden.spots_im2col import Geometry
from spcc.tests.golden.spots_stepper import Result, accumulate, conv, pool, rounded

CAP = 4096
MINI: dict[str, Any] = dict(
    NR=4, NC=2, UNITS=2, NREG=2, G=2, SLOT=4, INBW=2, SPLIT_LT=3,
    FCAP=CAP, WCAP=CAP, ICAP=CAP, OCAP=CAP, RCAP=256,
)  # fmt: skip


def mini(**changes: Any) -> SpotsSpec:
    return SpotsSpec(**{**MINI, **changes})


def subset(counters: dict[str, int], **expected: int) -> tuple[dict[str, int], dict[str, int]]:
    return {name: counters[name] for name in expected}, expected


# Section 3 ---------------------------------------------------------------------------------------

TILE = [
    [0, 3, 0, 0, 1, 0],
    [0, 0, 0, 0, 2, 0],
    [0, 0, 0, 0, 0, 0],
    [0, -4, 0, 0, 0, 0],
    [0, 7, 0, 0, 0, 0],
]


def test_weight_tile_of_section_3() -> None:
    tile = encode(TILE, 2)
    assert tile.m1 == [0, 1, 0, 0, 1, 0]
    assert tile.m2 == [[1, 1], [1, 0], [1, 0]]
    assert tile.blocks == [[[3, 0], [1, 2]], [[0, -4]], [[7, 0]]]
    assert tile.words() == [
        0x12, 0x3, 0x1, 0x1, 0x0002000100000003, 0x00000000FFFC0000, 0x7,
    ]  # fmt: skip
    assert len(encode_bytes(TILE, 2)) == 56
    assert [tile.blocks_at(k) for k in range(6)] == [0, 3, 0, 0, 1, 0]


def test_weight_tile_reads_back() -> None:
    assert decode_bytes(encode_bytes(TILE, 2), 5, 6, 2) == TILE


def test_weight_tile_with_several_words_per_bitmap() -> None:
    wide = [[(k * 7 + f) % 5 - 2 if (k + f) % 3 else 0 for k in range(131)] for f in range(3)]
    tile = encode(wide, 8)
    nonzero = sum(tile.m1)
    assert (tile.m1_words(), tile.m2_words()) == (3, -(-nonzero // 64))
    assert len(tile.words()) == 3 + -(-nonzero // 64) + 2 * len(tile.blocks[0])
    assert decode_bytes(encode_bytes(wide, 8), 3, 131, 8) == wide


def test_zero_weight_tile_is_its_first_bitmap() -> None:
    assert encode_bytes([[0] * 65] * 4, 2) == bytes(16)


@pytest.mark.parametrize(
    ("position", "value", "sentence"),
    [
        (0, 0x52, "past its end"),
        (0, 0x13, "column 4 is marked but zero"),
        (1, 0x1, "padding"),
        (3, 0x0, "words left over"),
        (5, 0x0, "is zero"),
        (5, 0x00000001FFFC0000, "padding"),
        (6, 0x10007, "past filter 4"),
    ],
)
def test_damaged_weight_tile_is_refused(position: int, value: int, sentence: str) -> None:
    words = encode(TILE, 2).words()
    words[position] = value
    image = b"".join(word.to_bytes(8, "little") for word in words)
    with pytest.raises(ValueError, match=sentence):
        decode_bytes(image, 5, 6, 2)


def test_short_weight_tile_is_refused() -> None:
    image = encode_bytes(TILE, 2)
    for length, sentence in ((48, "ends early"), (52, "whole words"), (0, "ends early")):
        with pytest.raises(ValueError, match=sentence):
            decode_bytes(image[:length], 5, 6, 2)


# Section 10 --------------------------------------------------------------------------------------

X1 = [[[5 * row + column + 1 for column in range(5)] for row in range(3)]]
W1 = [[[[1, 0], [0, 1]]], [[[0, 1], [-1, 0]]], [[[2, 0], [0, 0]]]]
G1 = Geometry(R=2, S=2, H=3, W=5, OW=4)

X2 = [[[1, 0, 2]], [[7, 7, 7]], [[0, 0, 0]], [[4, 0, 0]], [[5, 5, 5]], [[0, 0, 1]]]
W2 = [
    [[[v]] for v in row]
    for row in ([3, 0, 0, 1, 0, 2], [0, 0, 0, 4, 0, 0], [-1, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 6])
]
G2 = Geometry(R=1, S=1, H=1, W=3, OW=3)

X3 = [[[0, 0, 3, 1], [0, 0, 0, 2], [5, 0, 0, 0], [1, 4, 0, 0]]]
W3 = [[[[1, 2, 0], [0, 3, 0], [0, 0, -1]]], [[[0, 0, 0], [0, 5, 0], [0, 0, 4]]]]
G3 = Geometry(R=3, S=3, H=4, W=4, OW=4, pt=1, pl=1)
G4 = Geometry(R=2, S=2, H=4, W=4, OW=2, sh=2, sw=2)


def planned(spec: SpotsSpec, x: Any, w: Any, geo: Geometry, OH: int, psh: int = 0) -> Result:
    """The one CONV that the plan of the layer holds."""
    (step,) = tiler.plan(spec, w, geo=geo, OH=OH).steps
    assert (step.oy0, step.rows, step.acc, step.is_last) == (0, OH, False, True)
    return conv(
        spec, x=x, w=w, geo=geo, oy0=0, rows=OH, split=step.split, Q=step.Q, cres=step.cres,
        psh=psh,
    )  # fmt: skip


def test_example_1_dense() -> None:
    todo = tiler.plan(mini(), W1, geo=G1, OH=2)
    (step,) = todo.steps
    assert (step.split, step.F, step.Kt, step.Ct, step.Q, step.cres) == (False, 1, 3, 1, 1, 1)
    assert [(load.stream, load.byte_count) for load in todo.loads] == [
        ("dram_wt", 48), ("dram_in", 30),
    ]  # fmt: skip
    assert todo.dram_out == 48
    done = planned(mini(), X1, W1, G1, 2)
    assert done.sums == [
        [[8, 10, 12, 14], [18, 20, 22, 24]],
        [[-4] * 4, [-4] * 4],
        [[2, 4, 6, 8], [12, 14, 16, 18]],
    ]
    assert done.cycles == 33
    assert (done.chunk_cycles, done.chunk_items) == ([[4]] * 4, [[4]] * 4)
    got, expected = subset(
        done.counters, fmap_rd=15, ring_xfer=12, res_rd=5, res_wr=5, items=16, mac_effectual=40,
        mac_gated=56, mac_skipped=0, idle_slots=32, fsram_rd_m1=4, fsram_rd_m2=8, fsram_rd_a=20,
        ibuf_wr=16, ibuf_rd=16, obuf_wr=24, obuf_rd=0, stall_gemm=6, stall_im2col=2, gemm_busy=16,
        psum_busy=8, im2col_busy=16, patch_elems=32, fifo_act=96, fifo_wt=96, fifo_work=40,
        skip_w=0, skip_a=0, skip_both=0, saturated=0, pool_ops=0,
    )  # fmt: skip
    assert got == expected
    assert set(got) == set(done.counters)


def test_example_2_skipping() -> None:
    todo = tiler.plan(mini(), W2, geo=G2, OH=1)
    (step,) = todo.steps
    assert (step.split, step.F, step.Kt, step.Ct, step.Q, step.cres) == (False, 1, 4, 6, 4, 6)
    assert [todo.bytes_of(stream) for stream in tiler.DRAM] == [48, 36, 24]
    done = planned(mini(), X2, W2, G2, 1)
    assert done.sums == [[[7, 0, 8]], [[16, 0, 0]], [[-1, 0, 3]], [[0, 0, 6]]]
    assert done.cycles == 21
    assert (done.chunk_cycles, done.chunk_items) == ([[4, 2], [4, 2]], [[2, 0], [1, 1]])
    got, expected = subset(
        done.counters, items=4, skip_w=4, skip_a=2, skip_both=2, mac_effectual=9, mac_gated=15,
        mac_skipped=48, fmap_rd=18, ring_xfer=0, res_rd=0, res_wr=0, ibuf_wr=8, ibuf_rd=4,
        fsram_rd_m1=2, fsram_rd_m2=4, fsram_rd_a=7, stall_gemm=9, stall_im2col=0, im2col_busy=12,
        gemm_busy=4, psum_busy=4, idle_slots=8, obuf_wr=12,
    )  # fmt: skip
    assert got == expected


def test_example_3_split() -> None:
    (step,) = tiler.plan(mini(), W3, geo=G3, OH=4).steps
    assert (step.split, step.F, step.Kt, step.Ct, step.Q, step.cres) == (True, 1, 2, 1, 1, 1)
    done = planned(mini(), X3, W3, G3, 4, psh=1)
    assert done.sums == [
        [[0, 0, 4, 2], [0, 0, 3, 6], [6, 0, 0, 2], [7, 9, 0, 0]],
        [[0, 0, 12, 3], [0, 0, 0, 5], [21, 0, 0, 0], [3, 10, 0, 0]],
    ]
    assert done.cycles == 45
    assert done.chunk_cycles == [[9]] * 4
    assert done.chunk_items == [[2], [3], [3], [3]]
    got, expected = subset(
        done.counters, items=11, skip_w=17, skip_a=5, skip_both=3, mac_effectual=22, mac_gated=66,
        mac_skipped=200, fmap_rd=24, ring_xfer=60, res_rd=16, res_wr=16, ibuf_wr=28, ibuf_rd=11,
        fsram_rd_m1=4, fsram_rd_m2=4, fsram_rd_a=11, stall_gemm=24, stall_im2col=0, psum_busy=8,
        idle_slots=0,
    )  # fmt: skip
    assert got == expected


def test_example_4_maximum_pool() -> None:
    (step,) = tiler.plan_pool(mini(), C=1, geo=G4, OH=2).steps
    assert (step.rows, step.split, step.Q, step.cres) == (2, True, 1, 1)
    done = pool(mini(), x=X3, geo=G4, oy0=0, rows=2, Q=1, cres=1, op=0)
    assert done.sums == [[[0, 3], [5, 0]]]
    assert done.cycles == 6
    got, expected = subset(done.counters, fmap_rd=16, pool_ops=16, ring_xfer=0, im2col_busy=4)
    assert got == expected


# Section 11 --------------------------------------------------------------------------------------


def test_metadata_of_figure_10_stays_below_a_megabyte() -> None:
    """The largest bitmaps of a 1632 x 36548 matrix: every column and every block nonzero."""
    m1_words, block_rows = -(-36548 // 64), -(-1632 // 8)
    assert 8 * (m1_words + block_rows * -(-36548 // 64)) == 938_080


def test_fully_connected_takes_four_columns_at_once() -> None:
    spec = mini(NC=4, INBW=4, SLOT=128)
    w = [[(k * c) % 5 + 1 for c in range(6)] for k in range(4)]
    cycles = [
        tiler.fully_connected(spec, [[n + c + 1 for n in range(N)] for c in range(6)], w).cycles
        for N in range(1, 10)
    ]
    assert len(set(cycles[:4])) == len(set(cycles[4:8])) == 1
    assert cycles[0] < cycles[4] < cycles[8]


# Arithmetic --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "psh", "expected"),
    [(5, 0, 5), (5, 1, 3), (-5, 1, -2), (-6, 2, -1), (6, 2, 2), (1, 15, 0), (-16384, 15, 0)],
)
def test_products_are_rounded_half_up(product: int, psh: int, expected: int) -> None:
    assert rounded(product, psh) == expected


def test_accumulator_saturates_at_both_ends() -> None:
    top = 2**23 - 1
    assert accumulate(top, 1, 0, 24) == (top, 1)
    assert accumulate(top - 1, 1, 0, 24) == (top, 0)
    assert accumulate(-top, -2, 0, 24) == (-top - 1, 1)
    assert accumulate(-top, -1, 0, 24) == (-top - 1, 0)


def test_saturation_depends_on_the_order_of_k() -> None:
    geo = Geometry(R=1, S=1, H=1, W=1, OW=1)
    big = 1 << 11
    x = [[[big]], [[big]], [[big]]]
    run = dict(geo=geo, oy0=0, rows=1, split=False, Q=4, cres=3)
    spec = mini(ACC=24)
    up_first = conv(spec, x=x, w=[[[[big]], [[big]], [[-big]]]], **run)  # type: ignore[arg-type]
    down_first = conv(spec, x=x, w=[[[[-big]], [[big]], [[big]]]], **run)  # type: ignore[arg-type]
    assert up_first.sums == [[[2**23 - 1 - 2**22]]]
    assert down_first.sums == [[[2**22]]]
    assert (up_first.counters["saturated"], down_first.counters["saturated"]) == (1, 0)


@pytest.mark.parametrize(("incpad", "expected"), [(0, [3, -2]), (1, [1, -1])])
def test_average_pool_rounds_half_up(incpad: int, expected: list[int]) -> None:
    """Windows 2 x 2 with two in-map elements each: sums 5 and -5, halves -2.5 -> -2."""
    geo = Geometry(R=2, S=2, H=1, W=4, OW=2, sw=2, pt=1)
    done = pool(mini(), x=[[[2, 3, -2, -3]]], geo=geo, oy0=0, rows=1, Q=1, cres=1, op=1,
                incpad=incpad)  # fmt: skip
    assert done.sums == [[expected]]
    assert done.counters["pool_ops"] == 4


def test_padding_never_wins_the_maximum() -> None:
    geo = Geometry(R=3, S=3, H=2, W=2, OW=2, pt=1, pl=1)
    done = pool(mini(), x=[[[-5, -6], [-7, -8]]], geo=geo, oy0=0, rows=2, Q=1, cres=1, op=0)
    assert done.sums == [[[-5, -5], [-5, -5]]]


# Where elements come from ------------------------------------------------------------------------


def dense(C: int, H: int, W: int) -> list[list[list[int]]]:
    return [[[1 + c + y + z for z in range(W)] for y in range(H)] for c in range(C)]


def ones(K: int, C: int, R: int, S: int) -> list[list[list[list[int]]]]:
    return [[[[1] * S] * R] * C] * K


def test_channels_past_cres_are_fetched_again() -> None:
    geo = Geometry(R=2, S=1, H=3, W=2, OW=2)
    run = dict(x=dense(3, 3, 2), w=ones(3, 3, 2, 1), geo=geo, oy0=0, rows=2, split=False, Q=2)
    kept = conv(mini(), cres=3, **run)  # type: ignore[arg-type]
    fewer = conv(mini(), cres=1, **run)  # type: ignore[arg-type]
    got, expected = subset(kept.counters, fmap_rd=18, res_rd=6, res_wr=6, ring_xfer=0)
    assert got == expected
    got, expected = subset(fewer.counters, fmap_rd=22, res_rd=2, res_wr=2, ring_xfer=0)
    assert got == expected
    assert (kept.reserved_peak, fewer.reserved_peak) == (6, 2)


def test_without_reuse_every_in_map_element_is_fetched() -> None:
    done = conv(mini(REUSE=0), x=X3, w=W3, geo=G3, oy0=0, rows=4, split=True, Q=1, cres=1, psh=1)
    got, expected = subset(done.counters, fmap_rd=100, ring_xfer=0, res_rd=0, res_wr=0)
    assert got == expected
    assert done.chunk_cycles == [[9]] * 4
    slow = conv(
        mini(REUSE=0, INBW=1), x=X3, w=W3, geo=G3, oy0=0, rows=4, split=True, Q=1, cres=1, psh=1
    )
    # A step's two patches lie at a side of the map: 2 + 3 columns by 3 rows for the busiest unit.
    assert slow.chunk_cycles == [[15]] * 4
    assert slow.sums == done.sums


def test_rows_are_dealt_to_units_in_runs() -> None:
    """5 rows on 4 units: 2, 2, 1, 0; the second round has two live units."""
    spec = mini(NR=4, UNITS=4, SPLIT_LT=1)
    geo = Geometry(R=1, S=1, H=5, W=1, OW=1)
    done = conv(spec, x=dense(1, 5, 1), w=ones(1, 1, 1, 1), geo=geo, oy0=0, rows=5, split=True,
                Q=4, cres=1)  # fmt: skip
    assert done.chunk_items == [[1], [1]]
    got, expected = subset(done.counters, patch_elems=5, items=2, idle_slots=2 * 8 - 5, ibuf_wr=5)
    assert got == expected


# Time --------------------------------------------------------------------------------------------


def test_preload_holds_the_array_back() -> None:
    start = [[[0] * 4] * 2] * 3
    run = dict(x=X1, w=W1, geo=G1, oy0=0, rows=2, split=False, Q=1, cres=1)
    fresh = conv(mini(NC=4), **run)  # type: ignore[arg-type]
    loaded = conv(mini(NC=4), sums=start, **run)  # type: ignore[arg-type]
    assert loaded.sums == fresh.sums
    assert loaded.counters["psum_busy"] == fresh.counters["psum_busy"] + 4
    assert loaded.counters["stall_gemm"] == fresh.counters["stall_gemm"] - 4
    assert loaded.counters["obuf_rd"] == 24


def test_array_is_busy_waiting_or_shifting_until_the_skew() -> None:
    for done in (planned(mini(), X1, W1, G1, 2), planned(mini(), X2, W2, G2, 1)):
        c = done.counters
        rows_used = len(done.sums)
        assert c["gemm_busy"] + c["psum_busy"] + c["stall_gemm"] + rows_used - 1 + 1 == done.cycles


@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("F", [1, 2, 3])
@pytest.mark.parametrize("NC", [1, 2, 4])
def test_next_step_may_enter_one_shift_later(NC: int, F: int, preload: bool) -> None:
    first = NC * F if preload else 0
    ends = [first + 2 * F, first + 2 * F + NC * F + F]
    issue_times = [[first, first + F], [first + 2 * F + NC * F]]
    past = clock.check_array(
        issue_times, ends, NC=NC, F=F, rows_used=3, preload=preload
    )  # fmt: skip
    assert past == ends[-1] + NC * F + (3 - 1) + (NC - 1)


@pytest.mark.parametrize(("NC", "F"), [(1, 1), (2, 1), (2, 2), (4, 3)])
def test_next_step_must_not_enter_earlier(NC: int, F: int) -> None:
    """An empty step ends where it starts: a cycle early its sums meet the last on the links."""
    with pytest.raises(AssertionError, match="two values"):
        clock.check_array([[0], []], [F, F + NC * F - 1], NC=NC, F=F, rows_used=1, preload=False)
    with pytest.raises(AssertionError, match="old sums"):
        clock.check_array(
            [[0], [F + (NC - 1) * F]], [F, 2 * F + NC * F], NC=NC, F=F, rows_used=1, preload=False
        )  # fmt: skip


def test_step_must_not_end_before_its_last_product() -> None:
    """Column 1 shifts first: its sum would leave in the cycle of its product."""
    with pytest.raises(AssertionError, match="leaves early"):
        clock.check_array([[0]], [0], NC=2, F=1, rows_used=1, preload=False)


def test_indices_closer_than_f_cycles_collide() -> None:
    with pytest.raises(AssertionError, match="multiplies twice"):
        clock.check_array([[0, 1]], [4], NC=2, F=2, rows_used=1, preload=False)
