"""The golden SPOTS tiling on hand-made cases (sheet sections 6.2 to 6.6)."""

from typing import Any

import pytest
from spcc.isa.targets.spots import SpotsSpec
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden import spots_tiles as tiles
from spcc.tests.golden.spots_im2col import Geometry

CAP = 4096
MINI: dict[str, Any] = dict(
    NR=4, NC=2, UNITS=2, NREG=2, G=2, SLOT=4, INBW=2, SPLIT_LT=3,
    FCAP=CAP, WCAP=CAP, ICAP=CAP, OCAP=CAP, RCAP=256,
)  # fmt: skip
G3 = Geometry(R=3, S=3, H=4, W=4, OW=4, pt=1, pl=1)
G4 = Geometry(R=2, S=2, H=4, W=4, OW=2, sh=2, sw=2)


def mini(**changes: Any) -> SpotsSpec:
    return SpotsSpec(**{**MINI, **changes})


def dense(C: int, H: int, W: int) -> list[list[list[int]]]:
    return [[[1 + c + y + z for z in range(W)] for y in range(H)] for c in range(C)]


def ones(K: int, C: int, R: int, S: int) -> list[list[list[list[int]]]]:
    return [[[[1] * S] * R] * C] * K


def test_filters_beyond_the_array_make_tiles_and_the_rest_splits() -> None:
    todo = tiler.plan(mini(), ones(10, 1, 1, 1), geo=Geometry(R=1, S=1, H=1, W=2, OW=2), OH=1)
    assert [(s.filters, s.split, s.F) for s in todo.steps] == [
        ((0, 8), False, 2), ((8, 10), True, 1),
    ]  # fmt: skip
    assert [load.stream for load in todo.loads] == ["dram_wt", "dram_in", "dram_wt"]


def test_groups_share_a_tile_up_to_one_small_array() -> None:
    spec = mini(NR=8, SPLIT_LT=9)  # arrays of 4 rows
    small = tiles.filter_tiles(spec, K=10, Cg=3, groups=10, kmax=16, all_split=False)
    assert [(t.filters, t.channels) for t in small] == [
        ((0, 4), (0, 12)), ((4, 8), (12, 24)), ((8, 10), (24, 30)),
    ]  # fmt: skip
    large = tiles.filter_tiles(spec, K=40, Cg=3, groups=2, kmax=16, all_split=False)
    assert [(t.filters, t.channels) for t in large] == [
        ((0, 16), (0, 3)), ((16, 20), (0, 3)), ((20, 36), (3, 6)), ((36, 40), (3, 6)),
    ]  # fmt: skip


def test_channel_tiles_stay_inside_the_range_of_their_group() -> None:
    """Ranges of 5 channels cut into 2 tiles of 3 and 2, wherever the range begins."""
    spec = mini(ICAP=32)  # half a buffer holds 4 channels x 2 columns
    geo = Geometry(R=1, S=1, H=2, W=2, OW=2)
    todo = tiler.plan(spec, ones(6, 5, 1, 1), groups=2, geo=geo, OH=2)
    assert [(s.filters, s.channels, s.acc) for s in todo.steps] == [
        ((0, 3), (0, 3), False), ((0, 3), (3, 5), True),
        ((3, 6), (5, 8), False), ((3, 6), (8, 10), True),
    ]  # fmt: skip


def test_policy_counts_the_channels_of_each_range() -> None:
    """Two groups of 2 filters x 3 channels, dense, tall F = 1: two tiles of 3 channels / NC."""
    w = ones(4, 3, 1, 1)
    spans = tiles.filter_tiles(mini(SPLIT_LT=0), 4, 3, 2, 8, False)
    assert tiles.policy_cost(mini(), w, 2, spans) == 2 * 3 / 2


def test_weights_outside_the_group_are_zero() -> None:
    w = [[[[k + 1]]] for k in range(4)]
    assert tiles.tile_weights(w, 4, (1, 3), (1, 3)) == [[[[2]], [[0]]], [[[0]], [[3]]]]


def test_channel_tiles_skip_counts_that_no_size_gives() -> None:
    assert list(tiles.channel_tile_sizes(5)) == [(1, 5), (2, 3), (3, 2), (5, 1)]


