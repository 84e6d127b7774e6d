"""Pooling and the PPU's finish, element by element in plain Python and fractions."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple

Map = Sequence[Sequence[int]]
"""[H][W]"""


class Pooled(NamedTuple):
    """Values [rows][OW], how many elements of the map they took, how many taps were looked at."""

    values: list[list[int]]
    elements: int
    taps: int


def pool(
    image: Map,
    geo: Mapping[str, int],
    oy0: int,
    rows: int,
    *,
    is_average: bool = False,
    counts_padding: bool = False,
) -> Pooled:
    """Pool output rows oy0..oy0+rows-1 of one channel."""
    values: list[list[int]] = []
    elements = taps = 0
    for oy in range(oy0, oy0 + rows):
        values.append([])
        for ox in range(geo["OW"]):
            found: list[int] = []
            for r in range(geo["R"]):
                for s in range(geo["S"]):
                    taps += 1
                    y = oy * geo["sh"] - geo["pt"] + r * geo["dh"]
                    x = ox * geo["sw"] - geo["pl"] + s * geo["dw"]
                    if 0 <= y < len(image) and 0 <= x < len(image[0]):
                        found.append(image[y][x])
            elements += len(found)
            values[-1].append(_reduce(found, geo["R"] * geo["S"], is_average, counts_padding))
    return Pooled(values, elements, taps)


def _reduce(found: list[int], taps: int, is_average: bool, counts_padding: bool) -> int:
    if not is_average:
        return max(found, default=-32768)
    divisor = taps if counts_padding else len(found)
    return floor(Fraction(sum(found), divisor) + Fraction(1, 2)) if divisor else 0


def scaled(value: int, shift: int) -> int:
    """A value divided by 2^shift; Python rounds halves of fractions to even."""
    return round(Fraction(value) / Fraction(2) ** shift)
