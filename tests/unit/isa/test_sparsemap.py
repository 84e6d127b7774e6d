"""SparseMap records: the sheet's example, round trips, refusals, and the kernels beside them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from spcc.isa.errors import EncodingError
from spcc.isa.formats import sparsemap
from spcc.isa.formats.sparsemap_kernels import (
    CUT_OFF,
    GOOD,
    KINDS,
    STRAY_BIT,
    ZERO_VALUE,
    compress,
    copy_runs,
    scan,
    unpack,
)

quick = settings(deadline=None)

Values = npt.NDArray[np.int16]


def chunk_of(*values: int, chunk: int = 128) -> Values:
    """One chunk that begins with some values."""
    row = np.zeros((1, chunk), np.int16)
    row[0, : len(values)] = values
    return row


def test_the_sheets_example() -> None:
    record = sparsemap.encode(chunk_of(0, 7, 0, -2))
    assert record[:16].tolist() == [0x0A] + 15 * [0]
    assert record[16:].view("<i2").tolist() == [7, -2]
    assert sparsemap.encode(chunk_of(5, 3)).tolist() == [3] + 15 * [0] + [5, 0, 3, 0]


def test_a_bit_per_value_least_significant_first() -> None:
    row = np.zeros((1, 128), np.int16)
    row[0, [0, 9, 127]] = [1, -32768, 258]
    record = sparsemap.encode(row)
    assert record[:16].tolist() == [1, 2] + 13 * [0] + [0x80]
    assert record[16:].tolist() == [1, 0, 0, 0x80, 2, 1]


def test_chunks_are_cut_from_channels() -> None:
    values = np.arange(1, 11, dtype=np.int16).reshape(2, 5)
    cut = sparsemap.cut_chunks(values, 3)
    assert cut.tolist() == [[[1, 2, 3], [4, 5, 0]], [[6, 7, 8], [9, 10, 0]]]
    assert sparsemap.chunk_widths(5, 3).tolist() == [3, 2]
    assert sparsemap.record_sizes(cut).tolist() == [[7, 5], [7, 5]]


chunk_sizes = st.sampled_from([1, 7, 8, 64, 65, 128, 200])


@st.composite
def records(draw: st.DrawFn) -> Values:
    """Chunks of one size, dense, sparse or empty."""
    shape = (draw(st.integers(1, 6)), draw(chunk_sizes))
    elements = st.sampled_from([0, 0, 0, 1, -1, 255, 256, -32768, 32767])
    return draw(hnp.arrays(np.int16, shape, elements=elements))


@quick
@given(records(), st.binary(max_size=5))
def test_decoding_undoes_encoding(rows: Values, rest: bytes) -> None:
    count, chunk = rows.shape
    data = sparsemap.encode(rows)
    assert data.size == sparsemap.record_sizes(rows).sum()
    decoded = sparsemap.decode(np.append(data, np.frombuffer(rest, np.uint8)), count, chunk)
    assert np.array_equal(decoded.values, rows)
    assert decoded.size_bytes == data.size


@quick
@given(records(), st.data())
def test_decoding_says_what_is_wrong_or_is_exact(rows: Values, data: st.DataObject) -> None:
    """Whatever byte is changed: either an error, or bytes that encode to the same."""
    count, chunk = rows.shape
    image = sparsemap.encode(rows)
    image[data.draw(st.integers(0, image.size - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = sparsemap.decode(image, count, chunk)
    except EncodingError:
        return
    again = sparsemap.encode(decoded.values)
    assert np.array_equal(again, image[: decoded.size_bytes])


@pytest.mark.parametrize(
    ("image", "width", "words"),
    [
        ([1] + 15 * [0] + [0, 0], 128, "a value is 0"),
        ([0x10] + 15 * [0] + [1, 0], 4, "mask bit 4 is set, but only 4 values"),
        ([3] + 15 * [0] + [1, 0, 1], 128, "end at byte 19"),
        (9 * [0], 128, "end at byte 9"),
    ],
)
def test_malformed_records_are_refused(image: list[int], width: int, words: str) -> None:
    with pytest.raises(EncodingError, match=words):
        sparsemap.decode(np.array(image, np.uint8), 1, 128, [width])


@pytest.mark.parametrize("rows", [np.zeros((2, 4), np.int32), np.zeros(4, np.int16)])
def test_only_chunks_of_int16_are_encoded(rows: npt.NDArray[np.generic]) -> None:
    with pytest.raises(EncodingError, match="need int16 values"):
        sparsemap.encode(rows)  # type: ignore[arg-type]


# Kernels -----------------------------------------------------------------------------------------


def unpacked(data: npt.NDArray[np.uint8], starts: list[int], chunk: int, width: int) -> object:
    """What the kernel makes of some records: its code, or (values, masks, counts)."""
    count, words = len(starts), -(-chunk // 64)
    out = np.zeros(count * width)
    masks, counts = np.zeros((count, words), np.uint64), np.zeros(count, np.int64)
    code = unpack(
        data, np.array(starts, np.int64), sparsemap.mask_bytes(chunk), np.full(count, width),
        width * np.arange(count), out, masks, counts,
    )  # fmt: skip
    return code if code != GOOD else (out.reshape(count, width), masks, counts)


@quick
@given(records())
def test_the_kernels_agree_with_the_format(rows: Values) -> None:
    count, chunk = rows.shape
    data = sparsemap.encode(rows)
    starts = np.zeros(count + 1, np.int64)
    assert scan(data, sparsemap.mask_bytes(chunk), starts) == GOOD
    assert np.array_equal(np.diff(starts), sparsemap.record_sizes(rows))
    values, masks, counts = unpacked(data, starts[:-1].tolist(), chunk, chunk)  # type: ignore[misc]
    assert np.array_equal(values, rows)
    assert np.array_equal(counts, np.count_nonzero(rows, axis=1))
    bits = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(bits[:, :chunk], rows != 0)
    order = np.arange(count)[::-1].copy()
    turned = np.empty_like(data)
    copy_runs(data, starts[:-1], np.diff(starts), order, turned)
    assert np.array_equal(turned, sparsemap.encode(rows[::-1]))


@quick
@given(records(), chunk_sizes)
def test_rows_are_compressed_into_their_slots(rows: Values, chunk: int) -> None:
    positions, channels = rows.shape
    cut = sparsemap.cut_chunks(rows, chunk)
    room = sparsemap.mask_bytes(chunk) + 2 * chunk
    slots = np.zeros(
        (positions, cut.shape[1] * sparsemap.mask_bytes(chunk) + 2 * channels), np.uint8
    )
    assert compress(rows, chunk, slots) == np.count_nonzero(rows)
    for position in range(positions):
        for index, values in enumerate(cut[position]):
            record = sparsemap.encode(values[None])
            at = index * room
            assert np.array_equal(slots[position, at : at + record.size], record)


def test_the_kernels_refuse_malformed_records() -> None:
    good = sparsemap.encode(np.concatenate((chunk_of(1, 2), chunk_of(3))))
    starts = np.zeros(4, np.int64)
    assert scan(good, 16, starts) == 2, "there is no third record"
    assert scan(good[:-1].copy(), 16, np.zeros(3, np.int64)) == 1
    assert unpacked(good, [0, 24], 128, 128) == KINDS + CUT_OFF
    assert unpacked(good, [0, 30], 128, 128) == KINDS + CUT_OFF
    assert unpacked(good, [20, 0], 128, 1) == KINDS + STRAY_BIT
    good[18:20] = 0
    assert unpacked(good, [20, 0], 128, 128) == KINDS + ZERO_VALUE
