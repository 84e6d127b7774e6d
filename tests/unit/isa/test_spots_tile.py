"""The weight tile of SPOTS: the sheet's bytes, round trips, sizes, refusal of malformed tiles."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.errors import EncodingError
from spcc.isa.formats.spots_tile import (
    block_map,
    decode,
    decode_from,
    encode,
    size_bytes,
    tile_bytes,
)

EXAMPLE = np.array(
    [
        [0, 3, 0, 0, 1, 0],
        [0, 0, 0, 0, 2, 0],
        [0, 0, 0, 0, 0, 0],
        [0, -4, 0, 0, 0, 0],
        [0, 7, 0, 0, 0, 0],
    ],
    dtype=np.int16,
)
"""SPOTS sheet section 3, G = 2."""
EXAMPLE_WORDS = (0x12, 0x3, 0x1, 0x1, 0x0002000100000003, 0x00000000FFFC0000, 0x7)


def words_of(data):
    return tuple(int(word) for word in data.view("<u8"))


def tile_of(*values):
    return np.array(values, dtype="<u8").view(np.uint8)


@st.composite
def sparse_weights(draw):
    G = draw(st.integers(1, 10))
    shape = draw(st.integers(1, 3 * G + 2)), draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    weights = rng.integers(-3, 4, shape).astype(np.int16)
    weights[:, rng.random(shape[1]) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = 0
    weights[rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))] = 0
    return weights, G


def test_encodes_the_sheets_example():
    data = encode(EXAMPLE, 2)
    assert words_of(data) == EXAMPLE_WORDS
    assert data.size == 56 == size_bytes(EXAMPLE, 2)


def test_decodes_the_sheets_example():
    tile = decode(tile_of(*EXAMPLE_WORDS), 5, 6, 2)
    assert np.array_equal(np.flatnonzero(tile.m1), [1, 4])
    assert tile.m2.astype(int).tolist() == [[1, 1], [1, 0], [1, 0]]
    assert tile.starts.tolist() == [0, 2, 3, 4]
    assert tile.columns.tolist() == [1, 4, 1, 1]
    assert tile.values.tolist() == [[3, 0], [1, 2], [0, -4], [7, 0]]
    assert tile.block_counts().tolist() == [0, 3, 0, 0, 1, 0]
    assert tile.weight_counts().tolist() == [0, 3, 0, 0, 2, 0]
    assert np.array_equal(tile.dense(), EXAMPLE)


@given(sparse_weights())
def test_round_trip_and_size(case):
    weights, G = case
    data = encode(weights, G)
    Kt, Kred = weights.shape
    tile = decode(data, Kt, Kred, G)
    assert np.array_equal(tile.dense(), weights)
    assert data.size == size_bytes(weights, G) == tile.size_bytes
    assert np.array_equal(tile.weight_counts(), np.count_nonzero(weights, axis=0))
    assert np.array_equal(tile.block_counts(), block_map(weights, G).sum(axis=0))


@given(sparse_weights(), st.data())
def test_a_flipped_bit_is_refused_or_is_another_tile(case, data):
    weights, G = case
    image = encode(weights, G)
    bit = data.draw(st.integers(0, 8 * image.size - 1))
    image[bit // 8] ^= 1 << bit % 8
    try:
        tile = decode(image, *weights.shape, G)
    except EncodingError:
        return
    assert not np.array_equal(tile.dense(), weights)
    assert np.array_equal(encode(tile.dense(), G), image)


@given(st.binary(max_size=200), st.integers(1, 20), st.integers(1, 130), st.integers(1, 9))
def test_any_bytes_decode_or_are_refused(data, Kt, Kred, G):
    image = np.frombuffer(data, np.uint8)
    try:
        tile = decode(image, Kt, Kred, G)
    except EncodingError:
        return
    assert np.array_equal(encode(tile.dense(), G), image)


@given(sparse_weights(), st.integers(-24, 24).filter(bool))
def test_wrong_lengths_are_refused(case, change):
    weights, G = case
    image = encode(weights, G)
    longer = np.concatenate([image, np.zeros(max(change, 0), np.uint8)])
    with pytest.raises(EncodingError):
        decode(longer[: image.size + change], *weights.shape, G)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((0x52, *EXAMPLE_WORDS[1:]), "M1 has bit 6 set"),
        ((0x12, 0x7, *EXAMPLE_WORDS[2:]), "M2 has bit 2 set"),
        ((0x12, 0x1, 0x1, 0x1, 0x3, 0xFFFC0000, 0x7), "column 4 is non-zero, but no M2"),
        ((*EXAMPLE_WORDS[:4], 0x3, *EXAMPLE_WORDS[5:]), "M2_0 marks the block of column 4"),
        ((*EXAMPLE_WORDS[:5], 0x1FFFC0000, 0x7), "padding after the blocks"),
        ((*EXAMPLE_WORDS[:6], 0x10007), "past filter 4"),
        (EXAMPLE_WORDS[:6], "ends at byte 48"),
        (EXAMPLE_WORDS[:2], "ends at byte 16"),
        ((*EXAMPLE_WORDS, 0), "has 64 bytes, but its bitmaps say 56"),
    ],
)
def test_malformed_tiles_are_named(words, message):
    with pytest.raises(EncodingError, match=message):
        decode(tile_of(*words), 5, 6, 2)


def test_weights_that_make_no_tile_are_refused():
    for weights in (np.zeros((0, 3), np.int16), np.zeros((2, 3), np.int32), np.zeros(3, np.int16)):
        with pytest.raises(EncodingError, match="int16 weights"):
            encode(weights, 8)
    with pytest.raises(EncodingError, match="row of bytes"):
        decode(np.zeros(4, np.int16), 1, 1, 1)
    with pytest.raises(EncodingError, match="is empty"):
        decode(np.zeros(0, np.uint8), 0, 6, 2)


def test_an_all_zero_tile_is_its_bitmap():
    weights = np.zeros((20, 70), np.int16)
    assert encode(weights, 8).tolist() == [0] * 16
    assert np.array_equal(decode(encode(weights, 8), 20, 70, 8).dense(), weights)


def test_decode_from_reads_each_part_once():
    image = np.concatenate([np.full(8, 255, np.uint8), encode(EXAMPLE, 2), image_tail()])
    asked = []

    def read(offset, count):
        asked.append((offset, count))
        return image[8 + offset : 8 + offset + count]

    tile = decode_from(read, 5, 6, 2)
    assert np.array_equal(tile.dense(), EXAMPLE)
    assert asked == [(0, 8), (8, 24), (32, 24)]


def image_tail():
    return np.full(40, 255, np.uint8)


def test_metadata_of_figure_10_stays_under_a_megabyte():
    """SPOTS sheet section 11: 1632 filters x 36548 columns, G = 8, every column non-zero."""
    blocks_per_row = np.zeros(204, np.int64)
    assert tile_bytes(36548, 36548, blocks_per_row, 8) == 938_080 < 1 << 20


def test_the_format_does_not_load_numba():
    code = "import sys, spcc.isa.formats.spots_tile; sys.exit('numba' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
