"""What Bit-Tactical's front end computes, as functions of arrays (tct sheet, sections 4, 6, 8)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Factors = npt.NDArray[np.float64]

_EXACT_FLOAT32 = 1 << 24
"""float32 holds every integer up to here."""


class Unit(NamedTuple):
    """The entries that a row pointer walks, e of them.

    Args:
        first: Its first slot.
        slots: How many.
        rows: int64 [e], the original row of each entry.
    """

    first: int
    slots: int
    rows: Int64s


class Chunk(NamedTuple):
    """A chunk in WM and MM, E entries of the longest unit; rows past a unit's end are zero.

    Args:
        weights: int16 [E, slots, lanes].
        selects: uint8 [E, slots, lanes].
        units: The units.
    """

    weights: Int16s
    selects: Bytes
    units: Sequence[Unit]


class Sources(NamedTuple):
    """Where the non-zero weights of a chunk belong, n of them.

    Args:
        rows: int64 [n], original rows.
        slots: int64 [n].
        lanes: int64 [n], original lanes.
        values: int16 [n], the weights.
        classes: Slots of executed entries: zero, own, ahead, aside.
    """

    rows: Int64s
    slots: Int64s
    lanes: Int64s
    values: Int16s
    classes: tuple[int, int, int, int]


class Product(NamedTuple):
    """What a chunk and a block of windows give.

    Args:
        sums: int64 [windows, slots], exact.
        effectual: Products of two non-zero factors.
        ineffectual_a: Products of a non-zero weight and a zero activation.
    """

    sums: Int64s
    effectual: int
    ineffectual_a: int


def entry_rows(row0: int, advances: Bytes) -> Int64s:
    """The rows of a unit's entries, from the advance codes of all of them (the first is 0)."""
    steps = advances.astype(np.int64) + 1
    steps[:1] = row0
    return np.cumsum(steps)


def find_sources(chunk: Chunk, pairs: Int64s) -> Sources:
    """Undo the promotions.

    Args:
        chunk: The entries; select codes are legal.
        pairs: int64 [1 + connections, 2], rows ahead and lanes aside of each select code.
    """
    _, slots, lanes = chunk.weights.shape
    at = np.zeros(chunk.weights.shape[:2], np.int64)
    for unit in chunk.units:
        at[: unit.rows.size, unit.first : unit.first + unit.slots] = unit.rows[:, None]
    executed = sum(unit.rows.size * unit.slots for unit in chunk.units) * lanes
    places = np.flatnonzero(chunk.weights)
    entry_slots, lane = np.divmod(places, lanes)
    select = chunk.selects.reshape(-1)[places].astype(np.int64)
    ahead, aside = pairs[select, 0], pairs[select, 1]
    by_code = np.bincount(select, minlength=len(pairs))
    straight = int(by_code[1:][pairs[1:, 1] == 0].sum())
    return Sources(
        at.reshape(-1)[entry_slots] + ahead,
        entry_slots % slots,
        (lane + aside) % lanes,
        chunk.weights.reshape(-1)[places],
        (
            executed - places.size,
            int(by_code[0]),
            straight,
            places.size - int(by_code[0]) - straight,
        ),
    )


def used_rows(sources: Sources, row_count: int) -> Int64s:
    """The original rows that hold a weight, ascending."""
    used = np.zeros(row_count, np.bool_)
    used[sources.rows] = True
    return np.flatnonzero(used)


def multiply(sources: Sources, rows: Int64s, slots: int, values: Int16s) -> Product:
    """All products of a chunk's weights and [windows, rows, lanes] activations.

    A dense matrix of the original rows and lanes gives the sums; two weights that come from one
    place add up in it. Floats hold every partial sum exactly: fewer than 2^22 products below 2^30.

    Args:
        sources: The weights.
        rows: The original rows that `values` belong to, ascending.
        slots: Filters.
        values: Activations.
    """
    windows, _, lanes = values.shape
    terms = rows.size * lanes
    position = np.searchsorted(rows, sources.rows) * lanes + sources.lanes
    factors = np.zeros((terms, slots))
    place = position * slots + sources.slots
    np.add.at(factors.reshape(-1), place, sources.values.astype(np.float64))
    columns = values.reshape(windows, terms)
    bound = terms * np.abs(factors).max(initial=0) * max(int(values.max()), -int(values.min()))
    kind = np.float32 if bound < _EXACT_FLOAT32 else np.float64
    sums = columns.astype(kind) @ factors.astype(kind, copy=False)
    counts = np.bincount(position, minlength=terms)
    effectual = int(counts @ np.count_nonzero(columns, axis=0))
    return Product(sums.astype(np.int64), effectual, position.size * windows - effectual)
