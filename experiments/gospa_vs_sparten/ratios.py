"""Ratios of two runs of one network, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...tools.report_schema import Layer, Report

SRAM = {
    "gospa": (
        "act_words_bitmap",
        "act_words_value",
        "ring_writes",
        "ring_reads",
        "wmem_reads",
        "wbm_reads",
    ),
    "sparten": (
        "fmask_reads",
        "fval_reads",
        "in_mask_reads",
        "in_value_reads",
        "cu_in_writes",
        "cu_in_reads",
    ),
}
"""Counters of accesses to on-chip memories on the way to the multipliers; no accumulators."""


class Side(NamedTuple):
    """What a layer, or several, took on one machine.

    Args:
        cycles: Compute only.
        effectual: MACs.
        accesses: See `SRAM`.
        energy_uj: On chip, by the common model.
    """

    cycles: int
    effectual: int
    accesses: int
    energy_uj: float

    @property
    def accesses_per_mac(self) -> float:
        """SRAM accesses for an effectual MAC; 0 without any."""
        return self.accesses / self.effectual if self.effectual else 0.0


class Pair(NamedTuple):
    """A layer, or a network, on both machines."""

    name: str
    gospa: Side
    sparten: Side

    @property
    def speedup(self) -> float:
        """Cycles of SparTen over GoSPA's."""
        return _ratio(self.sparten.cycles, self.gospa.cycles)

    @property
    def access_ratio(self) -> float:
        """SRAM accesses of SparTen over GoSPA's."""
        return _ratio(self.sparten.accesses, self.gospa.accesses)

    @property
    def energy_ratio(self) -> float:
        """On-chip energy of SparTen over GoSPA's: GoSPA's energy efficiency."""
        return _ratio(self.sparten.energy_uj, self.gospa.energy_uj)


def _ratio(other: float, ours: float) -> float:
    return other / ours if ours else 0.0


def pairs(gospa: Report, sparten: Report) -> list[Pair]:
    """The convolutions of a network, which both machines run, by the node they compute."""
    theirs = {layer.name: layer for layer in _convolutions(sparten)}
    return [
        Pair(layer.name, side("gospa", [layer]), side("sparten", [theirs[layer.name]]))
        for layer in _convolutions(gospa)
        if layer.name in theirs
    ]


def total(name: str, layers: Sequence[Pair]) -> Pair:
    """All layers of a network together."""
    return Pair(name, _sum(p.gospa for p in layers), _sum(p.sparten for p in layers))


def _sum(sides: Iterable[Side]) -> Side:
    columns = list(zip(*sides, strict=True)) or [(0,)] * len(Side._fields)
    cycles, effectual, accesses, energy = map(sum, columns)
    return Side(int(cycles), int(effectual), int(accesses), float(energy))


def _convolutions(report: Report) -> list[Layer]:
    return [each for each in report.layers if each.op == "Conv" and each.placement != "host"]


def side(target: str, layers: Sequence[Layer]) -> Side:
    """What some layers took on one machine."""
    return Side(
        sum(layer.cycles for layer in layers),
        sum(layer.macs.effectual for layer in layers),
        sum(layer.counters[name] for layer in layers for name in SRAM[target]),
        sum(layer.energy.common.on_chip_uj for layer in layers),
    )
