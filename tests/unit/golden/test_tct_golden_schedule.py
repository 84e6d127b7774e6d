"""The golden scheduler of `tct` against its sheet: connections, traces, properties."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.tests.golden.ddn_examples import ROWS_1
from spcc.tests.golden.tct_golden_schedule import (
    ORDERS,
    SCHEDULERS,
    Entry,
    Link,
    Matrix,
    Scheduler,
    by_pe,
    connections,
    scan,
    schedule,
    shuffled,
    with_bubbles,
)

T25: list[Link] = [(1, 0), (2, 0), (1, 1), (1, -1), (2, 2), (2, -2), (1, 3)]

# Section 2 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "h", "d", "expected"),
    [
        ("T", 1, 6, [(1, 0), (1, 1), (1, -1), (1, 2), (1, -2), (1, 3), (1, -3)]),
        ("T", 2, 5, T25),
        ("T", 3, 4, [(1, 0), (2, 0), (3, 0), (1, 1), (1, -1), (2, 2), (2, -2)]),
        ("L", 1, 6, [(1, 0), (1, -1), (1, -2), (1, -3), (1, -4), (1, -5), (1, -6)]),
        ("L", 2, 5, [(1, 0), (2, 0), (1, -1), (1, -2), (1, -3), (1, -4), (1, -5)]),
        ("L", 3, 4, [(1, 0), (2, 0), (3, 0), (1, -1), (1, -2), (1, -3), (1, -4)]),
        ("T", 0, 0, []),
        ("T", 4, 0, [(1, 0), (2, 0), (3, 0), (4, 0)]),
    ],
)
def test_connections(shape: str, h: int, d: int, expected: list[Link]) -> None:
    assert connections(shape, h, d) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ahead", T25),
        ("ahead_far", [(2, 0), (1, 0), (1, 3), (2, -2), (2, 2), (1, -1), (1, 1)]),
        ("aside", [(1, 1), (1, -1), (1, 3), (2, 2), (2, -2), (1, 0), (2, 0)]),
        ("near", [(1, 0), (1, 1), (1, -1), (1, 3), (2, 0), (2, 2), (2, -2)]),
    ],
)
def test_scan_orders(order: str, expected: list[Link]) -> None:
    assert scan(T25, order) == expected


# Section 10 --------------------------------------------------------------------------------------


def test_trace_of_example_1() -> None:
    """The counts that the sheet gives before and after every pass."""
    codes = {link: code for code, link in enumerate(T25, start=1)}
    work = Scheduler([list(row) for row in ROWS_1], 4, T25, codes)
    assert work.count(0) == [0, 1, 3, 1]
    work.alg2(0)
    assert (work.W[0], work.WS[0], work.count(0)) == ([5, 7, 0, 2], [0, 1, 0, 1], [0] * 4)
    assert not any(work.W[1]) and not any(work.W[2])  # noqa: PT018 - both rows are dropped
    assert work.count(3) == [0, 2, 1, 0]
    assert work.promote(3, 2)
    assert work.count(3) == [0, 1, 0, 0]
    work.alg2(3)
    assert (work.W[3], work.WS[3]) == ([3, 1, 6, 4], [0, 2, 1, 0])


def test_lookaside_stays_in_its_pe() -> None:
    """Lane 3 of PE 0 and lane 0 of PE 1 are neighbours in the row, not in a PE."""
    rows = [[1, 0] + [1] * 2, [0, 0, 0, 9]]
    entries = schedule(rows, 2, [(1, 1)])
    assert entries == [Entry(0, (1, 0, 1, 1), (0,) * 4), Entry(1, (0, 0, 0, 9), (0,) * 4)]
    free = schedule([[1, 0, 0, 1], [0, 0, 0, 9]], 2, [(1, 1)])
    assert free == [Entry(0, (1, 0, 9, 1), (0, 0, 1, 0))]


def test_counts_are_not_refreshed_inside_a_pass() -> None:
    """Lanes 0 and 1 both see only the 7: the first one takes it, the second gets nothing."""
    rows = [[0, 0, 5], [7, 0, 0]]
    assert schedule(rows, 3, [(1, 0), (1, -1)])[0] == Entry(0, (7, 0, 5), (1, 0, 0))


def test_several_promotions_or_one_in_a_pass() -> None:
    """After lane 0 took the 7, lane 1 has one candidate like lane 2, and comes before it."""
    rows = [[0, 0, 0, 5], [7, 0, 8, 0]]
    links: list[Link] = [(1, 0), (1, 1), (1, -1)]
    both = [schedule(rows, 4, links, scheduler=name)[0] for name in ("alg2", "alg2_one")]
    assert both == [Entry(0, (7, 0, 8, 5), (1, 0, 1, 0)), Entry(0, (7, 8, 0, 5), (1, 2, 0, 0))]


# Section 6 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "adv_max", "expected"),
    [
        ([0, 3], 3, [0, 3]),
        ([0, 4], 3, [0, 3, 4]),
        ([5, 12], 3, [5, 8, 11, 12]),
        ([0, 2, 3], 1, [0, 1, 2, 3]),
        ([1, 200], 256, [1, 200]),
        ([9], 1, [9]),
        ([], 3, []),
    ],
)
def test_bubbles(rows: list[int], adv_max: int, expected: list[int]) -> None:
    full = with_bubbles([Entry(r, (1,), (0,)) for r in rows], adv_max)
    assert [entry.r for entry in full] == expected
    assert [entry.r for entry in full if not entry.is_bubble] == rows
    pairs = pairwise(rows)
    assert len(full) - len(rows) == sum((b - a - 1) // adv_max for a, b in pairs)


def test_filters_are_sorted_by_their_weights() -> None:
    w = np.zeros((5, 4, 1, 1), dtype=np.int64)
    for f, count in enumerate((1, 3, 0, 3, 4)):
        w[f, :count] = -f - 1
    assert shuffled(w) == [4, 1, 3, 0, 2]


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Matrix, int, list[Link]]:
    """A unit's weights, all different, its lane count and its connections."""
    rng = random.Random(draw(st.integers(0, 1 << 40)))
    N, pes, R = rng.randint(2, 5), rng.randint(1, 3), draw(st.integers(1, 14))
    density = rng.choice([0.1, 0.3, 0.5, 0.8])
    rows = [
        [1 + r * N * pes + lane if rng.random() < density else 0 for lane in range(N * pes)]
        for r in range(R)
    ]
    shape, h = rng.choice("TL"), rng.randint(0, 4)
    d = rng.randint(0, min(6, N - 1 if shape == "L" else 2 * N - 2)) if h else 0
    return rows, N, connections(shape, h, d)


