"""The worked layers of the dadiannao and tct sheets (section 10 of both)."""

from typing import Any

import numpy as np

from .ddn_golden import Result
from .ddn_golden_plan import Ints

MICRO: dict[str, Any] = dict(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)
"""Configuration M."""


def fw(F: int, C: int, KH: int, KW: int) -> Ints:
    """Weights of section 10."""
    f, c, i, j = np.indices((F, C, KH, KW))
    v = (4 * f + 5 * c + 3 * i + 2 * j) % 7
    return np.where(np.isin(v, (0, 1, 6)), v - 3, 0)


def fx(C: int, H: int, W: int) -> Ints:
    """Activations of section 10, one image."""
    c, y, x = np.indices((C, H, W))
    return ((c + 2 * y + 3 * x) % 4)[None]


ROWS_1 = [[5, 0, 0, 0], [0, 7, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4], [0, 0, 6, 0], [0, 1, 0, 0]]
W1 = np.array(ROWS_1).reshape(1, 24, 1, 1)
X1 = np.stack([np.arange(24) + 1, np.arange(24) % 3], axis=-1).reshape(1, 24, 1, 2)
E1: dict[str, Any] = dict(x=X1, w=W1)
E2: dict[str, Any] = dict(x=fx(5, 3, 3), w=fw(5, 5, 2, 2), pads=(0, 0, 1, 1))
E3: dict[str, Any] = dict(
    x=fx(6, 4, 4), w=fw(6, 2, 3, 3), stride=(2, 2), pads=(1, 1, 0, 0), groups=3
)
OUT_1 = [[302, 16]]
OUT_2 = [
    [-24, -7, 2, -2, 3, -12, -12, -17, -2],
    [-13, -3, -6, -9, -35, -8, -3, 0, 0],
    [9, -39, -7, 1, 5, 3, 6, -21, -1],
    [5, 7, 6, 9, -33, 4, 1, 2, 3],
    [-3, -18, -8, -21, -12, 0, -6, -6, -13],
]
OUT_3 = [
    [-8, 3, -17, -3], [-6, -31, 4, -37], [7, -24, 5, -36],
    [-12, 12, -12, 0], [-6, -10, -3, -7], [-3, 3, -2, 9],
]  # fmt: skip


def sums(result: Result) -> list[list[int]]:
    """Outputs of the first image, by filter."""
    return result.outputs[0].reshape(result.outputs.shape[1], -1).tolist()


def totals(result: Result) -> tuple[int, ...]:
    """The numbers of an example that are no counters."""
    return result.cycles, result.work, result.n_conv, result.n_ldw, result.ppu
