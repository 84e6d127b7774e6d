"""The golden `sparten`'s sets, balancing, split, blocks and segments against section 6."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from spcc.tests.golden import sparten_golden_plan as planning
from spcc.tests.golden.sparten_golden import layer
from spcc.tests.golden.sparten_golden_plan import SpartenSpec
from spcc.tests.golden.two_sided_cases import SpartenCase, sparten_cases
from spcc.tests.golden.two_sided_conv import Conv, UnmappableError


def micro(**changes: Any) -> SpartenSpec:
    chosen: dict[str, Any] = {"clusters": 1, "cus": 2, **changes}
    return SpartenSpec(**chosen)


def filters_of(*counts: int) -> Any:
    """1x1 filters with these nonzero counts."""
    return np.array([[int(c < count) for c in range(8)] for count in counts]).reshape(-1, 8, 1, 1)


@pytest.mark.parametrize(
    ("gb", "sets"),
    [("none", [[0, 1], [2, 3], [4]]), ("S", [[2, 0, 3, 1], [4]]), ("H", [[2, 0, 3, 1], [4]])],
)
def test_filter_sets(gb: str, sets: list[list[int]]) -> None:
    w = filters_of(4, 2, 7, 4, 1)
    assert planning.filter_sets(micro(gb=gb), Conv(1, 8, 1, 1, 5, 1, 1), w, 0) == sets


def test_ranks_are_folded_dense_with_sparse() -> None:
    assert [planning.cu_of_rank(micro(cus=3), rank) for rank in range(6)] == [0, 1, 2, 2, 1, 0]


def test_assignment_per_filter_and_per_chunk() -> None:
    counts = [[5, 0], [4, 2], [3, 9], [2, 2]]
    assert planning.assignment(micro(gb="S"), counts) == [[0, 1, 1, 0]] * 2
    assert planning.assignment(micro(gb="H"), counts) == [[0, 1, 1, 0], [0, 1, 0, 1]]
    assert planning.assignment(micro(gb="none"), counts[:2]) == [[0, 1]] * 2


def test_short_set_has_few_doubly_loaded_cus() -> None:
    """A set of cus + x filters has x of them."""
    row = planning.assignment(micro(cus=4, gb="S"), [[9 - k] for k in range(6)])[0]
    assert row == [0, 1, 2, 3, 3, 2]


def test_split_weighs_shares_against_sets() -> None:
    assert planning.split(SpartenSpec(), Conv(1, 64, 8, 8, 64, 1, 1)) == (4, 1)
    assert planning.split(SpartenSpec(), Conv(1, 64, 1, 1, 256, 1, 1)) == (1, 4)
    assert planning.split(SpartenSpec(), Conv(2, 64, 1, 1, 256, 1, 1)) == (2, 2)
    assert planning.split(SpartenSpec(clusters=3), Conv(1, 64, 1, 2, 128, 1, 1)) == (3, 1)


def test_split_counts_how_often_a_cu_is_loaded() -> None:
    """65 filters, 3 positions: as 64 + 1 they cost 3 * 3, side by side 2 * 3."""
    assert planning.split(SpartenSpec(clusters=2), Conv(1, 8, 1, 3, 65, 1, 1)) == (2, 1)
    assert planning.split(SpartenSpec(clusters=2), Conv(1, 8, 1, 1, 65, 1, 1)) == (1, 2)


@pytest.mark.parametrize(
    ("ibuf_bytes", "expected"),
    [(10**6, 64), (10 * 640, 64), (10 * 640 - 1, 32), (7 * 640, 32), (7 * 640 - 1, 16),
     (5 * 640, 16), (5 * 640 - 1, 8), (4 * 640, 8), (4 * 640 - 1, 1), (3 * 640, 1)],
)  # fmt: skip
def test_block_size(ibuf_bytes: int, expected: int) -> None:
    """3x3 on 10x10, pixels of 16 + 2*24 bytes: 64 positions lie in 8 + 2 rows at the most."""
    conv = Conv(1, 24, 10, 10, 1, 3, 3, pads=(1, 1, 1, 1))
    assert planning.block_size(SpartenSpec(ibuf_bytes=ibuf_bytes), conv) == expected


def test_rows_that_do_not_fit_are_refused() -> None:
    conv = Conv(1, 24, 10, 10, 1, 3, 3, pads=(1, 1, 1, 1))
    with pytest.raises(UnmappableError):
        planning.block_size(SpartenSpec(ibuf_bytes=3 * 640 - 1), conv)


def test_shares_are_cut_at_images_and_blocks() -> None:
    conv = Conv(3, 1, 7, 7, 1, 1, 1)
    assert planning.blocks(conv, 2, 0, 64) == [range(49), range(49, 74)]
    assert planning.blocks(conv, 2, 1, 64) == [range(74, 98), range(98, 147)]
    assert planning.blocks(conv, 2, 0, 32)[:3] == [range(32), range(32, 49), range(49, 74)]
    assert planning.blocks(Conv(1, 1, 1, 5, 1, 1, 1), 4, 3, 64) == []


def test_segments_end_where_a_filter_memory_is_full() -> None:
    counts = [[1, 8, 0], [0, 0, 0]]
    single = [[0, 1]] * 3
    assert planning.segments(micro(fbuf_bytes=66), counts, single) == [range(3)]
    assert planning.segments(micro(fbuf_bytes=65), counts, single) == [range(2), range(2, 3)]
    assert planning.segments(micro(fbuf_bytes=49), counts, single) == [range(1), range(1, 3)]
    assert len(planning.segments(micro(fbuf_bytes=47), counts, single)) == 3
    shared = [[0, 0], [0, 1], [1, 1]]
    assert planning.segments(micro(fbuf_bytes=66), counts, shared) == [range(3)]
    assert planning.segments(micro(fbuf_bytes=65), counts, shared) == [range(1), range(1, 3)]
    with pytest.raises(UnmappableError):
        planning.segments(micro(fbuf_bytes=31), counts, single)


def test_set_with_fewer_segments_idles() -> None:
    w = np.ones((2, 256, 1, 1), dtype=np.int64)
    w[1] = 0
    spec = micro(clusters=2, cus=1, gb="none", fbuf_bytes=300, pipe=0)
    done = layer(spec, np.ones((1, 256, 1, 1), dtype=np.int64), w)
    assert [run.clusters for run in done.runs] == [
        {(0, 0): 9 + 129, (0, 1): 9 + 9 + 2},
        {(0, 0): 9 + 129, (0, 1): 0},
    ]


@given(sparten_cases())
@settings(max_examples=40, deadline=None)
def test_plan_covers_everything_once(case: SpartenCase) -> None:
    done, spec = case.run(), case.spec
    plan, conv = done.plan, done.conv
    assert plan.a_s * plan.a_k == spec.clusters
    positions = [p for blocks in plan.blocks for block in blocks for p in block]
    assert positions == list(range(conv.N * conv.E * conv.F))
    for blocks in plan.blocks:
        for block in blocks:
            assert 0 < len(block) <= plan.PB
            assert block.start // (conv.E * conv.F) == (block.stop - 1) // (conv.E * conv.F)
    filters: list[int] = []
    for batches in plan.batches:
        for members in (members for batch in batches for members in batch):
            filters += members.filters
            assert [i for cut in members.segments for i in cut] == list(
                range(planning.chunk_count(conv))
            )
            for row in members.cu:
                loads = np.bincount(row, minlength=spec.cus)
                assert loads.max() <= (1 if spec.gb == "none" else 2)
                assert loads.min() >= 1 or loads.max() == 1
    assert sorted(filters) == list(range(conv.K))