def test_bands_follow_the_smaller_half_of_the_memories() -> None:
    """A row has 16 bytes; half of 112 bytes holds 3 rows: two output rows and a halo."""
    geo = Geometry(R=2, S=1, H=8, W=8, OW=8)
    spec = mini(FCAP=112)
    tall = tiles.band_rows(spec, geo, 7, nC=1, Ct=1, Kt=3, split=False, pooling=False)
    split = tiles.band_rows(spec, geo, 7, nC=1, Ct=1, Kt=2, split=True, pooling=False)
    assert (tall, split) == (2, 2)
    assert tiles.band_rows(mini(), geo, 7, nC=1, Ct=1, Kt=3, split=False, pooling=False) == 7


def test_channel_tiles_hand_their_sums_on() -> None:
    geo = Geometry(R=1, S=1, H=2, W=2, OW=2)
    spec = mini(ICAP=32)  # half a buffer holds 4 channels x 2 columns
    todo = tiler.plan(spec, ones(3, 8, 1, 1), geo=geo, OH=2)
    assert [(s.channels, s.acc, s.is_last) for s in todo.steps] == [
        ((0, 4), False, False), ((4, 8), True, True),
    ]  # fmt: skip
    done = tiler.layer(spec, [dense(8, 2, 2)], ones(3, 8, 1, 1), geo=geo, OH=2)
    assert done.output == [[[[36, 44], [44, 52]]] * 3]


def test_layer_that_does_not_fit_halves_its_filter_tiles_then_gives_up() -> None:
    geo = Geometry(R=1, S=1, H=1, W=64, OW=64)
    narrow = mini(OCAP=1024)  # 4 filters x 64 columns x 4 bytes
    assert [s.Kt for s in tiler.plan(narrow, ones(8, 1, 1, 1), geo=geo, OH=1).steps] == [4, 4]
    with pytest.raises(tiles.DoesNotFitError):
        tiler.plan(mini(OCAP=256), ones(8, 1, 1, 1), geo=geo, OH=1)


def test_policy_best_splits_when_a_tall_array_would_idle() -> None:
    """4 filters, one of four columns nonzero: tall costs 4*1/2, two split arrays 4*1/4."""
    w = [[[[k + 1]], [[0]], [[0]], [[0]]] for k in range(4)]
    geo = Geometry(R=1, S=1, H=2, W=2, OW=2)
    for policy, split in (("paper", False), ("best", True)):
        (step,) = tiler.plan(mini(POLICY=policy), w, geo=geo, OH=2).steps
        assert step.split is split


def test_reserved_channels() -> None:
    spec = mini(RCAP=64)
    assert tiles.reserved_channels(spec, G3, Ct=9, rows=4, units=1) == 32 // (2 * 4)
    assert tiles.reserved_channels(spec, G3, Ct=9, rows=4, units=2) == 16 // (2 * 4)
    assert tiles.reserved_channels(spec, G3, Ct=9, rows=2, units=2) == 9
    assert tiles.reserved_channels(spec, G4, Ct=9, rows=4, units=1) == 9


def test_product_shift_is_the_smallest_that_leaves_a_bit() -> None:
    spec = mini()
    assert [tiles.product_shift(spec, n) for n in (2**22 - 1, 2**22, 2**23, 2**50)] == [0, 1, 2, 15]


def test_output_does_not_depend_on_the_tiling() -> None:
    geo = Geometry(R=3, S=2, H=6, W=5, OW=4, sh=2, pt=1, dw=2, pl=1)
    x = [[[[(c * 5 + y * 3 + z) % 7 - 3 for z in range(5)] for y in range(6)] for c in range(5)]]
    w = [[[[(k + c + r * s) % 3 - 1 for s in range(2)] for r in range(3)] for c in range(5)]
         for k in range(7)]  # fmt: skip
    wide = tiler.layer(mini(), x, w, geo=geo, OH=3, psh=1)
    for changes in ({"ICAP": 64}, {"FCAP": 160}, {"OCAP": 256}, {"NREG": 1, "RCAP": 0}):
        other = tiler.layer(mini(**changes), x, w, geo=geo, OH=3, psh=1)
        assert other.output == wide.output
        assert (other.cycles, other.counters) != (wide.cycles, wide.counters)


