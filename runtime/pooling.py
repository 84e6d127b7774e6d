"""Pooling of a band in SRAM: values and operations, the same on every machine that pools.

Geometry comes as in `isa.window`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..isa.window import input_rows
from .window import Int16s

Int32s = npt.NDArray[np.int32]


class Pooled(NamedTuple):
    """What a pool makes of a band.

    Args:
        values: [channels, rows, OW] int32, of 16 bits.
        op_count: Elements of the map that were compared or added; padding is none.
    """

    values: Int32s
    op_count: int


def pool_band(
    band: Int16s,
    geo: Mapping[str, int],
    oy0: int,
    rows: int,
    *,
    is_average: bool,
    counts_padding: bool,
) -> Pooled:
    """Pool output rows oy0..oy0+rows-1.

    The maximum ignores padding. A window without any element of the map gives -32768 (maximum) or
    0. An average is floor((2 * sum + d) / (2 * d)) with d elements.

    Args:
        band: [channels, input rows, W], exactly the rows that the output rows use.
        geo: Geometry; no extent, stride or dilation is 0.
        oy0: First output row.
        rows: Output rows.
        is_average: Average instead of maximum.
        counts_padding: The average divides by R*S.
    """
    from .pooling_kernel import WINDOW, pool_rows

    low, high = input_rows(geo, oy0, rows)
    assert band.shape[1:] == (high - low, geo["W"])
    window = np.array([*(geo[name] for name in WINDOW), oy0, low], dtype=np.int64)
    values = np.empty((len(band), rows, geo["OW"]), dtype=np.int32)
    pool_rows(np.ascontiguousarray(band), window, int(is_average), int(counts_padding), values)
    top = oy0 * geo["sh"] - geo["pt"]
    in_rows = _taps_inside(top, rows, geo["sh"], geo["R"], geo["dh"], geo["H"])
    in_columns = _taps_inside(-geo["pl"], geo["OW"], geo["sw"], geo["S"], geo["dw"], geo["W"])
    return Pooled(values, len(band) * in_rows * in_columns)


def _taps_inside(
    first: int, windows: int, stride: int, taps: int, dilation: int, extent: int
) -> int:
    """Taps of all windows along one axis that lie on coordinates 0..extent-1."""
    at = first + stride * np.arange(windows)[:, None] + dilation * np.arange(taps)
    return int(np.count_nonzero((at >= 0) & (at < extent)))
