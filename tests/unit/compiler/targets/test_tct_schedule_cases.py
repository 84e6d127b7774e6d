"""Schedules worked out by hand, and speed-ups on random masks (tct sheet, sections 6, 10, 11)."""

import numpy as np
import pytest
from spcc.compiler.targets.tct_schedule import Scheduler, schedule_units, shuffled_filters
from spcc.isa.targets.tct_connectivity import connections, parse_name, scan_order

E1 = [[5, 0, 0, 0], [0, 7, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4], [0, 0, 6, 0], [0, 1, 0, 0]]


def scheduler(name="T8h2,5i", order="ahead", method="alg2", advance=None):
    settings = parse_name(name)
    pairs = connections(**settings)
    return Scheduler(pairs, scan_order(pairs, order), method, advance or settings["h"] + 1)


def schedule_e1(**how):
    (unit,) = schedule_units([np.array(E1, np.int16)[:, None]], scheduler(**how))
    return unit.rows.tolist(), unit.weights[:, 0].tolist(), unit.selects[:, 0].tolist()


def test_the_trace_of_e1():
    assert schedule_e1() == ([0, 3], [[5, 7, 0, 2], [3, 1, 6, 4]], [[0, 1, 0, 1], [0, 2, 1, 0]])


def test_e1_greedy_with_lookasides_first():
    assert schedule_e1(order="aside", method="greedy") == (
        [0, 3, 5],
        [[5, 7, 2, 0], [3, 6, 0, 4], [0, 1, 0, 0]],
        [[0, 1, 3, 0], [0, 3, 0, 0], [0, 0, 0, 0]],
    )


def test_no_weights_no_entries_and_dense_rows_stay():
    dense = np.ones((5, 2, 16), np.int16)
    empty, full = schedule_units([np.zeros((5, 2, 16), np.int16), dense], scheduler())
    assert (empty.rows.size, empty.weights.shape) == (0, (0, 2, 16))
    assert full.rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(full.weights, dense)
    assert schedule_units([], scheduler()) == []


def test_a_long_gap_needs_bubbles_only_where_the_advance_is_bounded():
    weights = np.zeros((20, 1, 16), np.int16)
    weights[[0, 12]] = 1
    bounded, free = (
        schedule_units([weights], scheduler(advance=advance))[0] for advance in (3, 256)
    )
    assert (bounded.rows.tolist(), bounded.bubbles) == ([0, 3, 6, 9, 12], 3)
    assert not bounded.weights[1:4].any()
    assert (free.rows.tolist(), free.bubbles) == ([0, 12], 0)


def speed_up(sparsity, sync_slots, how):
    """Mean over four masks of 288 rows, 64 filters, 16 lanes: rows over the longest unit."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        weights = (rng.random((288, 64, 16)) >= sparsity).astype(np.int16)
        units = [weights[:, at : at + sync_slots] for at in range(0, 64, sync_slots)]
        found.append(288 / max(unit.rows.size for unit in schedule_units(units, how)))
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("sync_slots", "how", "expected"),
    [
        (16, {}, {0.1: 1.08, 0.5: 1.59, 0.8: 2.28, 0.9: 2.91}),
        (16, {"name": "T8h1,6i"}, {0.5: 1.45, 0.8: 1.99}),
        (16, {"name": "T8h3,4i"}, {0.5: 1.61, 0.8: 2.54}),
        (16, {"name": "L8h2,5i"}, {0.5: 1.54, 0.8: 2.18}),
        (16, {"name": "T3h2,0i"}, {0.5: 1.21, 0.8: 1.53}),
        (16, {"order": "near"}, {0.5: 1.69, 0.8: 2.44}),
        (16, {"order": "ahead_far"}, {0.5: 1.53, 0.8: 2.24}),
        (16, {"order": "aside", "method": "greedy"}, {0.5: 1.52, 0.8: 2.08}),
        (64, {}, {0.5: 1.53, 0.8: 2.06}),
        (1, {}, {0.5: 1.76, 0.8: 2.71}),
    ],
)
def test_speed_ups_on_uniform_random_masks(sync_slots, how, expected):
    for sparsity, ratio in expected.items():
        assert speed_up(sparsity, sync_slots, scheduler(**how)) == pytest.approx(ratio, rel=0.02)


def test_filters_with_most_weights_come_first_and_ties_by_index():
    counts = np.array([3, 9, 3, 0, 9, 5], np.int64)
    assert shuffled_filters(counts).tolist() == [1, 4, 5, 0, 2, 3]
