"""Where our ratios are not the slides', in words that follow from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log

from .kinds import DEPTHWISE, FIRST, GROUPED, POINTWISE, STRIDED, by_kind
from .published import Published, is_near
from .ratios import Pair, total

BALANCINGS = {"H": "GB-H", "S": "GB-S", "none": "no balancing"}
"""SparTen's parameter `gb` in the sheet's words."""
_MOST_KINDS = 2
"""Kinds of layers that words are made about, of one network."""


def words(network: Published, layers: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Sentences on a network.

    Args:
        network: What the slides print.
        layers: Its layers by SparTen's balancing; the first is the one that others stand beside.
    """
    mine = next(iter(layers.values()))
    whole = total("all", mine)
    ratios = {BALANCINGS[gb]: total("all", each).speedup for gb, each in layers.items()}
    sentences = [_slots(whole), _balancing(ratios, network.speedup)]
    if not min(ratios.values()) <= network.speedup <= max(ratios.values()):
        sentences += _kinds(network, mine)
    return [*sentences, _energy(whole, network.energy)]


def _slots(whole: Pair) -> str:
    """Why there is a speed-up at all: it is the ratio of how busy the multipliers are."""
    ours, theirs = whole.gospa, whole.sparten
    return (
        f"GoSPA's multipliers work in {ours.at_work:.0%} of their cycles "
        f"({ours.share(ours.lost):.0%} pass channels without a pair for them, "
        f"{ours.share(ours.idle):.0%} wait or have no filter), SparTen's in "
        f"{theirs.at_work:.0%} ({theirs.share(theirs.lost):.0%} start joins, of "
        f"{_per_join(whole):.1f} matches each, {theirs.share(theirs.idle):.0%} wait at barriers or "
        "have no filter)"
    )


def _per_join(pair: Pair) -> float:
    return pair.sparten.effectual / pair.sparten.joins if pair.sparten.joins else 0.0


def _balancing(ratios: Mapping[str, float], published: float) -> str:
    """Where the slides' ratio lies among ours over SparTen's balancings."""
    listed = ", ".join(f"{ratio:.2f} over {name}" for name, ratio in ratios.items())
    low, high = min(ratios.values()), max(ratios.values())
    if low <= published <= high:
        place = f"the slides' {published} lies between, and they do not say which they mean"
    elif is_near(low, published) or is_near(high, published):
        place = f"the slides' {published} is within 10 % of one of them"
    else:
        place = f"no balancing explains the slides' {published}"
    return f"the speed-up is {listed}: {place}"


def _kinds(network: Published, layers: Sequence[Pair]) -> list[str]:
    """The kinds of layers without which our ratio would be nearer to the slides'."""
    whole, kinds = total("all", layers), by_kind(network.name, layers)
    apart: dict[str, float] = {}
    for kind in kinds:
        others = total("others", [pair for other, pair in kinds.items() if other != kind])
        if others.gospa.cycles:
            apart[kind] = others.speedup

    def distance(ratio: float) -> float:
        return abs(log(ratio / network.speedup))

    nearer = [kind for kind in apart if distance(apart[kind]) < distance(whole.speedup)]
    nearer.sort(key=lambda kind: distance(apart[kind]))
    return [_kind(kinds[kind], whole, apart[kind]) for kind in nearer[:_MOST_KINDS]]


def _kind(pair: Pair, whole: Pair, others: float) -> str:
    share = pair.sparten.cycles / whole.sparten.cycles
    cause = CAUSES[pair.name](pair) if pair.name in CAUSES else ""
    return (
        f"{pair.name}, {share:.0%} of SparTen's cycles, take it {pair.speedup:.2f} times GoSPA's"
        f"{cause}; the others alone make {others:.2f}"
    )


def _depthwise(pair: Pair) -> str:
    ours, theirs = pair.gospa, pair.sparten
    return (
        f": one column of PEs and one CU of a cluster have a filter, so the multipliers work in "
        f"{ours.at_work:.1%} and {theirs.at_work:.1%} of their "
        "cycles (the slides do not say how they map such layers)"
    )


def _grouped(pair: Pair) -> str:
    ours, theirs = pair.gospa, pair.sparten
    return (
        f": groups fill chunks and filter sets in part ({_per_join(pair):.1f} matches a join), and "
        f"the multipliers work in {ours.at_work:.0%} and "
        f"{theirs.at_work:.0%} of their cycles"
    )


def _strided(pair: Pair) -> str:
    ours = pair.gospa
    dropped = ours.dropped / ours.scanned if ours.scanned else 0.0
    return (
        f": GoSPA's APUs read the pixels between the strides too and drop {dropped:.0%} of all "
        "values, SparTen never reads them"
    )


def _pointwise(pair: Pair) -> str:
    ours, theirs = pair.gospa, pair.sparten
    return (
        f": with one PID a PE multiplies all of a channel's values or none, and GoSPA's "
        f"multipliers work in {ours.at_work:.0%} of their cycles, while joins of "
        f"{_per_join(pair):.0f} matches keep SparTen's at work in "
        f"{theirs.at_work:.0%}"
    )


def _first(pair: Pair) -> str:
    return f": colours fill a chunk in part ({_per_join(pair):.1f} matches a join)"


CAUSES: Mapping[str, Callable[[Pair], str]] = {
    FIRST: _first,
    DEPTHWISE: _depthwise,
    GROUPED: _grouped,
    STRIDED: _strided,
    POINTWISE: _pointwise,
}


def _energy(whole: Pair, published: float) -> str:
    ours, theirs = whole.gospa, whole.sparten
    logic = theirs.logic_uj / theirs.energy_uj if theirs.energy_uj else 0.0
    rest = _without_logic(whole)
    place = "between" if rest <= published <= whole.energy_ratio else "not between"
    return (
        f"{logic:.0%} of SparTen's on-chip energy is the logic of its joins (on GoSPA "
        f"{ours.logic_uj / ours.energy_uj if ours.energy_uj else 0.0:.0%}): on-chip energy is "
        f"{whole.energy_ratio:.2f} times GoSPA's, {rest:.2f} without any such logic, "
        f"{whole.dram_ratio:.2f} with DRAM; the slides' {published} lies {place} the first two"
    )


def _without_logic(pair: Pair) -> float:
    """The ratio of on-chip energies if finding the products cost nothing."""
    ours = pair.gospa.energy_uj - pair.gospa.logic_uj
    return (pair.sparten.energy_uj - pair.sparten.logic_uj) / ours if ours else 0.0
