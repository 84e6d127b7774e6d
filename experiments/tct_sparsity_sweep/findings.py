"""Where the measurements agree with the paper (Bit-Tactical, section V), and where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .sweep import SPARSITIES, Setting, Speedups, shuffling

DEFAULT = Setting("tile", "T", 2, 5)
_GREEDY = Setting("tile", "T", 2, 5, "greedy", "aside")
_SPREAD_AT = (0.5, 0.6, 0.7, 0.8)


class Finding(NamedTuple):
    """A statement of the paper beside what was measured.

    Args:
        published: The statement.
        measured: Our numbers.
        agrees: Whether they support it.
        why: What explains the difference, or what the agreement rests on.
    """

    published: str
    measured: str
    agrees: bool
    why: str


def findings(found: Speedups) -> list[Finding]:
    """All statements that random masks can be held against."""
    return [
        _never_slower(found),
        _zeros_removed(found),
        _better_than_greedy(found),
        _greedy_when_dense(found),
        *(_best_pattern(found, order) for order in ("ahead", "ahead_far")),
        *(_deeper_lookahead(found, sync) for sync in ("tile", "pe")),
        *(_shuffling(deviation) for deviation in (0.05, 0.1)),
        _best_order(found),
    ]


def _never_slower(found: Speedups) -> Finding:
    least = min(min(line) for line in found.values())
    return Finding(
        "never slower than the baseline",
        f"the least speed-up of all lines is {least:.2f}",
        least >= 1,
        "a schedule has at most one entry per row",
    )


def zeros_removed(line: Sequence[float]) -> list[float]:
    """The zeros that took no slot, as a share of all zeros, by sparsity."""
    return [(1 - 1 / speedup) / zeros for speedup, zeros in zip(line, SPARSITIES, strict=True)]


def _zeros_removed(found: Speedups) -> Finding:
    lines = {sync: zeros_removed(found[Setting(sync, "T", 2, 5)]) for sync in ("tile", "accel")}
    spread = [each.zeros_removed for each in shuffling("tile", 0.05, _SPREAD_AT)]
    text = "; ".join(f"{sync} {_range(values)}" for sync, values in lines.items())
    published = (0.646, 0.708)
    return Finding(
        "64.6 to 70.8 % of the zeros removed (Table 4, T8h2,5i)",
        f"uniform masks: {text}; filters of unequal density (0.05): tile {_range(spread)}",
        _meet(published, [*lines["tile"], *spread]),
        "uniform masks balance the PEs; filters of unequal density leave fewer zeros removed",
    )


def _better_than_greedy(found: Speedups) -> Finding:
    gains = _gains(found[DEFAULT], found[_GREEDY])
    sparse = gains[4:]
    mean = sum(sparse) / len(sparse)
    return Finding(
        "Algorithm 2 beats greedy by 8 % on average (28 % at best)",
        f"from 0.5 sparsity on {mean:+.1%} on average, {max(gains):+.1%} at best",
        0.04 <= mean <= 0.12,
        "the averages are compared; the paper's networks are pruned to 60-90 %, its best is one",
    )


def _greedy_when_dense(found: Speedups) -> Finding:
    gains = _gains(found[_GREEDY], found[DEFAULT])
    return Finding(
        "greedy (lookaside first) is slightly better at low sparsity (Fig. 13)",
        f"greedy over Algorithm 2: {gains[0]:+.1%} at 0.1, {gains[1]:+.1%} at 0.2, "
        f"{gains[4]:+.1%} at 0.5",
        max(gains[:2]) > 0,
        "the difference is a fraction of a percent",
    )


def _best_pattern(found: Speedups, order: str) -> Finding:
    two = found[Setting("tile", "T", 2, 5, "alg2", order)]
    three = found[Setting("tile", "T", 3, 4, "alg2", order)]
    pairs = zip(SPARSITIES, two, three, strict=True)
    first = next((sparsity for sparsity, a, b in pairs if b > a + 0.005), 1.0)
    return Finding(
        "T8h2,5i is best up to 0.8 sparsity, T8h3,4i beyond (Fig. 12)",
        f"scan order {order}: T8h3,4i ahead from {first:g} on",
        first > 0.8,
        "the paper does not give the scan order; trying the farthest lookahead first fits it",
    )


def _deeper_lookahead(found: Speedups, sync: str) -> Finding:
    at = SPARSITIES.index(0.8)
    ratio = found[Setting(sync, "T", 2, 5)][at] / found[Setting(sync, "T", 1, 6)][at]
    return Finding(
        "T8h2,5i is 1.45 times T8h1,6i at 0.8 sparsity (Fig. 12)",
        f"sync {sync}: {ratio:.2f} times",
        abs(ratio - 1.45) <= 0.07,
        "only PEs that advance on their own come near; they need an activation buffer each",
    )


def _shuffling(deviation: float) -> Finding:
    gains = [each.gain for each in shuffling("tile", deviation, _SPREAD_AT)]
    return Finding(
        "shuffling filters gains 2.2 to 18 %",
        f"densities with a deviation of {deviation:g}: {_range(gains)}",
        _meet((0.022, 0.18), gains),
        "the gain depends on how unequal the filters are; a deviation of 0 gains nothing",
    )


def _best_order(found: Speedups) -> Finding:
    gains = _gains(found[Setting("tile", "T", 2, 5, "alg2", "near")], found[DEFAULT])
    return Finding(
        "(not in the paper) the scan order is free for the compiler to choose",
        f"nearest first gains {_range(gains[3:8])} between 0.4 and 0.8",
        min(gains[3:8]) > 0,
        "`--set order=near` costs no hardware",
    )


def _gains(line: Sequence[float], base: Sequence[float]) -> list[float]:
    return [a / b - 1 for a, b in zip(line, base, strict=True)]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1%} to {max(values):.1%}"


def _meet(published: tuple[float, float], values: Sequence[float]) -> bool:
    """Whether two ranges have something in common."""
    return min(values) <= published[1] and max(values) >= published[0]
