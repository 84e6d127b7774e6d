"""Sliding windows over a band in SRAM: what dense machines read and multiply.

Geometry comes as in `isa.window`: the values of a configuration instruction with the fields R, S,
sh, sw, dh, dw, pt, pl, H, W and OW.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..isa.errors import TrapError
from ..isa.window import band_bytes, input_rows
from .memory import Memory

Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]

REDUCTION_LIMIT = 1 << 23
"""Products of 16-bit values are at most 2^30: so many of them add up exactly in a float64."""
_BLOCK_ELEMENTS = 1 << 22


def read_band(
    memory: Memory,
    addr: int,
    channels: int,
    geo: Mapping[str, int],
    oy0: int,
    rows: int,
    row0: int | None = None,
) -> Int16s:
    """The input band [channels, input rows, W] of output rows oy0..oy0+rows-1.

    Args:
        memory: Where it lies.
        addr: Its first byte.
        channels: Its channels, at least 1.
        geo: Geometry.
        oy0: First output row.
        rows: Output rows.
        row0: Its first input row, if the instruction states it.

    Raises:
        TrapError: It is not all inside the memory, or row0 is not what the output rows need.
    """
    low, _ = input_rows(geo, oy0, rows)
    if row0 not in (None, low):
        raise TrapError(
            f"row0={row0} is not the first input row of output rows {oy0}..{oy0 + rows - 1}, "
            f"which is {low}"
        )
    raw = memory.read(addr, band_bytes(geo, channels, oy0, rows))
    return raw.view("<i2").reshape(channels, -1, geo["W"])


def patches(band: Int16s, geo: Mapping[str, int], oy0: int, rows: int) -> Int16s:
    """The im2col matrix [channels*R*S, rows*OW] of a band; zeros where a window leaves the map.

    Args:
        band: [channels, input rows, W], exactly the rows that these output rows use.
        geo: Geometry.
        oy0: First output row.
        rows: Output rows.
    """
    low, high = input_rows(geo, oy0, rows)
    top, left = oy0 * geo["sh"] - geo["pt"], geo["pl"]
    span = ((geo["R"] - 1) * geo["dh"] + 1, (geo["S"] - 1) * geo["dw"] + 1)
    height, width = (rows - 1) * geo["sh"] + span[0], (geo["OW"] - 1) * geo["sw"] + span[1]
    framed = np.zeros((len(band), height, width), np.int16)
    columns = min(geo["W"], width - left)
    if columns > 0 and high > low:
        framed[:, low - top : high - top, left : left + columns] = band[:, :, :columns]
    windows = np.lib.stride_tricks.sliding_window_view(framed, span, axis=(1, 2))
    windows = windows[:, :: geo["sh"], :: geo["sw"], :: geo["dh"], :: geo["dw"]]
    return windows.transpose(0, 3, 4, 1, 2).reshape(-1, rows * geo["OW"])


def mac_counts(weights: Int16s, columns: Int16s) -> dict[str, int]:
    """Counters of all products of weights [K, Kred] and columns [Kred, positions], by class.

    Ineffectual ones have a factor of zero, padding included, and are executed all the same.
    """
    effectual = int((weights != 0).sum(axis=0) @ (columns != 0).sum(axis=1))
    rest = weights.size * columns.shape[1] - effectual
    return {"mac_effectual": effectual, "mac_ineffectual": rest}


def exact_sums(weights: Int16s, columns: Int16s) -> Int64s:
    """The exact product of weights [K, Kred] and columns [Kred, positions].

    float64 holds every partial sum exactly, so the product can be BLAS's.
    """
    assert weights.shape[1] == len(columns) <= REDUCTION_LIMIT
    sums = np.empty((len(weights), columns.shape[1]), np.int64)
    factors, step = weights.astype(np.float64), max(1, _BLOCK_ELEMENTS // max(1, len(columns)))
    for at in range(0, columns.shape[1], step):
        sums[:, at : at + step] = factors @ columns[:, at : at + step].astype(np.float64)
    return sums
