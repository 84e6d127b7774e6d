"""What the base machine's counters cost on every target: DRAM bytes and PPU operations."""

from .energy import EnergyEntry
from .energy_model import Node, add, cmp, dram

DRAM_STREAMS = ("dram_in", "dram_wt", "dram_res", "dram_bias", "dram_out")
"""Counters of DRAM bytes: what `ld` brings into the memories of these streams, what `st` takes."""


def ppu_entry(node: Node) -> EnergyEntry:
    """One value through the PPU."""
    picojoule = node.energy * (2 * add(32) + 2 * cmp(16))
    doc = "bias and residual additions, two clip comparisons"
    return EnergyEntry("ppu_ops", "compute", picojoule, None, doc)


def pool_entry(node: Node) -> EnergyEntry:
    """One element of a pool's window."""
    return EnergyEntry("pool_ops", "compute", node.energy * cmp(16), None, "maximum or sum")


def dram_entries(sheet: float | None = None) -> tuple[EnergyEntry, ...]:
    """One byte of each stream.

    Args:
        sheet: pJ per byte by the target's own table, if it gives one.
    """
    return tuple(EnergyEntry(name, "dram", dram(1), sheet, "byte") for name in DRAM_STREAMS)
