"""The measurements: how many entries the schedule needs for random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...compiler.targets.tct_schedule import Scheduler, schedule_units, shuffled_filters
from ...isa.targets.tct_connectivity import connections, scan_order

SPARSITIES = tuple(tenth / 10 for tenth in range(1, 10))
ROWS, FILTERS, LANES = 288, 64, 16
"""A 3x3 layer of 512 channels, one warp: rows per filter, filters, lanes of a PE."""
SLOTS = {"tile": 16, "accel": 64, "pe": 1}
"""PEs that share a row pointer."""

Weights = npt.NDArray[np.int16]


class Setting(NamedTuple):
    """One line of the table.

    Args:
        sync: Which PEs share a row pointer: tile, accel or pe.
        shape: Connectivity, T or L.
        h: Lookahead depth.
        d: Lookasides.
        method: alg2, alg2_one or greedy.
        order: Scan order of the connections.
    """

    sync: str
    shape: str
    h: int
    d: int
    method: str = "alg2"
    order: str = "ahead"

    @property
    def pattern(self) -> str:
        """The paper's name of the connectivity, such as T8h2,5i."""
        return f"{self.shape}{1 + self.h + self.d}h{self.h},{self.d}i"

    @property
    def label(self) -> str:
        """The whole line's name."""
        return f"{self.sync} {self.pattern} {self.method}/{self.order}"

    @property
    def scheduler(self) -> Scheduler:
        """The schedule's parameters; the window advances by h + 1 rows at most."""
        pairs = connections(self.shape, self.h, self.d)
        return Scheduler(pairs, scan_order(pairs, self.order), self.method, self.h + 1)


PATTERNS = (("T", 1, 6), ("T", 2, 5), ("T", 3, 4), ("L", 1, 6), ("L", 2, 5), ("L", 3, 4))
METHODS = (
    ("alg2", "ahead"), ("alg2", "ahead_far"), ("alg2", "aside"), ("alg2", "near"),
    ("alg2_one", "ahead"), ("greedy", "ahead"), ("greedy", "aside"),
)  # fmt: skip
LOOKAHEAD_ONLY = Setting("tile", "T", 2, 0)
SETTINGS = (
    *(Setting(sync, *pattern) for sync in SLOTS for pattern in PATTERNS),
    *(Setting("tile", "T", 2, 5, *method) for method in METHODS[1:]),
    *(Setting("tile", "T", 3, 4, "alg2", order) for order in ("ahead_far", "near")),
    *(Setting(sync, "T", 2, 5, "greedy", "aside") for sync in ("accel", "pe")),
    LOOKAHEAD_ONLY,
)
"""All patterns under all row pointers; all schedulers and orders on the default pattern."""

Speedups = dict[Setting, tuple[float, ...]]
"""By setting, one per sparsity."""


def uniform_weights(sparsity: float, seed: int) -> Weights:
    """Weights [rows, filters, lanes] of which each is zero with the same probability."""
    rng = np.random.default_rng([seed, round(100 * sparsity)])
    return (rng.random((ROWS, FILTERS, LANES)) >= sparsity).astype(np.int16)


def spread_weights(sparsity: float, deviation: float, seed: int, filters: int = 256) -> Weights:
    """The same where each filter has a density of its own, normally distributed."""
    rng = np.random.default_rng([seed, round(100 * sparsity), round(1000 * deviation)])
    density = np.clip(rng.normal(1 - sparsity, deviation, filters), 0, 1)
    return (rng.random((ROWS, filters, LANES)) < density[:, None]).astype(np.int16)


def entries(weights: Weights, setting: Setting) -> int:
    """Cycles per window of all warps: the slowest unit of each."""
    return sum(_slowest(warp, setting) for warp in _parts(weights, FILTERS))


def _slowest(warp: Weights, setting: Setting) -> int:
    units = list(_parts(warp, SLOTS[setting.sync]))
    return max(unit.rows.size for unit in schedule_units(units, setting.scheduler))


def _parts(weights: Weights, count: int) -> Iterator[Weights]:
    return (weights[:, at : at + count] for at in range(0, weights.shape[1], count))


def speedups(seeds: int, told: Callable[[int, int], None] = lambda done, of: None) -> Speedups:
    """Speed-up over DaDianNao++ of every setting at every sparsity, mean over seeds.

    Args:
        seeds: How many masks each.
        told: Told how many settings are done.
    """
    masks = [[uniform_weights(s, seed) for seed in range(seeds)] for s in SPARSITIES]
    found: Speedups = {}
    for done, setting in enumerate(SETTINGS):
        told(done, len(SETTINGS))
        found[setting] = tuple(
            float(np.mean([ROWS / entries(mask, setting) for mask in each])) for each in masks
        )
    return found


class Shuffled(NamedTuple):
    """What filter shuffling does.

    Args:
        zeros_removed: Without it, as a share of the zeros.
        gain: Speed-up of shuffled over unshuffled filters, less 1.
    """

    zeros_removed: float
    gain: float


def shuffling(sync: str, deviation: float, sparsities: Sequence[float]) -> list[Shuffled]:
    """Sort filters of different density before they are cut into warps, on the default pattern."""
    setting = Setting(sync, "T", 2, 5)
    found: list[Shuffled] = []
    for sparsity in sparsities:
        weights = spread_weights(sparsity, deviation, seed=0)
        order = shuffled_filters(np.count_nonzero(weights, axis=(0, 2)))
        before, after = entries(weights, setting), entries(weights[:, order], setting)
        dense = ROWS * (weights.shape[1] // FILTERS)
        zeros = 1 - np.count_nonzero(weights) / weights.size
        found.append(Shuffled((1 - before / dense) / zeros, before / after - 1))
    return found
