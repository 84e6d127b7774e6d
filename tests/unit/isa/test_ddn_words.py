"""DaDianNao's DRAM formats: the sheet's example, round trips against plain loops, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from spcc.isa.errors import EncodingError
from spcc.isa.formats import ddn_words

SEQUENCE = np.array([[0, 0, 5, 0, 0, 0, 0, -1]], np.int16)
WORD = np.array([[3, -1, 0, 2]], np.int16)


def bits_of(data: np.ndarray) -> str:
    """Bit 0 first."""
    return "".join(f"{byte:08b}"[::-1] for byte in data.tolist())


def field(value: int, width: int) -> str:
    return f"{value & (1 << width) - 1:0{width}b}"[::-1]


def runs_by_hand(values: np.ndarray) -> str:
    """The rule of section 3 as it is written, value by value."""
    bits = ""
    for slot in values.tolist():
        zeros = 0
        for value in slot:
            if value:
                bits += field(zeros, 4) + field(value, 16)
                zeros = 0
            elif zeros == 15:
                bits += field(15, 4) + field(0, 16)
                zeros = 0
            else:
                zeros += 1
        if zeros:
            bits += field(zeros - 1, 4) + field(0, 16)
    return bits


def groups_by_hand(words: np.ndarray) -> str:
    bits = ""
    for word in words.tolist():
        p = next(p for p in range(1, 17) if all(-(1 << p - 1) <= v < 1 << p - 1 for v in word))
        bits += field(p - 1, 4) + "".join(field(v, p) for v in word)
    return bits


def padded(bits: str) -> str:
    return bits + "0" * (-len(bits) % 8)


def test_example_of_the_sheet() -> None:
    image = ddn_words.encode_runs(SEQUENCE)
    assert image.size == 5
    assert bits_of(image) == field(2, 4) + field(5, 16) + field(4, 4) + field(-1, 16)
    assert groups_by_hand(WORD) == field(2, 4) + "".join(field(v, 3) for v in (3, -1, 0, 2))
    assert ddn_words.group_bytes(WORD) == 2


NONZERO = st.sampled_from([1, -1, 300, 32767, -32768])


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 70)).flatmap(
        lambda s: arrays("i2", s, elements=NONZERO, fill=st.just(0))
    )
)
def test_runs(values: np.ndarray) -> None:
    image = ddn_words.encode_runs(values)
    assert bits_of(image) == padded(runs_by_hand(values))
    back = ddn_words.decode_runs(np.concatenate((image, np.full(9, 255, np.uint8))), *values.shape)
    assert back.size_bytes == image.size <= ddn_words.most_bytes(*values.shape)
    assert back.values.tolist() == values.tolist()


@given(st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(lambda s: arrays("i2", s)))
def test_groups(words: np.ndarray) -> None:
    assert 8 * ddn_words.group_bytes(words) == len(padded(groups_by_hand(words)))


@pytest.mark.parametrize("p", range(1, 17))
def test_precision_at_its_bounds(p: int) -> None:
    for value in (-(1 << p - 1), (1 << p - 1) - 1):
        expected = 1 if value in (0, -1) else p
        assert ddn_words.precisions(np.array([[value, 0]], np.int16)).tolist() == [expected]


def image_of(*pairs: tuple[int, int], after: int = 0) -> np.ndarray:
    bits = "".join(field(run, 4) + field(value, 16) for run, value in pairs)
    bits += str(after) * (-len(bits) % 8)
    return np.packbits(np.array(list(bits), np.uint8), bitorder="little")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (image_of((2, 5)), "ends after 3 of 8 values"),
        (image_of((2, 5), (5, 1), (6, 2)), "crosses the end of slot 0"),
        (image_of((1, 0), (1, 5), (3, 0)), "pair 0 is 2 zeros inside a slot"),
        (image_of((2, 5), (4, -1), (7, 1), after=1), "the bits after the last pair"),
        (np.empty(0, np.uint8), "ends after 0 of 8"),
    ],
)
def test_malformed_runs_are_refused(image: np.ndarray, message: str) -> None:
    slots = 2 if "slot 0" in message or "bits" in message else 1
    with pytest.raises(EncodingError, match=message):
        ddn_words.decode_runs(image, slots, 8)


@pytest.mark.parametrize("values", [np.zeros((1, 0), np.int16), np.zeros((1, 1), np.int32)])
def test_only_int16_values_are_encoded(values: np.ndarray) -> None:
    with pytest.raises(EncodingError, match="int16"):
        ddn_words.encode_runs(values)


def test_an_empty_image_is_refused() -> None:
    with pytest.raises(EncodingError, match="empty"):
        ddn_words.decode_runs(np.zeros(4, np.uint8), 0, 4)
