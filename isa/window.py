"""Arithmetic of sliding windows that compiler and machine must agree on.

Geometry comes as a mapping with the letters of the papers: kernel R x S, strides sh and sw,
dilations dh and dw, padding pt rows at the top and pl columns at the left, input H x W. The values
of a configuration instruction with such fields are one, the compiler's `Window` another.
"""

from collections.abc import Mapping


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