def test_maps_in_bands_and_channel_tiles_are_pooled_like_whole_ones() -> None:
    geo = Geometry(R=3, S=3, H=7, W=6, OW=6, pt=1, pl=1)
    x = [[[[(c * 5 + y * 3 + z) % 11 - 6 for z in range(6)] for y in range(7)] for c in range(5)]]
    whole = tiler.pool_layer(mini(), x, geo=geo, OH=7, op=0)
    assert whole.counters["dram_in"] == 5 * 7 * 6 * 2
    todo = tiler.plan_pool(mini(FCAP=400), C=5, geo=geo, OH=7)
    assert [(s.channels, s.oy0, s.rows) for s in todo.steps][:3] == [
        ((0, 3), 0, 2), ((0, 3), 2, 2), ((0, 3), 4, 2),
    ]  # fmt: skip
    cut = tiler.pool_layer(mini(FCAP=400), x, geo=geo, OH=7, op=0)
    assert cut.output == whole.output
    assert cut.cycles > whole.cycles
    assert cut.counters["dram_in"] == 5 * (3 + 4 + 4 + 2) * 6 * 2
    assert cut.counters["dram_out"] == whole.counters["dram_out"] == 5 * 7 * 6 * 2


def test_images_are_loaded_one_after_the_other_and_weights_once() -> None:
    todo = tiler.plan(mini(), ones(3, 2, 3, 3), geo=G3, OH=4, N=3)
    assert [(load.before, load.stream) for load in todo.loads] == [
        (0, "dram_wt"), (0, "dram_in"), (1, "dram_in"), (2, "dram_in"),
    ]  # fmt: skip
    assert todo.bytes_of("dram_in") == 3 * 2 * 4 * 4 * 2


def test_banded_convolution_loads_its_halo_again() -> None:
    """Rows of 8 words; bands of 2 output rows read 3 input rows, the last band reads 2."""
    geo = Geometry(R=2, S=1, H=8, W=8, OW=8)
    todo = tiler.plan(mini(FCAP=224), ones(3, 2, 2, 1), geo=geo, OH=7)
    assert [(s.oy0, s.rows) for s in todo.steps] == [(0, 2), (2, 2), (4, 2), (6, 1)]
    assert [load.byte_count for load in todo.loads if load.stream == "dram_in"] == [96, 96, 96, 64]
    assert [load.before for load in todo.loads if load.stream == "dram_in"] == [0, 1, 2, 3]
    assert todo.bytes_of("dram_wt") == 8 * (1 + 2 * 1 + 2 * 2)


def test_steps_of_later_groups_carry_their_own_registers() -> None:
    """Split tiles on a 3 x 3 kernel: the reserve is one unit's half, 2 rows of 4 elements."""
    spec = mini(NR=8, NREG=1, SPLIT_LT=5, RCAP=64)
    todo = tiler.plan(spec, ones(8, 3, 3, 3), groups=2, geo=G3, OH=4)
    assert [(s.channels, s.split, s.F, s.Kt, s.Ct, s.Q, s.cres) for s in todo.steps] == [
        ((0, 3), True, 1, 4, 3, 1, 2), ((3, 6), True, 1, 4, 3, 1, 2),
    ]  # fmt: skip
    assert [load.byte_count for load in todo.loads if load.stream == "dram_in"] == [96, 96]


def test_layer_totals_are_the_sums_of_its_instructions() -> None:
    x, w = [dense(3, 4, 4), dense(3, 4, 4)], ones(3, 3, 3, 3)
    one = tiler.layer(mini(), x[:1], w, geo=G3, OH=4)
    two = tiler.layer(mini(), x, w, geo=G3, OH=4)
    assert two.cycles == 2 * one.cycles > 0
    for name, count in one.counters.items():
        assert two.counters[name] == (count if name == "dram_wt" else 2 * count), name
    macs = ("mac_effectual", "mac_gated", "mac_skipped")
    assert sum(one.counters[name] for name in macs) == 3 * 3 * 9 * 16


def test_pool_totals_are_the_sums_of_its_instructions() -> None:
    one = tiler.pool_layer(mini(), [dense(3, 4, 4)], geo=G4, OH=2, op=1)
    two = tiler.pool_layer(mini(), [dense(3, 4, 4)] * 2, geo=G4, OH=2, op=1)
    assert two.cycles == 2 * one.cycles > 0
    assert two.counters == {name: 2 * count for name, count in one.counters.items()}
    assert (one.counters["pool_ops"], one.counters["dram_in"]) == (48, 96)
    assert one.output == [[[[2 + c, 4 + c], [4 + c, 6 + c]] for c in range(3)]]
