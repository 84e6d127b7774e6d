"""What Bit-Tactical's front end computes, as functions of arrays (tct sheet, sections 4, 6, 8)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import TrapError
from .dadiannao_core import count_nonzero, exact_sums

Bytes = npt.NDArray[np.uint8]
Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]


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

    @property
    def executed(self) -> int:
        """Slots that execute an entry, summed over the entries."""
        return sum(unit.rows.size * unit.slots for unit in self.units)


class Sources(NamedTuple):
    """The weights of a chunk where they came from.

    Args:
        rows: int64 [positions], the original rows that hold a weight, ascending.
        factors: float64 [slots, positions * lanes]; weights that come from one place add up.
        counts: int64 [positions * lanes], how many weights come from there, of all slots.
        codes: int64 [1 + connections], non-zero weights by select code.
        largest: The largest magnitude among the factors.
    """

    rows: Int64s
    factors: npt.NDArray[np.float64]
    counts: Int64s
    codes: Int64s
    largest: int


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


def find_sources(chunk: Chunk, pairs: Int64s, row_count: int) -> Sources:
    """Undo the promotions.

    Args:
        chunk: The entries; their rows and select codes are legal.
        pairs: int64 [1 + connections, 2], rows ahead and lanes aside of each select code.
        row_count: Rows of the filters.

    Raises:
        TrapError: A weight comes from a row behind the last.
    """
    from .tct_kernels import scan_sources, scatter_sources

    entries, slots, lanes = chunk.weights.shape
    rows = np.zeros((entries, slots), np.int64)
    for unit in chunk.units:
        rows[: unit.rows.size, unit.first : unit.first + unit.slots] = unit.rows[:, None]
    codes, used = np.zeros(len(pairs), np.int64), np.zeros(row_count, np.uint8)
    common = (chunk.weights, chunk.selects, rows, pairs)
    beyond = scan_sources(*common, codes, used)
    if beyond >= 0:
        raise TrapError(
            f"a weight promoted from row {beyond} is beyond the {row_count} rows",
            hint="the chunk was loaded for a layer with more of them",
        )
    found = np.flatnonzero(used)
    place = np.cumsum(used, dtype=np.int64) - 1
    factors = np.zeros((slots, found.size * lanes))
    counts = np.zeros(found.size * lanes, np.int64)
    scatter_sources(*common, place, factors, counts)
    largest = int(max(factors.max(initial=0), -factors.min(initial=0)))
    return Sources(found, factors, counts, codes, largest)


def multiply(sources: Sources, values: Int16s) -> Product:
    """All products of a chunk's weights and [windows, positions, lanes] activations."""
    windows, terms = len(values), sources.factors.shape[1]
    columns = values.reshape(windows, terms)
    sums = exact_sums(columns, sources.factors, sources.largest)
    effectual = int(sources.counts @ count_nonzero(columns))
    some = int(sources.codes.sum()) * windows
    return Product(sums, effectual, some - effectual)
