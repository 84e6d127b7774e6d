"""The cut by histogram marks what a stable sort of all keys would mark first."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from spcc.compiler.analysis.pruning import Mask, magnitude, smallest

Keys = npt.NDArray[np.floating]


def by_sorting(keys: Keys, gains: npt.NDArray[np.int64], wanted: int) -> Mask:
    order = np.argsort(keys, kind="stable")
    count = int(np.searchsorted(np.cumsum(gains[order]), wanted)) + 1 if wanted > 0 else 0
    marked = np.zeros(keys.size, dtype=np.bool_)
    marked[order[:count]] = True
    return marked


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(data=st.data())
def test_marks_what_a_stable_sort_puts_first(data: st.DataObject, dtype: type) -> None:
    values = st.floats(0, 4, width=16) | st.sampled_from([0.0, 0.5, 1.0, np.inf])
    keys = data.draw(hnp.arrays(dtype, st.integers(0, 40), elements=values))
    gains = data.draw(hnp.arrays(np.int64, keys.size, elements=st.integers(0, 8)))
    wanted = data.draw(st.integers(-1, 60))
    assert np.array_equal(smallest(keys, gains, wanted), by_sorting(keys, gains, wanted))


def test_keys_that_share_their_leading_bits_are_told_apart() -> None:
    keys = np.nextafter(np.full(6, 1.0), 2.0)
    keys[[1, 4]] = 1.0
    marked = smallest(keys, np.ones(6, dtype=np.int64), 3)
    assert marked.tolist() == [True, True, False, False, True, False]


def test_all_keys_are_marked_when_the_gains_do_not_reach() -> None:
    assert smallest(np.array([1.0, np.inf]), np.ones(2, dtype=np.int64), 9).all()


def test_the_most_negative_integer_has_the_largest_magnitude() -> None:
    weights = np.array([[-(1 << 15), 3, -2, 1]], dtype=np.int16)
    assert magnitude(weights, 0.5).tolist() == [[True, True, False, False]]
