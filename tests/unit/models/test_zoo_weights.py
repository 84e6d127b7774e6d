"""The zoo's weights: exact counts, and the structures that sets ask for."""

import numpy as np
import pytest
from spcc.models.zoo.densities import DensitySet, density_sets
from spcc.models.zoo.networks import Node
from spcc.models.zoo.weights import (
    diagonal_mask,
    draw_weights,
    largest_mask,
    largest_of_mask,
    pattern_mask,
)

LARGE = 1_000_000  # weights from which drawing a node takes long
RANDOM = np.random.default_rng(0)


def distinct_nodes() -> dict[str, tuple[DensitySet, Node]]:
    """Every node with weights; those that are drawn alike in several sets once."""
    found: dict[tuple[object, ...], tuple[DensitySet, Node]] = {}
    for known in density_sets().values():
        for node in known.network.nodes:
            if node.weight_shapes:
                density = known.weights[node.name]
                key = node.weight_shapes, node.index, node.groups, density, known.structure
                found.setdefault(key, (known, node))
    return {f"{known.name}:{node.name}": (known, node) for known, node in found.values()}


NODES = distinct_nodes()


def check_counts(known: DensitySet, node: Node) -> None:
    matrices = draw_weights(node, known, seed=0)
    assert [matrix.shape for matrix in matrices] == [*node.weight_shapes]
    for matrix in matrices:
        assert matrix.dtype == np.float32
        wanted = round(known.weights[node.name].density * matrix.size)
        assert np.count_nonzero(matrix) == wanted, node.name


@pytest.mark.slow
@pytest.mark.parametrize("set_name", density_sets())
def test_every_node_has_exactly_its_nonzeros(set_name: str) -> None:
    for known, node in NODES.values():
        if known.name == set_name and node.weight_count <= LARGE:
            check_counts(known, node)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, (_, node) in NODES.items() if node.weight_count > LARGE]
)
def test_every_large_node_has_exactly_its_nonzeros(name: str) -> None:
    check_counts(*NODES[name])


@pytest.mark.parametrize("name", ["conv2", "conv3", "conv5"])
def test_permuted_diagonals_have_one_diagonal_a_block(name: str) -> None:
    known = density_sets()["alexnet.permcnn"]
    weights = draw_weights(known.network.node(name), known, seed=1)[0]
    K, C = weights.shape[:2]
    used = (weights != 0).any(axis=(2, 3))
    diagonals = set[int]()
    for row in range(0, K, 4):
        for column in range(0, C, 4):
            block = used[row : row + 4, column : column + 4]
            offsets = {(int(j) - int(i)) % 4 for i, j in np.argwhere(block)}
            assert len(offsets) == 1
            diagonals |= offsets
    assert diagonals == {0, 1, 2, 3}


def test_the_diagonal_kept_is_the_largest() -> None:
    weights = RANDOM.standard_normal((6, 9, 2, 1)).astype(np.float32)
    mask = diagonal_mask(weights, groups=1, block=3)
    for row in range(0, 6, 3):
        for column in range(0, 9, 3):
            block = weights[row : row + 3, column : column + 3]
            norms = [sum((block[i, (i + k) % 3] ** 2).sum() for i in range(3)) for k in range(3)]
            kept = np.where(mask[row : row + 3, column : column + 3], block, 0)
            assert np.isclose((kept**2).sum(), max(norms))


@pytest.mark.parametrize(
    "node_name", ["conv1", "inception_3a_5x5_reduce", "inception_4b_3x3", "inception_5b_1x1"]
)
def test_groups_of_eight_filters_share_a_pattern(node_name: str) -> None:
    known = density_sets()["googlenet.spots"]
    weights = draw_weights(known.network.node(node_name), known, seed=1)[0]
    counts = np.count_nonzero(weights.reshape(weights.shape[0] // 8, 8, -1), axis=1)
    partial = (counts != 0) & (counts != 8)
    assert np.count_nonzero(partial) <= 1  # where the published count ends inside a group


def test_pattern_groups_go_by_norm() -> None:
    weights = np.repeat(np.array([[3, 2, 1], [2.5, 0.5, 4]], np.float32), 8, axis=0)
    mask = pattern_mask(weights, 16)
    assert mask[:8].tolist() == [[True, False, False]] * 8
    assert mask[8:].tolist() == [[False, False, True]] * 8
    weights[12, 0] = 2.6  # the largest of the next group; of its equals the first stays
    more = pattern_mask(weights, 16 + 2) & ~mask
    assert np.argwhere(more).tolist() == [[8, 0], [12, 0]]


def test_of_sixteen_filters_the_eight_largest_stay() -> None:
    known = density_sets()["sparsecore_layer.half"]
    weights = draw_weights(known.network.nodes[0], known, seed=1)[0]
    counts = np.count_nonzero(weights.reshape(8, 16, -1), axis=1)
    assert (counts == 8).all()
    values = RANDOM.standard_normal((16, 4)).astype(np.float32)
    mask = largest_of_mask(values, 8, 16)
    smallest_kept = np.where(mask, np.abs(values), np.inf).min(axis=0)
    assert (smallest_kept > np.where(mask, 0, np.abs(values)).max(axis=0)).all()


def test_ties_go_to_the_lower_index() -> None:
    assert largest_mask(np.array([1.0, 3, 1, 2, 1]), 3).tolist() == [True, True, False, True, False]
    assert largest_mask(np.array([1.0, 1]), 0).tolist() == [False, False]
    ones = np.ones((16, 1), np.float32)
    assert largest_of_mask(ones, 3, 16)[:, 0].nonzero()[0].tolist() == [0, 1, 2]
    assert diagonal_mask(np.ones((2, 2, 1, 1), np.float32), 1, 2)[..., 0, 0].tolist() == [
        [True, False],
        [False, True],
    ]


def test_seed_and_place_decide_the_values() -> None:
    known = density_sets()["lenet5.deepcomp"]
    conv, fc = known.network.node("conv1"), known.network.node("ip2")
    assert np.array_equal(draw_weights(conv, known, 3)[0], draw_weights(conv, known, 3)[0])
    assert not np.array_equal(draw_weights(conv, known, 3)[0], draw_weights(conv, known, 4)[0])
    dense = np.random.default_rng([3, fc.index]).standard_normal(fc.weight_shapes[0], np.float32)
    kept = draw_weights(fc, known, 3)[0] != 0
    assert np.abs(dense[kept]).min() > np.abs(dense[~kept]).max()


def test_filters_are_centred_but_for_the_classifier() -> None:
    """Sums of centred filters over positive activations go far out and come back."""
    known = density_sets()["resnet18.agp60"]
    hidden = draw_weights(known.network.node("res5b_branch2b"), known, 0)[0]
    assert np.abs(hidden.reshape(512, -1).sum(axis=1)).max() < 1e-3
    last = draw_weights(known.network.node("fc1000"), known, 0)[0].reshape(1000, -1)
    sums = np.cumsum(last, axis=1)
    assert np.abs(sums).max() < 1.5 * np.abs(sums[:, -1]).max()


def test_worked_example_has_its_weights() -> None:
    known = density_sets()["example_3x3.seed"]
    weights = draw_weights(known.network.nodes[0], known, seed=5)[0]
    assert weights.tolist() == [[[[0, 3], [-3, 0]]]]
