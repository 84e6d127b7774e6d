"""Arithmetic of sliding windows that compiler and machine must agree on.

Geometry comes as a mapping with the letters of the papers: kernel R x S, strides sh and sw,
dilations dh and dw, padding pt rows at the top and pl columns at the left, input H x W. The values
of a configuration instruction with such fields are one, the compiler's `Window` another.
"""

from collections.abc import Mapping

from .encoding import Field, Instruction


class WindowForm(Instruction):
    """The registers of a window that slides over a map."""

    is_config = True
    R = Field(87, 82, "kernel rows")
    S = Field(81, 76, "kernel columns")
    sh = Field(75, 72, "vertical stride")
    sw = Field(71, 68, "horizontal stride")
    dh = Field(67, 64, "vertical dilation")
    dw = Field(63, 60, "horizontal dilation")
    pt = Field(59, 55, "rows of padding at the top")
    pl = Field(54, 50, "columns of padding at the left")
    H = Field(49, 38, "input rows")
    W = Field(37, 26, "input columns")
    OW = Field(25, 14, "output columns")


def input_rows(geo: Mapping[str, int], oy0: int, rows: int) -> tuple[int, int]:
    """First input row and one past the last, inside the map, for output rows oy0..oy0+rows-1."""
    first = oy0 * geo["sh"] - geo["pt"]
    last = (oy0 + rows - 1) * geo["sh"] - geo["pt"] + (geo["R"] - 1) * geo["dh"]
    low = min(max(first, 0), geo["H"])
    return low, max(min(last + 1, geo["H"]), low)


def band_bytes(geo: Mapping[str, int], channels: int, oy0: int, rows: int) -> int:
    """Bytes of the 16-bit input band [channel][row][column] of output rows oy0..oy0+rows-1."""
    low, high = input_rows(geo, oy0, rows)
    return 2 * channels * (high - low) * geo["W"]
