"""DaDianNao's formats in DRAM: run-length weights, words of group precision (sheet section 3).

*Run length*: each slot's values in (row, lane) order are pairs of 20 bits, (run:4, value:16): `run`
zeros, then `value`. Of more zeros every 16 are a pair (15, 0); t > 0 zeros at a slot's end are a
pair (t-1, 0). Slot after slot, least significant bit first, padded to a byte. It is canonical:
decoding refuses what encoding would not write.

*Group precision*: each word is p-1 in 4 bits, then its values in p bits, p the smallest 1..16 that
holds them all in two's complement. Word after word, padded to a byte. Machines move the values and
count these bytes, so its length is all that is needed.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError

RUN_BITS, VALUE_BITS = 4, 16
PAIR_BITS = RUN_BITS + VALUE_BITS
MOST_ZEROS = 1 << RUN_BITS
"""Zeros of a pair (15, 0)."""
PRECISION_BITS = 4

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.int16]
Numbers = npt.NDArray[np.int64]


class Decoded(NamedTuple):
    """Decoded values and the bytes they were coded in.

    Args:
        values: int16, [slots, length].
        size_bytes: Length of the image.
    """

    values: Values
    size_bytes: int


def pairs_bytes(pair_count: int) -> int:
    """Bytes of so many run-length pairs."""
    return -(-pair_count * PAIR_BITS // 8)


def most_bytes(slots: int, length: int) -> int:
    """Length of the longest image of [slots, length] values: none is zero."""
    return pairs_bytes(slots * length)


def encode_runs(values: Values) -> Bytes:
    """Code [slots, length] int16 values by runs of zeros."""
    if values.ndim != 2 or not values.size or values.dtype != np.int16:
        raise EncodingError(
            f"run-length coding needs int16 values [slots, length], not {values.dtype} "
            f"{list(values.shape)}",
            "weight image",
        )
    slots, length = values.shape
    flat = values.reshape(-1)
    # An event is a value that ends a run of zeros; after each slot stands one for its end.
    places = np.flatnonzero(flat)
    ends = _slot_ends(slots, length)
    order = np.searchsorted(places, ends) + np.arange(slots, dtype=np.int64)
    events = np.insert(places, np.searchsorted(places, ends), ends)
    is_end = np.zeros(events.size, np.bool_)
    is_end[order] = True
    # A slot's first run begins where the slot does, any other one behind the value before.
    previous = np.concatenate((np.zeros(1, np.int64), events[:-1] + 1 - is_end[:-1]))
    gaps = events - previous
    fillers, rest = gaps // MOST_ZEROS, gaps % MOST_ZEROS
    has_pair = ~is_end | (rest > 0)
    last = np.cumsum(fillers + has_pair) - 1
    runs = np.full(int(last[-1]) + 1, MOST_ZEROS - 1, np.int64)
    coded = np.zeros(runs.size, np.int64)
    runs[last[has_pair]] = (rest - is_end)[has_pair]
    coded[last[~is_end]] = flat[places].view(np.uint16)
    return _pack_pairs(runs | coded << RUN_BITS)


def _slot_ends(slots: int, length: int) -> Numbers:
    return np.arange(1, slots + 1, dtype=np.int64) * length


def _pack_pairs(pairs: Numbers) -> Bytes:
    """Two pairs in five bytes."""
    even = np.zeros(-(-pairs.size // 2), np.uint64)
    even[:] = pairs[::2]
    even[: pairs.size // 2] |= pairs[1::2].astype(np.uint64) << np.uint64(PAIR_BITS)
    raw = even.astype("<u8").view(np.uint8).reshape(-1, 8)[:, : 2 * PAIR_BITS // 8]
    return np.ascontiguousarray(raw).reshape(-1)[: pairs_bytes(pairs.size)]


def decode_runs(data: Bytes, slots: int, length: int) -> Decoded:
    """Decode an image of [slots, length] values at the beginning of `data`.

    Raises:
        EncodingError: The image is malformed, or `data` ends before it does.
    """
    if slots < 1 or length < 1:
        raise EncodingError(f"an image of {slots} x {length} values is empty", "weight image")
    runs, coded = _unpack_pairs(data[: most_bytes(slots, length)])
    ends = np.cumsum(runs + 1)
    total = slots * length
    count = int(np.searchsorted(ends, total)) + 1
    if count > ends.size:
        raise EncodingError(
            f"the image ends after {int(ends[-1]) if ends.size else 0} of {total} values",
            "weight image",
        )
    runs, coded, ends = runs[:count], coded[:count], ends[:count]
    _check_pairs(runs, coded, ends, slots, length)
    size = pairs_bytes(count)
    if count * PAIR_BITS % 8 and data[size - 1] >> PAIR_BITS % 8:
        raise EncodingError("the bits after the last pair are not 0", "weight image")
    values = np.zeros(total, np.int16)
    values[ends - 1] = coded.astype(np.uint16).view(np.int16)
    return Decoded(values.reshape(slots, length), size)


def _unpack_pairs(data: Bytes) -> tuple[Numbers, Numbers]:
    """Runs and values of every whole pair."""
    step = 2 * PAIR_BITS // 8
    raw = np.zeros((-(-data.size // step), 8), np.uint8)
    whole = data.size // step
    raw[:whole, :step] = data[: whole * step].reshape(-1, step)
    if data.size % step:
        raw[whole, : data.size % step] = data[whole * step :]
    both = raw.reshape(-1).view("<u8").astype(np.int64)
    pairs = np.stack((both, both >> PAIR_BITS), axis=1).reshape(-1)[: data.size * 8 // PAIR_BITS]
    pairs &= (1 << PAIR_BITS) - 1
    return pairs & (MOST_ZEROS - 1), pairs >> RUN_BITS


def _check_pairs(runs: Numbers, coded: Numbers, ends: Numbers, slots: int, length: int) -> None:
    """Refuse pairs across the end of a slot, and shorter runs of zeros than there could be."""
    bounds = _slot_ends(slots, length)
    at = np.searchsorted(ends, bounds)
    if (wrong := np.flatnonzero(ends[at] != bounds)).size:
        raise EncodingError(
            f"pair {int(at[wrong[0]])} crosses the end of slot {int(wrong[0])}", "weight image"
        )
    is_short = (coded == 0) & (runs != MOST_ZEROS - 1)
    is_short[at] = False
    if is_short.any():
        pair = int(np.argmax(is_short))
        raise EncodingError(
            f"pair {pair} is {int(runs[pair]) + 1} zeros inside a slot", "weight image"
        )


def precisions(words: Values) -> Numbers:
    """Bits that each of [words, lanes] needs, 1..16."""
    magnitude = (words ^ (words >> 15)).astype(np.int64)  # -v - 1 for a negative v
    most = np.bitwise_or.reduce(magnitude, axis=1)
    return np.frexp(most.astype(np.float64))[1].astype(np.int64) + 1


def group_bytes(words: Values) -> int:
    """Length of the image of [words, lanes] values."""
    bits = PRECISION_BITS * len(words) + words.shape[1] * int(precisions(words).sum())
    return -(-bits // 8)
