"""Bit-Tactical's static weight schedule: Algorithm 2 and its variants (tct sheet, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...isa.targets.tct_connectivity import Connection

Weights = npt.NDArray[np.int16]
METHODS = ("alg2", "alg2_one", "greedy")
"""Algorithm 2; with at most one promotion per PE and pass; without counting candidates."""


@dataclass(frozen=True)
class Scheduler:
    """How weights are promoted.

    Args:
        pairs: The connections, in canonical order.
        order: Their scan order, as indices.
        method: One of `METHODS`.
        advance: By how many rows the window moves at most from one entry to the next.
    """

    pairs: tuple[Connection, ...]
    order: tuple[int, ...]
    method: str
    advance: int


@dataclass(frozen=True, eq=False)
class UnitSchedule:
    """The entries of one unit (the slots that share a row pointer), E of them.

    Args:
        rows: [E] int32, the original row of each entry, ascending.
        weights: [E, slots, N] int16.
        selects: [E, slots, N] uint8: 0 for the slot's own weight, else 1 + connection.
        bubbles: Entries that only move the window.
    """

    rows: npt.NDArray[np.int32]
    weights: Weights
    selects: npt.NDArray[np.uint8]
    bubbles: int


def schedule_units(
    units: Sequence[Weights], scheduler: Scheduler, workers: int | None = None
) -> list[UnitSchedule]:
    """Schedule units, which do not depend on each other.

    Args:
        units: Weights [R, slots, N] of each, N <= 64; left as they are.
        scheduler: How.
        workers: Threads, as many as there are processors if not given; the result is the same.
    """
    from ...isa.jit import run_parallel, thread_count

    if not units:
        return []
    count = min(len(units), workers or thread_count())
    bounds = _even_bounds([unit.size for unit in units], count)

    def some(first: int, last: int) -> list[UnitSchedule]:
        return [schedule_unit(unit, scheduler) for unit in units[first:last]]

    parts = run_parallel(some, list(pairwise(bounds)))
    return [unit for part in parts for unit in part]


def count_entries_ahead(
    units: Sequence[Weights], scheduler: Scheduler, workers: int | None = None
) -> list[int]:
    """How many entries each unit had without lookasides, bubbles included.

    Args:
        units: Weights [R, slots, N] of each, N <= 64; left as they are.
        scheduler: How; its lookasides are left out.
        workers: Threads, as many as there are processors if not given; the result is the same.
    """
    from ...isa.jit import run_parallel, thread_count
    from . import tct_kernels

    if not units:
        return []
    scan = [scheduler.pairs[index] for index in scheduler.order]
    ahead = np.array([pair.ahead for pair in scan if not pair.aside], np.int64)

    def some(first: int, last: int) -> list[int]:
        counts: list[int] = []
        for unit in units[first:last]:
            kept = np.zeros(unit.shape[0], np.uint8)
            tct_kernels.keep_rows(np.ascontiguousarray(unit, np.int16), ahead, kept)
            counts.append(entry_rows(np.flatnonzero(kept), scheduler.advance).size)
        return counts

    bounds = _even_bounds([unit.size for unit in units], min(len(units), workers or thread_count()))
    return [count for part in run_parallel(some, list(pairwise(bounds))) for count in part]


def _even_bounds(sizes: Sequence[int], parts: int) -> list[int]:
    """Bounds that cut items into runs of about the same size."""
    ends = np.cumsum(np.array([0, *sizes], np.int64))
    shares = int(ends[-1]) * np.arange(1, parts) // parts
    return [0, *np.searchsorted(ends, shares).tolist(), len(sizes)]


def schedule_unit(weights: Weights, scheduler: Scheduler) -> UnitSchedule:
    """Schedule one unit.

    Args:
        weights: [R, slots, N] int16, N <= 64; left as they are.
        scheduler: How.
    """
    from . import tct_kernels

    lanes = weights.shape[2]
    assert 1 <= lanes <= tct_kernels.MAX_LANES
    moved = np.array(weights, np.int16, order="C")
    selects = np.zeros(moved.shape, np.uint8)
    kept = np.zeros(moved.shape[0], np.uint8)
    tct_kernels.schedule_unit(
        moved,
        np.array([pair.ahead for pair in scheduler.pairs], np.int64),
        np.array([pair.aside % lanes for pair in scheduler.pairs], np.int64),
        np.array(scheduler.order, np.int64),
        METHODS.index(scheduler.method),
        selects,
        kept,
    )
    rows = entry_rows(np.flatnonzero(kept), scheduler.advance)
    # The rows of bubbles were dropped: they hold zeros and were never promoted into.
    return UnitSchedule(rows, moved[rows], selects[rows], rows.size - int(kept.sum()))


def entry_rows(kept: npt.NDArray[np.int64], advance: int) -> npt.NDArray[np.int32]:
    """The rows of all entries: those kept, and bubbles where the window cannot jump so far."""
    if not kept.size:
        return np.zeros(0, np.int32)
    repeats = np.ones(kept.size, np.int64)
    repeats[:-1] += (np.diff(kept) - 1) // advance
    firsts = np.cumsum(repeats) - repeats
    steps = np.arange(int(repeats.sum())) - np.repeat(firsts, repeats)
    return (np.repeat(kept, repeats) + steps * advance).astype(np.int32)


def shuffled_filters(nonzero_counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The order of filters by non-zero weights, most first, ties by index (section 6)."""
    return np.argsort(-nonzero_counts, kind="stable")
