"""Pruning masks: hand-worked cases, and the rule's promises on random weights."""

import numpy as np
import pytest
from spcc.models.digits.prune import column_mask, group_mask, spots_mask


def test_weakest_columns_go_first() -> None:
    weights = np.array([[3.0, 0, 1, 2], [0, 1, 1, -2]])  # energies 9, 1, 2, 8
    assert column_mask(weights, 0.5).tolist() == [[True, False, False, True]] * 2
    assert column_mask(weights, 0.51).tolist() == [[True, False, False, False]] * 2
    assert column_mask(weights, 0).all()


def test_equal_columns_go_in_order() -> None:
    assert column_mask(np.ones((2, 3)), 0.3).tolist() == [[False, True, True]] * 2


def test_weakest_groups_go_first_by_mean_energy() -> None:
    # blocks of 2, 2 and 1 filters; mean energies: column 0: 4, 1, 9; column 1: 2.5, 16, 2
    weights = np.array([[2.0, 1], [2, 2], [1, 4], [1, 4], [3, np.sqrt(2)]])
    assert group_mask(weights, 0.2, group=2).tolist() == [
        [True, True],
        [True, True],
        [False, True],
        [False, True],
        [True, True],
    ]
    assert group_mask(weights, 0.3, group=2)[4].tolist() == [True, False]
    assert group_mask(weights, 0.31, group=2)[:2, 1].tolist() == [False, False]


def test_ties_go_by_column_then_block() -> None:
    mask = group_mask(np.ones((4, 3)), 0.3, group=2)
    assert mask.tolist() == [[False, True, True]] * 4
    assert group_mask(np.ones((4, 3)), 0.1, group=2)[:, 0].tolist() == [False, False, True, True]


def test_zeros_there_already_count() -> None:
    weights = np.ones((4, 4))
    weights[:, :2] = 0
    assert group_mask(weights, 0.5, group=2)[:, 2:].all()
    mask = group_mask(weights, 0.6, group=2)
    assert (mask & (weights != 0)).sum() == 6


@pytest.mark.parametrize("K", [64, 30])
def test_scheme_on_random_weights(K: int) -> None:
    weights = np.random.default_rng(0).standard_normal((K, 16, 3, 3))
    mask = spots_mask(weights, 0.4, 0.7)
    assert mask.shape == weights.shape
    assert 0.7 <= 1 - mask.mean() < 0.7 + 8 / K / 144 + 1e-9
    matrix = mask.reshape(K, -1)
    assert 0.4 <= 1 - matrix.any(axis=0).mean() < 0.45
    for start in range(0, K, 8):
        block = matrix[start : start + 8]
        assert (block.all(axis=0) | ~block.any(axis=0)).all()


def test_pruning_further_keeps_what_is_pruned() -> None:
    weights = np.random.default_rng(1).standard_normal((32, 8, 3, 3))
    first = spots_mask(weights, 0.2, 0.4)
    second = spots_mask(np.where(first, weights, 0), 0.5, 0.7)
    assert not (second & ~first).any()


def test_nothing_asked_nothing_dropped() -> None:
    assert spots_mask(np.ones((8, 4)), 0, 0).all()
    assert not spots_mask(np.ones((8, 4)), 0, 1).any()