@settings(max_examples=100, deadline=None)
@given(matrices(), st.sampled_from(ORDERS), st.sampled_from(SCHEDULERS))
def test_every_weight_is_scheduled_once(
    unit: tuple[Matrix, int, list[Link]], order: str, scheduler: str
) -> None:
    """A slot holds its own weight or that of its connection; no weight is lost or doubled."""
    rows, N, links = unit
    seen: list[int] = []
    for entry in schedule(rows, N, links, order, scheduler):
        assert not entry.is_bubble
        for lane, (weight, ws) in enumerate(zip(entry.weights, entry.ws, strict=True)):
            ahead, aside = links[ws - 1] if ws else (0, 0)
            source = lane // N * N + (lane % N + aside) % N
            if weight:
                assert rows[entry.r + ahead][source] == weight
                seen.append(weight)
            else:
                assert ws == 0
    assert sorted(seen) == [weight for row in rows for weight in row if weight]


@settings(max_examples=100, deadline=None)
@given(matrices(), st.sampled_from(ORDERS), st.sampled_from(SCHEDULERS))
def test_pes_may_be_scheduled_on_their_own(
    unit: tuple[Matrix, int, list[Link]], order: str, scheduler: str
) -> None:
    """Section 6: the global minimum may be replaced by a PE's own."""
    rows, N, links = unit
    literal = schedule(rows, N, links, order, scheduler)
    assert by_pe(rows, N, links, order, scheduler) == literal


# Section 11 --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_unit", "shape", "h", "d", "order", "scheduler", "zeros", "expected"),
    [
        (16, "T", 2, 5, "ahead", "alg2", 0.8, 2.28),
        (16, "T", 2, 5, "near", "alg2", 0.7, 2.08),
        (16, "T", 2, 5, "aside", "greedy", 0.6, 1.66),
        (16, "T", 3, 4, "ahead_far", "alg2", 0.8, 2.21),
        (16, "T", 1, 6, "ahead", "alg2", 0.7, 1.83),
        (16, "T", 2, 0, "ahead", "alg2", 0.8, 1.53),
        (16, "L", 2, 5, "ahead", "alg2", 0.9, 2.43),
        (64, "T", 2, 5, "ahead", "alg2", 0.8, 2.06),
        (1, "T", 2, 5, "ahead", "alg2", 0.9, 2.58),
    ],
)
def test_measured_speed_up(
    per_unit: int, shape: str, h: int, d: int, order: str, scheduler: str, zeros: float,
    expected: float,
) -> None:  # fmt: skip
    """One seed of the table; four of them spread by at most 0.03 around its mean."""
    R, K, N = 288, 64, 16
    mask = np.random.default_rng(1).random((R, K * N)) >= zeros
    links = connections(shape, h, d)
    longest = 0
    for at in range(0, K * N, per_unit * N):
        unit = mask[:, at : at + per_unit * N].astype(int).tolist()
        entries = with_bubbles(by_pe(unit, N, links, order, scheduler), h + 1)
        longest = max(longest, len(entries))
    assert R / longest == pytest.approx(expected, abs=0.05)
