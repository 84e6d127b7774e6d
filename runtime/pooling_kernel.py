"""The loop of a pool. Imports numba."""

import numpy as np
import numpy.typing as npt

from .jit import array, jit, types

WINDOW = ("R", "S", "sh", "sw", "dh", "dw", "pt", "pl")
"""What the first entries of `window` are; behind them the first output row and the band's first."""

_I64 = types.int64
_BAND = array(types.int16, 3, is_read_only=True)
_WINDOW = array(_I64, 1, is_read_only=True)


@jit(types.void(_BAND, _WINDOW, _I64, _I64, array(types.int32, 3)))
def pool_rows(
    band: npt.NDArray[np.int16],
    window: npt.NDArray[np.int64],
    is_average: int,
    counts_padding: int,
    out: npt.NDArray[np.int32],
) -> None:
    """Pool every channel of a band [channels, input rows, W] into out [channels, rows, OW].

    A window with no element gives -32768 (maximum) or 0.
    """
    R, S, sh, sw = window[0], window[1], window[2], window[3]
    dh, dw, pt, pl = window[4], window[5], window[6], window[7]
    oy0, low = window[8], window[9]
    height, W = band.shape[1], band.shape[2]
    channels, rows, OW = out.shape
    for channel in range(channels):
        for y in range(rows):
            for x in range(OW):
                top, total, count = -32768, 0, 0
                for r in range(R):
                    row = (oy0 + y) * sh - pt + r * dh - low
                    if row < 0 or row >= height:
                        continue
                    for s in range(S):
                        ix = x * sw - pl + s * dw
                        if 0 <= ix < W:
                            value = np.int64(band[channel, row, ix])
                            top = max(top, value)
                            total += value
                            count += 1
                if is_average == 0:
                    out[channel, y, x] = top
                else:
                    divisor = R * S if counts_padding != 0 else count
                    if divisor == 0:
                        out[channel, y, x] = 0
                    else:
                        out[channel, y, x] = (2 * total + divisor) // (2 * divisor)
