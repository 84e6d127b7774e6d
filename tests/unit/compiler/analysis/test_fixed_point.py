"""Scales, rounding and exact sums, against fractions and against loops over 64-bit integers."""

from fractions import Fraction
from itertools import product
from math import floor, inf

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.analysis import fixed_point
from spcc.compiler.analysis.fixed_point import (
    best_frac,
    from_fixed,
    largest_conv_sum,
    largest_matmul_sum,
    product_shift,
    to_fixed,
)

QUICK = settings(max_examples=80, deadline=None)
MAGNITUDES = st.floats(2.0**-149, 2.0**127, width=32)
BITS = st.sampled_from((8, 16))


@QUICK
@given(MAGNITUDES, BITS)
def test_best_frac_is_the_largest_that_fits(largest: float, bits: int):
    frac, limit = best_frac(largest, bits), (1 << (bits - 1)) - 1
    scaled = Fraction(largest) * Fraction(2) ** frac
    assert floor(scaled + Fraction(1, 2)) <= limit
    assert floor(2 * scaled + Fraction(1, 2)) > limit


@pytest.mark.parametrize(
    ("largest", "frac"),
    [(0.0, 0), (1.0, 14), (0.99996, 15), (0.99999, 14), (32767.0, 0), (32767.5, -1), (32768.0, -1)],
)
def test_best_frac_at_the_edge_of_16_bits(largest: float, frac: int):
    assert best_frac(largest) == frac


def rounded(value: float, frac: int, bits: int) -> int:
    limit = 1 << (bits - 1)
    exact = round(Fraction(value) * Fraction(2) ** frac)  # half to even
    return max(-limit, min(limit - 1, exact))


@QUICK
@given(
    st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=1, max_size=8),
    st.integers(-140, 170),
    BITS,
    st.sampled_from((np.float32, np.float64)),
)
def test_to_fixed_rounds_half_to_even_and_saturates(values, frac, bits, dtype):
    expected = [rounded(v, frac, bits) for v in values]
    assert to_fixed(np.array(values, dtype), frac, bits).tolist() == expected


def test_to_fixed_rounds_ties_to_even():
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    assert to_fixed(halves, 0).tolist() == [-2, -2, 0, 0, 2, 2]


@QUICK
@given(MAGNITUDES, st.floats(-1, 1, width=32))
def test_values_return_within_half_a_step(largest: float, share: float):
    value = np.float32(largest * share)
    frac = best_frac(largest)
    back = from_fixed(to_fixed(np.array([value]), frac), frac)[0]
    # 2^-frac has no float32 form for the very smallest scales.
    assert abs(Fraction(float(back)) - Fraction(float(value))) <= Fraction(2) ** -frac / 2


def test_infinities_saturate():
    assert to_fixed(np.array([inf, -inf], np.float32), 0).tolist() == [32767, -32768]


@pytest.mark.parametrize("frac", [-112, -113, -114, -140])
def test_the_lowest_float_is_finite_on_its_way(frac: int):
    largest = float(np.finfo(np.float32).max)
    back = from_fixed(np.array([-32768, 32767, 0], np.int16), frac)
    expected = [max(-32768 * 2.0**-frac, -largest), min(32767 * 2.0**-frac, largest), 0]
    assert back.tolist() == expected
    lowest = np.array([-largest], np.float32)
    chosen = best_frac(largest)
    assert from_fixed(to_fixed(lowest, chosen), chosen) == lowest


def test_to_fixed_leaves_its_argument_alone():
    values = np.array([1.5, 2.5], np.float32)
    values.flags.writeable = False
    to_fixed(values, 0)
    assert values.tolist() == [1.5, 2.5]


@QUICK
@given(st.integers(0, 1 << 45), st.integers(18, 31))
def test_product_shift_is_the_smallest_that_leaves_a_spare_bit(largest: int, bits: int):
    shift = product_shift(largest, bits)
    assert 0 <= shift <= 15
    assert shift == 15 or largest < 1 << (bits - 2 + shift)
    assert shift == 0 or largest >= 1 << (bits - 2 + shift - 1)


