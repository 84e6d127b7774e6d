"""GoSPA's packed vectors: the sheet's examples, round trips, refusals."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from spcc.isa.errors import EncodingError
from spcc.isa.formats import gospa_vectors
from spcc.tests.golden.gospa_golden_bits import bitmap_image


def halfwords(*words: int) -> npt.NDArray[np.uint16]:
    return np.array(words, np.uint16)


def values_of(rows: Any) -> npt.NDArray[np.int16]:
    return np.array(rows, np.int16)


SLIDE_KERNEL = values_of([[0, 3, -3, 0]])
SLIDE_INPUT = values_of([[-1, 3, 1, 0, 2, 0, 0, 0, -2]])


@pytest.mark.parametrize(
    ("values", "coded"),
    [
        (SLIDE_KERNEL, [0x0006, 0x0003, 0xFFFD]),
        (SLIDE_INPUT, [0x0117, 0xFFFF, 0x0003, 0x0001, 0x0002, 0xFFFE]),
        (values_of([[0] * 17, [0] * 16 + [-32768]]), [0, 0, 0, 1, 0x8000]),
    ],
    ids=["kernel of section 3", "input of section 3", "two halfwords of bitmap"],
)
def test_examples(values: npt.NDArray[np.int16], coded: list[int]) -> None:
    assert gospa_vectors.encode(values).tolist() == coded
    decoded = gospa_vectors.decode(halfwords(*coded, 7, 7), *values.shape)
    assert decoded.size == len(coded)
    np.testing.assert_array_equal(decoded.values, values)


tensors = hnp.arrays(
    np.int16,
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 130)),
    elements=st.one_of(st.just(0), st.just(0), st.integers(-32768, 32767)),
)


@given(tensors, st.integers(1, 3))
def test_streams_round_trip(values: npt.NDArray[np.int16], group: int) -> None:
    """Streams are found, decoded, and or-ed one after the other."""
    count, vectors, bits = values.shape
    images = [gospa_vectors.encode(stream) for stream in values]
    data = np.concatenate([*images, halfwords(1)])
    streams = gospa_vectors.measure(data, count, vectors, bits, group)
    assert streams.ends.tolist() == np.cumsum([image.size for image in images]).tolist()
    for at, union in enumerate(streams.unions):
        some = (values[at * group : (at + 1) * group] != 0).any(axis=0)
        assert bits_of(union, bits).tolist() == some.tolist()
    longest = max(image.size for image in images)
    table = np.array([np.pad(image, (0, longest - image.size)) for image in images])
    decoded, size = gospa_vectors.decode_streams(table, vectors, bits)
    assert size == longest
    np.testing.assert_array_equal(decoded, values)
    first = gospa_vectors.decode(data, vectors, bits)
    assert bits_of(first.masks, bits).tolist() == (values[0] != 0).tolist()


def bits_of(masks: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.bool_]:
    flags = np.unpackbits(masks.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    return flags[:, :bits].astype(np.bool_)


@given(tensors)
def test_the_golden_model_writes_the_same(values: npt.NDArray[np.int16]) -> None:
    image = gospa_vectors.encode(values[0])
    assert image.astype("<u2").tobytes() == b"".join(map(bitmap_image, values[0].tolist()))


@pytest.mark.parametrize(
    ("data", "message", "where"),
    [
        (halfwords(), "end after 0 halfwords", "vector 0 at halfword 0"),
        (halfwords(3, 1), "end after 2 halfwords", "vector 0 at halfword 0"),
        (halfwords(1, 5, 16), "a bit beyond the 4", "vector 1 at halfword 2"),
        (halfwords(1, 5, 2, 0), "a value is 0", "vector 1 at halfword 2"),
        (halfwords(1, 5, 0), "end after 3 halfwords", "vector 2 at halfword 3"),
    ],
)
def test_malformed(data: npt.NDArray[np.uint16], message: str, where: str) -> None:
    for read in (
        lambda: gospa_vectors.decode(data, 3, 4),
        lambda: gospa_vectors.measure(data, 1, 3, 4, 1),
        lambda: gospa_vectors.decode_streams(data[None], 3, 4),
    ):
        with pytest.raises(EncodingError) as caught:
            read()
        assert message in caught.value.message
        assert where in caught.value.where


def test_malformed_stream_is_named() -> None:
    with pytest.raises(EncodingError) as caught:
        gospa_vectors.measure(halfwords(1, 5, 0, 1), 3, 1, 4, 1)
    assert caught.value.where == "stream 2, vector 0 at halfword 3"
