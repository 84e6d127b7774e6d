"""The golden `gospa`'s mapping, tiles and chunks against section 6 of its sheet."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from spcc.tests.golden import gospa_golden_plan as planning
from spcc.tests.golden.gospa_golden import layer
from spcc.tests.golden.gospa_golden_plan import GospaSpec
from spcc.tests.golden.two_sided_cases import GospaCase, gospa_cases
from spcc.tests.golden.two_sided_conv import Conv, UnmappableError
from spcc.tests.golden.two_sided_examples import A

SLIDE = Conv(1, 1, 3, 3, 1, 2, 2)


def micro(**changes: Any) -> GospaSpec:
    return GospaSpec(**{"n_apu": 1, "cols": 1, **changes})


# Section 6 ---------------------------------------------------------------------------------------


def test_folding() -> None:
    folded = planning.fold(np.arange(1, 131).reshape(2, 65))
    assert folded.shape == (2, 2, 1, 64)
    assert folded[1, 0, 0, 3] == 66 + 3
    assert folded[1, 1, 0].tolist() == [130] + [0] * 63


def test_filter_order() -> None:
    conv = Conv(1, 2, 1, 1, 4, 1, 1, groups=1)
    w = np.array([[1, 0], [0, 2], [3, 4], [0, 0]]).reshape(4, 2, 1, 1)
    assert planning.filter_order(GospaSpec(), conv, w, 0) == [0, 1, 2, 3]
    assert planning.filter_order(GospaSpec(sort_filters=1), conv, w, 0) == [2, 0, 1, 3]


def test_search_weighs_tiles_against_filter_groups() -> None:
    """13x13 outputs, 3x3: 128 filters want rows for filters, 32 filters rows for tiles."""
    wide = planning.search(GospaSpec(), Conv(1, 8, 13, 13, 128, 3, 3, pads=(1, 1, 1, 1)))
    assert (wide.a_s, wide.a_k) == (1, 4)
    assert wide.cost == 169 + 16 * 4
    narrow = planning.search(GospaSpec(), Conv(1, 8, 13, 13, 32, 3, 3, pads=(1, 1, 1, 1)))
    assert (narrow.a_s, narrow.a_k) == (4, 1)
    assert (narrow.te, narrow.tf) == (7, 7)
    assert narrow.cost == 49 + 16


def test_search_prefers_few_tiles_small_boxes_and_wide_tiles() -> None:
    """2x2 outputs in two tiles, 1x2 or 2x1: same cost, count and box; the larger tf wins."""
    found = planning.search(micro(acc_entries=3), SLIDE)
    assert (found.te, found.tf, found.cost) == (1, 2, 2 * (2 + 16))
    tall = planning.search(micro(acc_entries=3), Conv(1, 1, 4, 3, 1, 3, 2))
    assert (tall.te, tall.tf, tall.bh, tall.bw) == (2, 1, 4, 2)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (dict(ring_entries=18), (2, 2)),
        (dict(ring_entries=17), (1, 2)),
        (dict(act_half=10), (2, 2)),
        (dict(act_half=9), (1, 2)),
        (dict(act_half=6), (1, 1)),
        (dict(acc_entries=1), (1, 1)),
    ],
)
def test_search_respects_memories(changes: dict[str, int], expected: tuple[int, int]) -> None:
    found = planning.search(micro(**changes), SLIDE)
    assert (found.te, found.tf) == expected


@pytest.mark.parametrize("changes", [dict(ring_entries=7), dict(act_half=4)])
def test_layer_without_a_tile_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(UnmappableError):
        layer(micro(**changes), **A)


def test_kernel_of_more_than_128_positions_is_refused() -> None:
    assert planning.search(GospaSpec(), Conv(1, 1, 16, 8, 1, 16, 8)).te == 1
    with pytest.raises(UnmappableError):
        planning.search(GospaSpec(), Conv(1, 1, 43, 3, 1, 43, 3))


def test_tiles_are_sorted_by_area_first() -> None:
    conv = Conv(2, 1, 3, 3, 1, 1, 1)
    mapping = planning.search(micro(acc_entries=4), conv)
    assert (mapping.te, mapping.tf) == (1, 3)
    two = planning.Mapping(1, 1, 2, 2, 2, 2, 0)
    tiles = planning.tile_list(conv, two)
    assert [tile.area for tile in tiles] == [4, 4, 2, 2, 2, 2, 1, 1]
    assert [(t.n, t.e0, t.f0) for t in tiles[2:6]] == [(0, 0, 2), (0, 2, 0), (1, 0, 2), (1, 2, 0)]


def test_chunks_end_where_a_memory_is_full() -> None:
    w = np.array(
        [[[[1, 1]], [[1, 0]], [[0, 0]], [[1, 1]]], [[[0, 0]], [[1, 1]], [[0, 1]], [[0, 0]]]]
    )
    mapping = planning.Mapping(1, 1, 1, 1, 1, 2, 0)
    assert planning.chunks(GospaSpec(), w, [0, 1], mapping) == [range(4)]
    assert planning.chunks(GospaSpec(w_half=5), w, [0, 1], mapping) == [range(2), range(2, 4)]
    assert planning.chunks(GospaSpec(w_half=5), w, [1], mapping) == [range(2), range(2, 4)]
    assert planning.chunks(GospaSpec(w_half=6), w, [1], mapping) == [range(3), range(3, 4)]
    assert planning.chunks(GospaSpec(act_half=9), w, [0], mapping) == [range(3), range(3, 4)]
    with pytest.raises(UnmappableError):
        planning.chunks(GospaSpec(w_half=2), w, [0], mapping)


@given(gospa_cases())
@settings(max_examples=40, deadline=None)
def test_plan_respects_the_memories(case: GospaCase) -> None:
    done, spec = case.run(), case.spec
    mapping, conv = done.mapping, done.conv
    assert mapping.a_s * mapping.a_k == spec.n_apu
    seen = np.zeros((conv.N, conv.E, conv.F), dtype=np.int64)
    for tile in done.plan.tiles:
        rows, columns = tile.box(conv)
        assert tile.area <= spec.acc_entries
        assert 2 * len(rows) * len(columns) <= spec.ring_entries
        seen[tile.n, tile.e0 : tile.e1, tile.f0 : tile.f1] += 1
    assert (seen == 1).all()
    assert all(a.area >= b.area for a, b in pairwise(done.plan.tiles))
    filters = [k for blocks in done.plan.blocks for block in blocks for k in block.filters]
    assert sorted(filters) == list(range(conv.K))
    for (g, kb, chunk), image in done.images.items():
        block = done.plan.blocks[g][kb]
        assert [c for part in block.chunks for c in part] == list(range(conv.Cg))
        channels = block.chunks[chunk]
        assert len(channels) * mapping.slot_halfwords <= spec.act_half
        assert len(image) <= 2 * spec.w_half * len(block.filters)
