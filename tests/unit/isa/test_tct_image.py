"""Bit-Tactical's DRAM image: the sheet's bytes, round trips, and images that are refused."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.errors import EncodingError
from spcc.isa.formats.tct_image import Entries, ImageForm, decode, encode

MICRO = ImageForm(lanes=4, connections=7, advance=3)
E1 = Entries(
    np.array([0, 3], np.int32),
    np.array([[[5, 7, 0, 2]], [[3, 1, 6, 4]]], np.int16),
    np.array([[[0, 1, 0, 1]], [[0, 2, 1, 0]]], np.uint8),
)
E1_HEX = "02000000a000200700000088008018005000400c00400000"


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        for name in ("rows", "weights", "selects"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_bytes_of_the_sheet():
    assert encode(MICRO, [E1]).tobytes().hex() == E1_HEX
    assert_equal(decode(MICRO, np.frombuffer(bytes.fromhex(E1_HEX), np.uint8), [1], 4), [E1])


def literal(form, unit):
    """The bits of a unit's image by hand, as a string, first bit first."""
    bits = []

    def put(value, width):
        bits.extend(str(value >> i & 1) for i in range(width))

    rows = unit.rows.tolist()
    advances = [0, *(b - a - 1 for a, b in pairwise(rows))]
    put(len(rows), 12)
    put(rows[0] if rows else 0, 20)
    slots = unit.weights.shape[1]
    if not form.is_compressed:
        for e, advance in enumerate(advances[: len(rows)]):
            put(advance, form.advance_bits)
            for s in range(slots):
                for w, ws in zip(unit.weights[e, s], unit.selects[e, s], strict=True):
                    put(int(ws), form.select_bits)
                    put(int(w), 16)
    else:
        for advance in advances[: len(rows)]:
            put(advance, form.advance_bits)
        for s in range(slots):
            run = 0
            for w, ws in zip(unit.weights[:, s].flat, unit.selects[:, s].flat, strict=True):
                if w or run == 15:
                    put(run, 4), put(int(ws), form.select_bits), put(int(w), 16)
                    run = 0
                else:
                    run += 1
            if run:
                put(run - 1, 4), put(0, form.select_bits), put(0, 16)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8][::-1], 2) for i in range(0, len(text), 8))


@st.composite
def chunks(draw):
    """A form, and units of random entries."""
    form = ImageForm(
        lanes=draw(st.integers(1, 20)),
        connections=draw(st.integers(0, 10)),
        advance=draw(st.sampled_from([1, 2, 3, 4, 5, 256])),
        is_compressed=draw(st.booleans()),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    units = []
    for slots in draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)):
        count = draw(st.integers(0, 9))
        shape = (count, slots, form.lanes)
        weights = rng.integers(-(1 << 15), 1 << 15, shape)
        weights *= rng.random(shape) >= draw(st.sampled_from([0.2, 0.8, 1]))
        selects = rng.integers(0, form.connections + 1, shape) * (weights != 0)
        steps = rng.integers(1, form.advance + 1, count)
        rows = rng.integers(0, 1000) + np.cumsum(steps)
        units.append(
            Entries(rows.astype(np.int32), weights.astype(np.int16), selects.astype(np.uint8))
        )
    return form, units


@given(chunks())
def test_bits_and_round_trip(chunk):
    form, units = chunk
    data = encode(form, units)
    assert data.tobytes() == b"".join(literal(form, unit) for unit in units)
    assert_equal(decode(form, data, [unit.weights.shape[1] for unit in units], 9), units)


@given(chunks(), st.data())
def test_damaged_images_are_refused_or_canonical(chunk, choose):
    form, units = chunk
    data = encode(form, units)
    slots = [unit.weights.shape[1] for unit in units]
    data[choose.draw(st.integers(0, data.size - 1))] ^= 1 << choose.draw(st.integers(0, 7))
    cut = data[: choose.draw(st.integers(0, data.size))]
    for damaged in (data, cut):
        try:
            found = decode(form, damaged, slots, 9)
        except EncodingError:
            continue
        assert encode(form, found).tobytes() == damaged.tobytes()


def image(*fields):
    """Bytes of (value, bits) fields, padded."""
    word, at = 0, 0
    for value, bits in fields:
        word |= value << at
        at += bits
    return np.frombuffer(word.to_bytes(-(-at // 8), "little"), np.uint8)


ONE = ImageForm(lanes=1, connections=6, advance=3)
RUNS = ImageForm(lanes=1, connections=6, advance=3, is_compressed=True)


@pytest.mark.parametrize(
    ("form", "data", "says"),
    [
        (ONE, image((1, 8), (0, 16)), "header has 4 bytes, but 3 are left"),
        (ONE, image((5, 12), (0, 20), (0, 200)), "5 entries are more than the 4"),
        (ONE, image((0, 12), (9, 20)), "there is no entry, but row0 = 9"),
        (ONE, image((1, 12), (0, 20), (0, 16)), "do not fit"),
        (ONE, image((1, 12), (0, 20), (1, 2), (0, 3), (7, 16)), "not 0 for the first"),
        (
            ONE,
            image((2, 12), (0, 20), (0, 2), (0, 3), (7, 16), (3, 2), (0, 3), (7, 16)),
            "above 1..3",
        ),
        (ONE, image((1, 12), (0, 20), (0, 2), (7, 3), (7, 16)), "above the 6 connections"),
        (ONE, image((1, 12), (0, 20), (0, 2), (1, 3), (0, 16)), "zero weight has a select"),
        (ONE, image((1, 12), (0, 20), (0, 2), (0, 3), (7, 16), (1, 3)), "padding"),
        (ONE, image((0, 12), (0, 20), (0, 8)), "its units end at byte 4"),
        (RUNS, image((1, 12), (0, 20), (0, 2), (1, 4), (0, 3), (7, 16)), "past the last value"),
        (RUNS, image((1, 12), (0, 20), (0, 2), (0, 4), (7, 3), (7, 16)), "above the 6"),
        (RUNS, image((1, 12), (0, 20), (0, 2), (0, 4), (1, 3), (0, 16)), "zero weight has"),
        (RUNS, image((1, 12), (0, 20), (0, 2), (0, 4), (0, 3)), "bytes end before"),
        (
            RUNS,
            image((2, 12), (0, 20), (0, 4), *((0, 4), (0, 3), (0, 16)) * 2),
            "before 16 of them",
        ),
    ],
)
def test_what_is_refused(form, data, says):
    with pytest.raises(EncodingError, match=says):
        decode(form, data, [1], 4)


def test_what_cannot_be_written():
    many = Entries.none(4096, 1, 1)
    many.rows[:] = np.arange(4096)
    far = Entries.none(2, 1, 1)
    far.rows[:] = 0, 9
    for unit, says in ((many, "4096 entries"), (far, "advance of 9")):
        with pytest.raises(EncodingError, match=says):
            encode(ONE, [unit])
