"""Pruning masks against the rules of SPOTS sheet 6.1, written again in plain Python."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.analysis import pruning

QUICK = settings(max_examples=80, deadline=None)
SHARES = st.integers(0, 20).map(lambda n: n / 20)

Rows = list[list[float]]


@st.composite
def matrices(draw: st.DrawFn) -> Rows:
    """Few different values: many ties, many zeros, whole columns of zeros."""
    K, Kred = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    value = st.sampled_from((0.0, 0.0, 1.0, -1.0, 2.0, -3.0, 0.5))
    rows = [[draw(value) for _ in range(Kred)] for _ in range(K)]
    for k in draw(st.sets(st.integers(0, Kred - 1), max_size=Kred)):
        for row in rows:
            row[k] = 0.0
    return rows


def count(share: float, total: int) -> int:
    """Smallest whole number that is at least share * total, for a share as written."""
    wanted = Fraction(str(share)) * total
    return -(-wanted.numerator // wanted.denominator)


def shape_mask(weights: Rows, share: float) -> list[list[bool]]:
    """Zero whole columns by ascending (sum of squares over all filters, k)."""
    K, Kred = len(weights), len(weights[0])
    order = sorted(range(Kred), key=lambda k: (sum(row[k] ** 2 for row in weights), k))
    zero = set(order[: count(share, Kred)])
    return [[k not in zero for k in range(Kred)] for _ in range(K)]


def group_mask(weights: Rows, share: float, G: int) -> list[list[bool]]:
    """Zero groups by ascending (sum of squares / size, k, b) until enough weights are zero."""
    K, Kred = len(weights), len(weights[0])
    members = [range(low, min(low + G, K)) for low in range(0, K, G)]

    def rank(group: tuple[int, int]) -> tuple[Fraction, int, int]:
        k, b = group
        squares = sum(Fraction(weights[f][k]) ** 2 for f in members[b])
        return squares / len(members[b]), k, b

    keep = [[True] * Kred for _ in range(K)]

    def zeros() -> int:
        return sum(not keep[f][k] or weights[f][k] == 0 for f in range(K) for k in range(Kred))

    for k, b in sorted(((k, b) for k in range(Kred) for b in range(len(members))), key=rank):
        if zeros() >= count(share, K * Kred):
            break
        for f in members[b]:
            keep[f][k] = False
    return keep


def magnitude_mask(weights: Rows, share: float) -> list[list[bool]]:
    """Zero the smallest magnitudes, ties in index order."""
    K, Kred = len(weights), len(weights[0])
    places = [(f, k) for f in range(K) for k in range(Kred)]
    order = sorted(places, key=lambda at: (abs(weights[at[0]][at[1]]), at))
    zero = set(order[: count(share, K * Kred)])
    return [[(f, k) not in zero for k in range(Kred)] for f in range(K)]


def pruned(weights: Rows, keep: list[list[bool]]) -> Rows:
    return [
        [w if k else 0.0 for w, k in zip(*rows, strict=True)]
        for rows in zip(weights, keep, strict=True)
    ]


@QUICK
@given(matrices(), SHARES, st.sampled_from((np.float32, np.float64)))
def test_shape_is_the_sheets_rule(weights: Rows, share: float, dtype):
    assert pruning.shape(np.array(weights, dtype), share).tolist() == shape_mask(weights, share)


@QUICK
@given(matrices(), SHARES, st.integers(1, 10), st.sampled_from((np.float32, np.float64)))
def test_group_is_the_sheets_rule(weights: Rows, share: float, G: int, dtype):
    mask = pruning.group(np.array(weights, dtype), share, G).tolist()
    # A group that is zero already may be in the mask or not: only the weights count.
    assert pruned(weights, mask) == pruned(weights, group_mask(weights, share, G))


@QUICK
@given(matrices(), SHARES, st.sampled_from((np.float32, np.float64)))
def test_magnitude_takes_the_smallest_first(weights: Rows, share: float, dtype):
    mask = pruning.magnitude(np.array(weights, dtype), share).tolist()
    assert mask == magnitude_mask(weights, share)


@QUICK
@given(matrices(), st.sampled_from((0.0, 0.5, 0.7, 1.0, 2.0, 9.0)))
def test_threshold_keeps_what_is_not_below(weights: Rows, limit: float):
    expected = [[abs(w) >= limit for w in row] for row in weights]
    assert pruning.threshold(np.array(weights, np.float32), limit).tolist() == expected


@QUICK
@given(matrices(), st.integers(1, 9))
def test_integer_weights_prune_like_floats(weights: Rows, G: int):
    integers = np.rint(np.array(weights)).astype(np.int16)
    floats = integers.astype(np.float64)
    for rule in (pruning.shape, pruning.magnitude, lambda w, q: pruning.group(w, q, G)):
        assert (rule(integers, 0.5) == rule(floats, 0.5)).all()


def test_the_most_negative_integer_is_the_largest():
    assert pruning.magnitude(np.array([[-32768, 1]], np.int16), 0.5).tolist() == [[True, False]]
    assert pruning.shape(np.array([[-32768, 1]], np.int16), 0.5).tolist() == [[True, False]]


def test_decimal_shares_take_no_element_more():
    """0.7 * 10 is above 7 in binary; 0.1 * 30 as well."""
    weights = np.arange(1, 11, dtype=np.float32)[None]
    assert (~pruning.magnitude(weights, 0.7)).sum() == 7
    assert (~pruning.shape(weights, 0.7)).sum() == 7
    assert (~pruning.group(weights, 0.7, 4)).sum() == 7
    assert (~pruning.magnitude(np.arange(1, 31, dtype=np.float32)[None], 0.1)).sum() == 3


def test_the_last_group_is_ranked_by_its_own_size():
    """Three filters in pairs: the lone 2 counts 4/1, the pair (1, 2) only 5/2, and falls first."""
    weights = np.array([[1.0], [2.0], [2.0]], np.float32)
    assert pruning.group(weights, 0.5, 2).tolist() == [[False], [False], [True]]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_and_everything(share: float):
    weights = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    kept = 1 - int(share)
    for mask in (
        pruning.magnitude(weights, share),
        pruning.shape(weights, share),
        pruning.group(weights, share, 4),
    ):
        assert mask.mean() == kept


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_many_weights_of_many_magnitudes(size: int):
    """As sorting all of them finds it, whatever the spread of the exponents."""
    rng = np.random.default_rng(size)
    weights = (rng.standard_normal((1, size)) * 2.0 ** rng.integers(-80, 60, size)).astype(
        np.float32
    )
    weights[0, rng.integers(0, size, size // 3)] = weights[0, 0]
    order = np.argsort(np.abs(weights[0]), kind="stable")
    for share in (0.25, 0.5, 0.9):
        expected = np.ones(size, np.bool_)
        expected[order[: count(share, size)]] = False
        assert (pruning.magnitude(weights, share)[0] == expected).all()


def test_memory_layout_does_not_matter():
    weights = np.random.default_rng(1).standard_normal((8, 12)).astype(np.float32)
    turned = np.asfortranarray(weights)
    assert (pruning.magnitude(weights, 0.4) == pruning.magnitude(turned, 0.4)).all()
    assert (pruning.shape(weights, 0.4) == pruning.shape(turned, 0.4)).all()
    assert (pruning.group(weights, 0.4, 3) == pruning.group(turned, 0.4, 3)).all()
