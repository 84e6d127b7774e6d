"""Bit-Tactical's metadata words, by hand and there and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.formats.tct_metadata import MetadataForm, decode, encode


def test_a_word_by_hand():
    form = MetadataForm(pes=1, lanes=4, select_bits=3, advance_bits=2, pointers=1)
    word = encode(form, np.array([[2]], np.uint8), np.array([[[0, 2, 1, 0]]], np.uint8))
    assert (form.word_bits, form.word_bytes) == (14, 2)
    assert int.from_bytes(word.tobytes(), "little") == 0b000_001_010_000_10


def test_the_width_of_the_default_machine():
    assert MetadataForm(16, 16, 3, 2, 1).word_bits == 16 * 16 * 3 + 2


@given(st.data())
def test_round_trip(data):
    form = MetadataForm(
        pes=data.draw(st.integers(1, 4)),
        lanes=data.draw(st.integers(1, 9)),
        select_bits=data.draw(st.integers(0, 4)),
        advance_bits=data.draw(st.integers(0, 8)),
        pointers=data.draw(st.integers(1, 3)),
    )
    count = data.draw(st.integers(0, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    advances = rng.integers(0, 1 << form.advance_bits, (count, form.pointers)).astype(np.uint8)
    shape = (count, form.pes, form.lanes)
    selects = rng.integers(0, 1 << form.select_bits, shape).astype(np.uint8)
    words = encode(form, advances, selects)
    assert words.shape == (count, form.word_bytes)
    found = decode(form, words)
    np.testing.assert_array_equal(found[0], advances)
    np.testing.assert_array_equal(found[1], selects)
