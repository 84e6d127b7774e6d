"""Bit-Tactical's interconnect: which slots of later rows a lane can take (tct sheet, section 2).

A connection is a pair (ahead, aside): the source is row r + ahead, lane (l + aside) mod N of the
same PE. Connection i of the canonical list has select code i + 1; code 0 is the slot's own weight.
"""

import re
from functools import cache
from typing import NamedTuple

from ..errors import UsageError

ORDERS = ("ahead", "ahead_far", "aside", "near")
MAX_AHEAD, MAX_ASIDE = 4, 6
"""Largest lookahead depth, and most lookasides (Table 3 of the paper)."""
UNBOUNDED_ADVANCE = 256
"""What adv_max = 0 stands for."""

_NAME = re.compile(r"([TL])(\d+)h(\d+),(\d+)i", re.ASCII)


class Connection(NamedTuple):
    """Where a lane may take a weight from.

    Args:
        ahead: Rows ahead.
        aside: Lanes aside, modulo the lanes of the PE.
    """

    ahead: int
    aside: int


@cache
def connections(shape: str, h: int, d: int) -> tuple[Connection, ...]:
    """The canonical list: h lookaheads, then d lookasides.

    Args:
        shape: `T` (trident) or `L`.
        h: Lookahead depth.
        d: Lookasides; they need h >= 1.
    """
    ahead = [Connection(a, 0) for a in range(1, h + 1)]
    if shape == "L":
        return (*ahead, *(Connection(1, -i) for i in range(1, d + 1)))
    aside: list[Connection] = []
    a, i = 1, 1
    while len(aside) < d:
        aside += [Connection(a, i), Connection(a, -i)]
        i += 1
        a = a + 1 if a < h else 1
    return (*ahead, *aside[:d])


def scan_order(pairs: tuple[Connection, ...], order: str) -> tuple[int, ...]:
    """In which order candidates are tried, as indices into the canonical list.

    Args:
        pairs: The canonical list.
        order: One of `ORDERS`.
    """

    def nearness(index: int) -> tuple[int, int]:
        return pairs[index].ahead, abs(pairs[index].aside)

    ahead = [i for i, pair in enumerate(pairs) if not pair.aside]
    aside = [i for i, pair in enumerate(pairs) if pair.aside]
    match order:
        case "ahead_far":
            return (*reversed(ahead), *reversed(aside))
        case "aside":
            return (*sorted(aside, key=nearness), *ahead)
        case "near":
            return tuple(sorted(range(len(pairs)), key=nearness))
        case _:
            return (*ahead, *aside)


def code_bits(values: int) -> int:
    """Bits that tell so many values apart; 0 for one."""
    return (values - 1).bit_length()


def parse_name(name: str) -> dict[str, str | int]:
    """The settings that a pattern's name stands for.

    Args:
        name: As `T8h2,5i`: shape, multiplexer inputs, lookahead depth, lookasides.

    Returns:
        shape, h and d.

    Raises:
        UsageError: It is no such name, or the inputs are not 1 + h + d.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise UsageError(
            f"'{name}' is not a pattern of tct",
            "--target",
            "a pattern is as T8h2,5i: T or L, multiplexer inputs, lookahead depth h, lookasides i",
        )
    shape = match[1]
    inputs, h, d = (int(match[i]) for i in (2, 3, 4))
    if inputs != 1 + h + d:
        raise UsageError(
            f"'{name}' says {inputs} multiplexer inputs, but h{h},{d}i has {1 + h + d}",
            "--target",
            f"write {shape}{1 + h + d}h{h},{d}i",
        )
    return {"shape": shape, "h": h, "d": d}
