"""The fast schedule equals the printed algorithm, and never loses or doubles a weight."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.targets.tct_schedule import (
    METHODS,
    Scheduler,
    count_entries_ahead,
    entry_rows,
    schedule_units,
)
from spcc.isa.targets.tct_connectivity import ORDERS, connections, scan_order
from tct_literal import literal_rows, literal_schedule

PATTERNS = [
    *(("T", h, d) for h in range(5) for d in (range(7) if h else (0,))),
    *(("L", h, d) for h in (1, 2, 3) for d in (4, 6)),
]


@st.composite
def cases(draw):
    """A scheduler, and the weights of some units [R, slots, N] with empty rows and lanes."""
    shape, h, d = draw(st.sampled_from(PATTERNS))
    pairs = connections(shape, h, d)
    order = draw(st.sampled_from(ORDERS))
    advance = draw(st.sampled_from([1, h + 1, 256]))
    scheduler = Scheduler(pairs, scan_order(pairs, order), draw(st.sampled_from(METHODS)), advance)
    N = draw(st.sampled_from([7, 8, 16, 64])) if h else draw(st.integers(1, 9))
    R = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    units = []
    for slots in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)):
        weights = rng.integers(-9, 10, (R, slots, N)).astype(np.int16)
        weights[weights == 0] = 1
        weights *= rng.random(weights.shape) >= draw(st.sampled_from([0, 0.3, 0.7, 0.95, 1]))
        weights *= rng.random((R, 1, 1)) >= draw(st.sampled_from([0, 0.5, 0.9]))
        units.append(weights)
    return scheduler, units


@settings(max_examples=150, deadline=None)
@given(cases())
def test_fast_equals_literal(case):
    scheduler, units = case
    for unit, schedule in zip(units, schedule_units(units, scheduler), strict=True):
        kept, W, WS = literal_schedule(unit, scheduler.pairs, scheduler.order, scheduler.method)
        rows, bubbles = literal_rows(kept, scheduler.advance)
        assert schedule.rows.tolist() == rows
        assert schedule.bubbles == bubbles
        np.testing.assert_array_equal(schedule.weights, W[rows])
        np.testing.assert_array_equal(schedule.selects, WS[rows])
        assert np.diff(schedule.rows).max(initial=0) <= scheduler.advance


@settings(max_examples=60, deadline=None)
@given(cases())
def test_every_weight_is_somewhere_once(case):
    scheduler, units = case
    sources = [(0, 0), *scheduler.pairs]
    for unit, schedule in zip(units, schedule_units(units, scheduler, workers=3), strict=True):
        back = np.zeros_like(unit)
        for e, slot, lane in np.argwhere(schedule.weights):
            ahead, aside = sources[schedule.selects[e, slot, lane]]
            at = schedule.rows[e] + ahead, slot, (lane + aside) % unit.shape[2]
            assert back[at] == 0
            back[at] = schedule.weights[e, slot, lane]
        np.testing.assert_array_equal(back, unit)
        assert not schedule.selects[schedule.weights == 0].any()


@settings(max_examples=100, deadline=None)
@given(cases())
def test_entries_by_lookahead_alone_are_those_without_lookasides(case):
    scheduler, units = case
    pairs = tuple(pair for pair in scheduler.pairs if not pair.aside)
    scan = (scheduler.pairs[index] for index in scheduler.order)
    order = tuple(pairs.index(pair) for pair in scan if not pair.aside)
    alone = Scheduler(pairs, order, scheduler.method, scheduler.advance)
    copies = [unit.copy() for unit in units]
    found = count_entries_ahead(units, scheduler, workers=2)
    assert found == [schedule.rows.size for schedule in schedule_units(units, alone)]
    for unit, copy in zip(units, copies, strict=True):
        np.testing.assert_array_equal(unit, copy)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_do_not_matter(workers):
    rng = np.random.default_rng(5)
    pairs = connections("T", 2, 5)
    scheduler = Scheduler(pairs, scan_order(pairs, "ahead"), "alg2", 3)
    units = [
        (rng.integers(1, 9, (r, 2, 16)) * (rng.random((r, 2, 16)) > 0.7)).astype(np.int16)
        for r in (40, 1, 0, 25, 60, 3)
    ]
    copies = [unit.copy() for unit in units]
    for unit, copy, found in zip(
        units, copies, schedule_units(units, scheduler, workers), strict=True
    ):
        (alone,) = schedule_units([unit], scheduler)
        np.testing.assert_array_equal(unit, copy)
        for name in ("rows", "weights", "selects", "bubbles"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


@given(st.lists(st.integers(0, 60), unique=True), st.integers(1, 9))
def test_bubbles(kept, advance):
    kept = sorted(kept)
    rows = entry_rows(np.array(kept, np.int64), advance).tolist()
    assert (rows, len(rows) - len(kept)) == literal_rows(kept, advance)