@pytest.mark.parametrize(
    ("largest", "shift"), [((1 << 22) - 1, 0), (1 << 22, 1), ((1 << 37) - 1, 15), (1 << 40, 15)]
)
def test_product_shift_of_the_24_bit_accumulator(largest: int, shift: int):
    """SPOTS sheet 6.4: smallest s with |sum| < 2^(22+s), at most 15."""
    assert product_shift(largest, 24) == shift


def integers(draw: st.DrawFn, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    seed = draw(st.integers(0, 1 << 32))
    extreme, density = draw(st.booleans()), draw(st.sampled_from((0.0, 0.3, 1.0)))
    rng = np.random.default_rng(seed)
    values = rng.choice([-32768, 32767], shape) if extreme else rng.integers(-9, 10, shape)
    return np.where(rng.random(shape) < density, values, 0).astype(np.int16)


@st.composite
def convolutions(draw: st.DrawFn):
    groups, Cg, Kg = (draw(st.integers(1, 3)) for _ in range(3))
    N, R, S = (draw(st.integers(1, 3)) for _ in range(3))
    strides, dilations = (tuple(draw(st.integers(1, 3)) for _ in range(2)) for _ in range(2))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    low = [
        (k - 1) * d + 1 - a - b
        for k, d, a, b in zip((R, S), dilations, pads[:2], pads[2:], strict=True)
    ]
    H, W = (draw(st.integers(max(1, n), max(1, n) + 5)) for n in low)
    x = integers(draw, (N, groups * Cg, H, W))
    weights = integers(draw, (groups * Kg, Cg, R, S))
    return x, weights, groups, strides, pads, dilations


def brute_force(x, weights, groups, strides, pads, dilations) -> int:
    """The definition, element by element."""
    K, Cg, R, S = weights.shape
    top, left, bottom, right = pads
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    OH = (padded.shape[2] - (R - 1) * dilations[0] - 1) // strides[0] + 1
    OW = (padded.shape[3] - (S - 1) * dilations[1] - 1) // strides[1] + 1
    largest = 0
    for n, k, oy, ox in product(range(len(x)), range(K), range(OH), range(OW)):
        first = k // (K // groups) * Cg
        total = sum(
            int(
                padded[
                    n,
                    first + c,
                    oy * strides[0] + r * dilations[0],
                    ox * strides[1] + s * dilations[1],
                ]
            )
            * int(weights[k, c, r, s])
            for c, r, s in product(range(Cg), range(R), range(S))
        )
        largest = max(largest, abs(total))
    return largest


@QUICK
@given(convolutions())
def test_largest_conv_sum_is_exact(case):
    assert largest_conv_sum(*case) == brute_force(*case)


@settings(max_examples=20, deadline=None)
@given(convolutions())
def test_largest_conv_sum_does_not_depend_on_the_blocks(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_point, "_BLOCK_ELEMENTS", 1)
        assert largest_conv_sum(*case) == brute_force(*case)


def test_largest_conv_sum_keeps_every_bit():
    """511 x 63 products of 2^30 and one less than that: float32 sums would lose the difference."""
    x = np.full((1, 511, 1, 63), -32768, np.int16)
    weights = np.full((1, 511, 1, 63), -32768, np.int16)
    x[0, 0, 0, 0] = weights[0, 0, 0, 0] = 32767
    expected = (511 * 63 - 1) * (1 << 30) + 32767**2
    assert largest_conv_sum(x, weights, 1, (1, 1), (0, 0, 0, 0), (1, 1)) == expected


@QUICK
@given(st.data())
def test_largest_matmul_sum_is_exact(data: st.DataObject):
    M, C, K = (data.draw(st.integers(1, 5)) for _ in range(3))
    draw = data.draw
    x, weights = integers(draw, (M, C)), integers(draw, (K, C))
    expected = np.abs(x.astype(object) @ weights.T.astype(object)).max()
    assert largest_matmul_sum(x, weights) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_point, "_BLOCK_ELEMENTS", 1)
        assert largest_matmul_sum(x, weights) == expected
