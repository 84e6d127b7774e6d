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
LOST = {
    "gospa": ("empty_slot_cycles", "pe_idle"),
    "sparten": ("join_overhead_cycles", "cu_idle"),
}
"""Counters of multipliers' cycles without a product: stepping over what has none, then idle ones.

With the effectual MACs they add up to cycles times multipliers."""


class Side(NamedTuple):
    """What a layer, or several, took on one machine.

    Args:
        cycles: Compute only.
        effectual: MACs.
        accesses: See `SRAM`.
        energy_uj: On chip, by the common model.
        dram_uj: Of DRAM, by the common model.
        logic_uj: Of what finds the products: pairs and filters, or joins and routing.
        lost: Cycles of multipliers without a product, see `LOST`.
        idle: Cycles of multipliers that have nothing to do at all.
        joins: Of chunks; none on GoSPA.
        scanned: Non-zero activations that the APUs read; none on SparTen.
        dropped: Those of them that no filter of a group meets.
    """

    cycles: int
    effectual: int
    accesses: int
    energy_uj: float
    dram_uj: float = 0.0
    logic_uj: float = 0.0
    lost: int = 0
    idle: int = 0
    joins: int = 0
    scanned: int = 0
    dropped: int = 0

    @property
    def accesses_per_mac(self) -> float:
        """SRAM accesses for an effectual MAC; 0 without any."""
        return self.accesses / self.effectual if self.effectual else 0.0

    def share(self, cycles: int) -> float:
        """Cycles of multipliers as a share of all that they had."""
        return _ratio(cycles, self.effectual + self.lost + self.idle)

    @property
    def at_work(self) -> float:
        """Share of the multipliers' cycles that made effectual MACs."""
        return self.share(self.effectual)


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
    def dram_ratio(self) -> float:
        """The same with DRAM."""
        theirs, ours = self.sparten, self.gospa
        return _ratio(theirs.energy_uj + theirs.dram_uj, ours.energy_uj + ours.dram_uj)

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
    return Side(*map(sum, zip(Side(0, 0, 0, 0.0), *sides, strict=True)))


def _convolutions(report: Report) -> list[Layer]:
    return [each for each in report.layers if each.op == "Conv" and each.placement != "host"]


def whole(report: Report) -> int:
    """Cycles of a network, its fully connected layers with it."""
    return report.totals.cycles


def side(target: str, layers: Sequence[Layer]) -> Side:
    """What some layers took on one machine."""

    def count(*names: str) -> int:
        return sum(layer.counters.get(name, 0) for layer in layers for name in names)

    energies = [layer.energy.common for layer in layers]
    lost, idle = LOST[target]
    return Side(
        cycles=sum(layer.cycles for layer in layers),
        effectual=sum(layer.macs.effectual for layer in layers),
        accesses=count(*SRAM[target]),
        energy_uj=sum(energy.on_chip_uj for energy in energies),
        dram_uj=sum(energy.dram_uj for energy in energies),
        logic_uj=sum(energy.logic_uj for energy in energies),
        lost=count(lost),
        idle=count(idle),
        joins=count("chunk_joins"),
        scanned=count("apu_scanned"),
        dropped=count("apu_dropped"),
    )
