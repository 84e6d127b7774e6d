"""SparTen's sets, ranks, split, blocks and segments: what section 6 of its sheet says, by hand."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.window import Window
from spcc.compiler.targets.sparten_mapping import (
    Plan,
    Problem,
    balance,
    block_count,
    choose_block,
    choose_shares,
    cut_segments,
    filter_chunks,
    plan,
    set_table,
)
from spcc.isa.formats.sparsemap import record_sizes
from spcc.isa.targets.sparten import SpartenSpec
from spcc.isa.targets.sparten_shape import Positions

quick = settings(deadline=None)

POINT = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1)


def problem(
    images: int = 1, filters: int = 1, channels: int = 1, groups: int = 1, **window: int
) -> Problem:
    """A layer; one position of one tap unless stated."""
    values = POINT.values() | window
    return Problem(Window(**values), images, groups, channels, filters)


def mapped(H: int, kernel: int = 3, **others: int) -> Problem:
    """A square map with a kernel that keeps its size."""
    pad = kernel // 2
    return problem(R=kernel, S=kernel, pt=pad, pl=pad, H=H, W=H, OH=H, OW=H, **others)


def two_cus(gb: str, **others: Any) -> SpartenSpec:
    """A cluster of two CUs and chunks of four values."""
    return SpartenSpec(clusters=2, cus=2, chunk=4, gb=gb, **others)  # type: ignore[arg-type]


def weights_of(*nonzeros: list[int]) -> npt.NDArray[np.int16]:
    """Filters [K, Cg, 1, 1] with so many nonzeros in each chunk of four channels."""
    rows = [[int(at < count) for count in filter for at in range(4)] for filter in nonzeros]
    return np.array(rows, np.int16)[:, :, None, None]


# Sets and ranks ----------------------------------------------------------------------------------


def test_without_balancing_filters_stay_in_order() -> None:
    weights = weights_of([1], [4], [2])
    result = balance(two_cus("none"), problem(filters=3, channels=4), weights)
    assert result.order.tolist() == [0, 1, 2]
    assert result.cus.tolist() == [[0, 1, 0]]
    assert result.segments == [[1], [1]]


def test_whole_filters_are_ordered_and_dense_ones_meet_sparse_ones() -> None:
    weights = weights_of([1, 0], [4, 4], [2, 1], [3, 3], [2, 1], [0, 0])
    result = balance(two_cus("S"), problem(filters=6, channels=8), weights)
    # Nonzeros 8, 6, 3 and 3 in the first set, ties by number; then 1 and 0.
    assert result.order.tolist() == [1, 3, 2, 4, 0, 5]
    assert result.cus.tolist() == [[0, 1, 1, 0, 0, 1]]


def test_ranks_change_from_chunk_to_chunk() -> None:
    weights = weights_of([4, 1], [1, 3], [2, 2])
    result = balance(two_cus("H"), problem(filters=3, channels=8), weights)
    # By totals 5, 4, 4. Chunk 0: 4 > 2 > 1, so filter 1 shares CU 1 with filter 2; chunk 1:
    # 3 > 2 > 1, so filter 0 shares it with filter 2.
    assert result.order.tolist() == [0, 1, 2]
    assert result.cus.tolist() == [[0, 1, 1], [1, 0, 1]]


def test_ties_of_a_chunk_go_by_the_place_in_the_set() -> None:
    sizes = np.full((2, 4), 10)
    assert set_table(two_cus("H"), sizes).tolist() == 2 * [[0, 1, 1, 0]]


def test_a_set_of_a_few_more_than_the_cus_loads_the_last_ones_twice() -> None:
    table = set_table(SpartenSpec(cus=32), np.arange(34, 0, -1)[None])
    assert table[0, :32].tolist() == list(range(32))
    assert table[0, 32:].tolist() == [31, 30]


def test_groups_are_balanced_apart() -> None:
    weights = weights_of([1], [2], [0], [4])
    result = balance(two_cus("S"), problem(filters=2, channels=4, groups=2), weights)
    assert result.order.tolist() == [1, 0, 3, 2]
    assert result.cus.tolist() == [[0, 1, 0, 1]]


def test_chunks_are_channels_first_and_padded_by_pixel() -> None:
    weights = np.arange(1, 13, dtype=np.int16).reshape(1, 3, 2, 2)
    assert filter_chunks(weights, 2)[0].tolist() == [
        [1, 5], [9, 0], [2, 6], [10, 0], [3, 7], [11, 0], [4, 8], [12, 0],
    ]  # fmt: skip


# Split and blocks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "gb", "shares"),
    [
        (problem(filters=1000, channels=2048), "H", 1),  # 16 sets, 4 at a time: 4 * 2 * 1
        (problem(filters=64), "H", 4),  # all alike: the most shares
        (mapped(56, filters=256), "H", 4),
        (problem(images=2, filters=256), "H", 2),  # 2 * 2 * 1 against 4 * 2 * 1 and 1 * 2 * 2
        (problem(images=2, filters=64), "none", 2),
        (mapped(7, filters=192), "H", 4),  # 3 * 2 * 13 = 78 against 2 * 2 * 25 and 1 * 2 * 49
    ],
)
def test_split(case: Problem, gb: Any, shares: int) -> None:
    assert choose_shares(SpartenSpec(gb=gb), case) == shares


def test_a_batch_costs_its_fullest_set() -> None:
    # Sets of 64 and 16 filters take 2 and 1 rounds: apart 3 * 2 positions, together 2 * 4.
    spec = SpartenSpec(clusters=2)
    assert choose_shares(spec, problem(filters=80, H=2, W=2, OH=2, OW=2)) == 2
    # One position: apart 3 * 1, together 2 * 1.
    assert choose_shares(spec, problem(filters=80)) == 1


@pytest.mark.parametrize(
    ("case", "block"),
    [
        (mapped(224, channels=64), 64),  # 4 rows of 224 pixels of 144 bytes
        (mapped(224, channels=128), 64),  # 4 rows of 272 bytes: 243712
        (mapped(224, channels=160), 1),  # 4 rows of 352 do not fit, 3 do
        (mapped(14, channels=512), 64),
        (mapped(4000, channels=16), 0),
    ],
)
def test_block(case: Problem, block: int) -> None:
    spec = SpartenSpec()
    assert choose_block(spec, case) == block
    assert (plan(spec, case) is None) == (block == 0)


def test_a_block_of_one_row_needs_the_rows_of_one() -> None:
    # 33 positions of a map 32 wide may touch ceil(32 / 32) + 1 = 2 rows, 32 of them as well.
    spec = SpartenSpec(pos_block=33, ibuf_bytes=3 * 32 * (16 + 2))
    assert choose_block(spec, mapped(32)) == 1


blocks = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 5), st.integers(1, 9))


@quick
@given(blocks)
def test_blocks_are_shares_cut_at_images_and_every_so_many(case: tuple[int, ...]) -> None:
    images, per_image, shares, most = case
    cut = Positions(images * per_image, per_image, shares, most)
    length = -(-cut.total // shares)
    longest = 0
    for share in range(shares):
        wanted: list[list[int]] = []
        for position in range(share * length, min((share + 1) * length, cut.total)):
            is_new = not wanted or position % per_image == 0 or len(wanted[-1]) == most
            wanted += [[]] * is_new
            wanted[-1] = [*wanted[-1], position]
        parts = [cut.part(share, number) for number in range(len(wanted) + 2)]
        assert [list(range(p, p + n)) for p, n in parts] == [*wanted, [], []]
        longest = max(longest, len(wanted))
    assert block_count(cut) == longest


def test_blocks_end_where_images_do() -> None:
    def parts(shares: int, block: int) -> list[list[tuple[int, int]]]:
        cut = mapped(7, images=2).cut(Plan(shares, 1, block))
        found = [[cut.part(q, at) for at in range(block_count(cut))] for q in range(shares)]
        return [[part for part in share if part[1]] for share in found]

    # Two images of 49 in two shares of 49: no image ends inside one.
    assert parts(2, 64) == [[(0, 49)], [(49, 49)]]
    assert parts(1, 64) == [[(0, 49), (49, 49)]]
    # Shares of 25: the second image begins in the second share, behind 24 of its positions.
    assert parts(4, 20) == [
        [(0, 20), (20, 5)],
        [(25, 20), (45, 4), (49, 1)],
        [(50, 20), (70, 5)],
        [(75, 20), (95, 3)],
    ]


# Segments ----------------------------------------------------------------------------------------


@st.composite
def segment_cases(draw: st.DrawFn) -> tuple[SpartenSpec, npt.NDArray[np.int64]]:
    """Sizes [chunks, filters] of records of up to four values."""
    gb = draw(st.sampled_from(["none", "S", "H"]))
    spec = two_cus(gb, fbuf_bytes=draw(st.integers(18, 60)))
    filters = draw(st.integers(1, spec.set_filters))
    chunks = draw(st.integers(1, 9))
    counts = draw(st.lists(st.integers(0, 4), min_size=chunks * filters, max_size=chunks * filters))
    return spec, 1 + 2 * np.array(counts, np.int64).reshape(chunks, filters)


@quick
@given(segment_cases())
def test_a_new_segment_begins_when_a_cu_would_overflow(
    case: tuple[SpartenSpec, npt.NDArray[np.int64]],
) -> None:
    spec, sizes = case
    table = np.broadcast_to(set_table(spec, sizes), sizes.shape)
    ends: list[int] = []
    load = [0] * spec.cus
    for chunk, (row, cus) in enumerate(zip(sizes.tolist(), table.tolist(), strict=True)):
        more = [0] * spec.cus
        for size, cu in zip(row, cus, strict=True):
            more[cu] += size
        if any(a + b > spec.fbuf_bytes for a, b in zip(load, more, strict=True)):
            ends.append(chunk)
            load = [0] * spec.cus
        load = [a + b for a, b in zip(load, more, strict=True)]
    assert cut_segments(spec, sizes, set_table(spec, sizes)) == [*ends, len(sizes)]


def test_segments_count_masks_and_values() -> None:
    chunks = filter_chunks(weights_of([4, 4, 0]), 4)
    sizes = record_sizes(chunks).T
    assert sizes.tolist() == [[9], [9], [1]]
    spec = two_cus("none", fbuf_bytes=18)
    assert cut_segments(spec, sizes, set_table(spec, sizes)) == [2, 3]
