"""The worked layers of the gospa and sparten sheets (section 10 of both)."""

from typing import Any

import numpy as np

SLIDE_X = [[-1, 3, 1], [0, 2, 0], [0, 0, -2]]
SLIDE_W = [[0, 3], [-3, 0]]
A: dict[str, Any] = dict(x=np.array([[SLIDE_X]]), w=np.array([[SLIDE_W]]))
OUT_A = [[[9, -3], [6, 0]]]
B: dict[str, Any] = dict(
    x=np.array([[SLIDE_X, [[0, 5, 0], [0, 0, -1], [2, 0, 0]]]]),
    w=np.array([[SLIDE_W, [[1, 0], [0, 0]]], [[[0, 0], [0, 0]], [[0, -2], [0, 4]]]]),
)
OUT_B = [[[9, 2], [6, 0]], [[-10, -4], [0, 2]]]
C: dict[str, Any] = dict(
    x=np.array([[[[0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 4, 0], [5, 0, 0, 6]]]]),
    w=np.array([[[[1, 0, -1], [0, 2, 0], [0, 0, 3]]]]),
    stride=(2, 2), pads=(1, 1, 1, 1),
)  # fmt: skip
OUT_C = [[[0, 0], [0, 26]]]
