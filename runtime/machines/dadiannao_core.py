"""What DaDianNao's units compute, as functions of arrays (dadiannao sheet, sections 4, 7, 8).

No memories, no interpreter; `tct` shares them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.base import Pgeo
from ...isa.targets.dadiannao import SUM_BYTES
from ..base import finish

Bytes = npt.NDArray[np.uint8]
Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SUM_WORDS = SUM_BYTES // 2
_SAFE_SUM = 1 << 32
"""With a 32-bit bias and shifted left by 30 bits, 64 bits hold it; any larger one saturates too."""
_EXACT_FLOAT32 = 1 << 24
"""float32 holds every integer up to here."""


class Places(NamedTuple):
    """Where the taps of some windows lie.

    Args:
        words: int64 [windows, taps], AM words after the input's base, of channel block 0.
        inside: bool [windows, taps], the tap is in the image; a word outside means nothing.
    """

    words: Int64s
    inside: Flags


class Product(NamedTuple):
    """What a chunk and a block of windows give.

    Args:
        sums: int64 [windows, slots], exact.
        effectual: Products of two non-zero factors.
        ineffectual_a: Products of a non-zero weight and a zero activation.
        ineffectual_w: Products of a zero weight.
    """

    sums: Int64s
    effectual: int
    ineffectual_a: int
    ineffectual_w: int


def find_taps(
    inp: Mapping[str, int], ker: Mapping[str, int], win0: int, nwin: int, tap0: int, taps: int
) -> Places:
    """The taps tap0..tap0+taps-1 under the windows win0..win0+nwin-1.

    Args:
        inp: Values of `ddn.in`.
        ker: Values of `ddn.ker`.
        win0: First window.
        nwin: Windows.
        tap0: First tap, kernel rows outermost.
        taps: Taps.
    """
    image, within = np.divmod(np.arange(win0, win0 + nwin), ker["oh"] * ker["ow"])
    oy, ox = np.divmod(within, ker["ow"])
    ky, kx = np.divmod(np.arange(tap0, tap0 + taps), ker["kw"])
    y = (oy * ker["sy"] - inp["pt"])[:, None] + ky * ker["dy"]
    x = (ox * ker["sx"] - inp["pl"])[:, None] + kx * ker["dx"]
    inside = (y >= 0) & (y < inp["h"]) & (x >= 0) & (x < inp["w"])
    rows = (image * inp["h"] - inp["y0"])[:, None] + y
    return Places((rows * inp["w"] + x) * inp["cb"], inside)


def gather(
    stored: Int16s, low: int, places: Places, block: Int64s, tap: Int64s
) -> tuple[Int16s, Flags]:
    """The activations [windows, rows, lanes] of some rows; zeros where a tap is outside the image.

    The flags [windows, rows] say where it is inside.

    Args:
        stored: [words, lanes], every word from word `low` on that a tap inside the image needs.
        low: The first of them, counted as in `places`.
        places: Of the taps.
        block: [rows], channel block of each row.
        tap: [rows], column of `places` of each row.
    """
    inside = places.inside[:, tap]
    if not inside.any():
        return np.zeros((*inside.shape, stored.shape[1]), np.int16), inside
    index = places.words[:, tap] + (block - low)
    if inside.all():
        return stored.take(index, axis=0), inside
    values = stored.take(np.where(inside, index, 0), axis=0)
    values[~inside] = 0
    return values, inside


def multiply(weights: Int16s, values: Int16s) -> Product:
    """All products of [rows, slots, lanes] weights and [windows, rows, lanes] activations."""
    slots, windows = weights.shape[1], len(values)
    factors = np.ascontiguousarray(weights.transpose(1, 0, 2)).reshape(slots, -1)
    columns = values.reshape(windows, -1)
    sums = exact_sums(columns, factors, _largest(weights))
    nonzero = count_nonzero(factors)
    effectual = int(nonzero @ count_nonzero(columns))
    some = int(nonzero.sum()) * windows
    return Product(sums, effectual, some - effectual, weights.size * windows - some)


def exact_sums(columns: Int16s, factors: npt.NDArray[Any], largest: int) -> Int64s:
    """The exact sums [windows, slots] of [windows, terms] activations and [slots, terms] weights.

    Floats hold every partial sum exactly: float64 below 2^53 (fewer than 2^23 products of 16-bit
    values), float32 where the largest factors allow it.

    Args:
        columns: The activations.
        factors: The weights, integers of any type.
        largest: The largest magnitude among them.
    """
    bound = columns.shape[1] * largest * _largest(columns)
    kind = np.float32 if bound < _EXACT_FLOAT32 else np.float64
    sums = columns.astype(kind) @ factors.astype(kind, copy=False).T
    return sums.astype(np.int64)


def count_nonzero(values: Int16s) -> Int64s:
    """How many values of each column are not zero.

    In bytes, which hold the count of 255 values, the fastest sum there is.
    """
    flags = (values != 0).view(np.uint8)
    counts = np.zeros(values.shape[1], np.int64)
    for low in range(0, len(flags), 255):
        counts += np.add.reduce(flags[low : low + 255], axis=0, dtype=np.uint8)
    return counts


def _largest(values: Int16s) -> int:
    """The largest magnitude."""
    return max(int(values.max()), -int(values.min()))


def saturate(sums: Int64s, bits: int) -> tuple[Int64s, int]:
    """Clamp sums to the accumulator; also how many were beyond it."""
    limit = 1 << (bits - 1)
    if sums.max() < limit and sums.min() >= -limit:
        return sums, 0
    kept = np.clip(sums, -limit, limit - 1)
    return kept, int(np.count_nonzero(kept != sums))


def unpack_sums(raw: Bytes, tiles: int, windows: int, pes: int) -> Int64s:
    """PB bytes [tile][window][pe] as sums [windows, tiles * pes]."""
    words = raw.view("<u2").reshape(-1, _SUM_WORDS)
    wide = np.zeros((len(words), 4), "<u2")
    for at in range(_SUM_WORDS):
        wide[:, 4 - _SUM_WORDS + at] = words[:, at]
    sums = wide.reshape(-1).view("<i8") >> 16 * (4 - _SUM_WORDS)
    by_window = sums.reshape(tiles, windows, pes).transpose(1, 0, 2)
    return by_window.reshape(windows, tiles * pes).astype(np.int64, copy=False)


def pack_sums(sums: Int64s, tiles: int, pes: int) -> Bytes:
    """Sums [windows, slots] as PB bytes [tile][window][pe]; PEs without a filter hold 0."""
    windows, slots = sums.shape
    whole = np.zeros((windows, tiles * pes), "<i8")
    whole[:, :slots] = sums
    by_tile = np.ascontiguousarray(whole.reshape(windows, tiles, pes).transpose(1, 0, 2))
    wide = by_tile.reshape(-1).view("<u2").reshape(-1, 4)
    words = np.empty((len(wide), _SUM_WORDS), "<u2")
    for at in range(_SUM_WORDS):
        words[:, at] = wide[:, at]
    return words.reshape(-1).view(np.uint8)


def finish_sums(
    sums: Int64s, geo: Pgeo, bias: npt.NDArray[np.int32] | None, lanes: int
) -> tuple[Int16s, int]:
    """Sums [windows, slots] as output words [windows, words * lanes], and how many saturated.

    The base machine's arithmetic; lanes without a filter are 0.
    """
    windows, slots = sums.shape
    if geo.shift < 0:
        sums = np.clip(sums, -_SAFE_SUM, _SAFE_SUM)
    result = finish(sums.T, geo, bias)
    words = np.zeros((windows, -(-slots // lanes) * lanes), np.int16)
    words[:, :slots] = result.values.T
    return words, result.saturated_count
