"""Measures of Bit-Tactical's schedule on random masks (see `tct_sparsity_sweep`)."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..tct_sparsity_sweep.sweep import ROWS, Setting, entries, uniform_weights
from .figures import Figure
from .verdicts import Measured

_SEEDS = 4
_DEFAULT = Setting("tile", "T", 2, 5)
_DEEP = Setting("tile", "T", 3, 4)
_SHALLOW = Setting("tile", "T", 1, 6)
_FARTHEST_FIRST = "ahead_far"
_GREEDY = Setting("tile", "T", 2, 5, "greedy", "aside")
_ROBUST_SEEDS = 8


@cache
def _speedups(setting: Setting, sparsity: float, seeds: int = _SEEDS) -> tuple[float, ...]:
    masks = (uniform_weights(sparsity, seed) for seed in range(seeds))
    return tuple(ROWS / entries(mask, setting) for mask in masks)


def _mean(setting: Setting, sparsity: float) -> float:
    return float(np.mean(_speedups(setting, sparsity)))


def crossover(figure: Figure) -> Measured:
    """Sparsity, in steps of 0.05, up to which T8h2,5i beats T8h3,4i, scanned as by default."""

    def last(order: str) -> float:
        two, three = (s._replace(order=order) for s in (_DEFAULT, _DEEP))
        steps = (step / 20 for step in range(19, 0, -1))
        return next((at for at in steps if _mean(two, at) >= _mean(three, at)), 0.0)

    text = f"up to {last(_FARTHEST_FIRST):g} if the farthest rows are tried first"
    return Measured((last(_DEFAULT.order),), text)


def deeper_lookahead(figure: Figure) -> Measured:
    """T8h2,5i over T8h1,6i at 0.8 sparsity."""
    ratios = {
        sync: _mean(_DEFAULT._replace(sync=sync), 0.8) / _mean(_SHALLOW._replace(sync=sync), 0.8)
        for sync in ("tile", "pe")
    }
    return Measured((ratios["tile"],), f"{ratios['pe']:.2f} if every PE has its own row pointer")


def robustness(figure: Figure) -> Measured:
    """Most that one mask's speed-up is off the mean of its sparsity, in %."""
    worst = 0.0
    for tenth in range(1, 10):
        found = np.array(_speedups(_DEFAULT, tenth / 10, _ROBUST_SEEDS))
        worst = max(worst, float(np.max(np.abs(found / found.mean() - 1))))
    return Measured((100 * worst,), f"{_ROBUST_SEEDS} masks at each of 0.1 to 0.9")


def greedy_at_low_sparsity(figure: Figure) -> Measured:
    """The greedy scheduler's speed-up over Algorithm 2's at 0.1 and 0.2 sparsity, the better."""
    ratios = [_mean(_GREEDY, sparsity) / _mean(_DEFAULT, sparsity) for sparsity in (0.1, 0.2)]
    return Measured((max(ratios),), f"{ratios[0]:.4f} at 0.1, {ratios[1]:.4f} at 0.2")


def dense(figure: Figure) -> Measured:
    """Speed-up without zeros."""
    return Measured((_mean(_DEFAULT, 0.0),), "whole lanes: no padding of channels")
