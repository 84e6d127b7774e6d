"""SPOTS' energy entries: the common model at 45 nm beside the sheet's own numbers (section 8)."""

from ...isa.targets.spots import SpotsSpec
from ..base_energy import dram_entries, pool_entry, ppu_entry
from ..energy import EnergyEntry, Rates
from ..energy_model import (
    NODES,
    banked,
    mac,
    mac_gated,
    mask_and,
    popcount,
    reg,
    rf,
    static_milliwatt,
)

NODE = NODES[45]
WORD = 16
"""Operand width in bits."""
MASK_WORD = 64
"""Bits of an M1 or M2 word."""
FIFO_ENTRIES = 4
WORK_BITS = 48
"""Width of a PE's work queue."""
FMAP_BANKS, IBUF_BANKS, OBUF_BANKS = 16, 32, 16
"""Banks of Fmap SRAM, IBUF (two slots of 16) and OBUF (section 3)."""


def entries(spec: SpotsSpec) -> tuple[EnergyEntry, ...]:
    """What one count of each counter costs, in pJ; bank capacities follow the configuration."""
    return (*_compute(spec), *_registers(spec), *_memories(spec), *_rest(spec))


def rates(spec: SpotsSpec) -> Rates:
    """Clock and multipliers; a split array has as many as the tall one."""
    return Rates(spec.MHZ, spec.NR * spec.NC)


def array_milliwatt(spec: SpotsSpec) -> float:
    """Peak dynamic power of the array: every PE executes a MAC and updates its accumulator."""
    picojoule = mac(WORD, WORD, spec.ACC) + _accumulator(spec)
    return spec.NR * spec.NC * picojoule * spec.MHZ * 1e-3 * NODE.energy


def _accumulator(spec: SpotsSpec) -> float:
    """Read and write of one of a PE's NREG accumulators."""
    return 2 * rf(spec.NREG * spec.ACC / 8, spec.ACC)


def _compute(spec: SpotsSpec) -> tuple[EnergyEntry, ...]:
    scale = NODE.energy
    return (
        EnergyEntry(
            "mac_effectual", "compute", scale * mac(WORD, WORD, spec.ACC), 0.9, "16 x 16 MAC"
        ),
        EnergyEntry(
            "mac_gated", "compute", scale * mac_gated(WORD, WORD, spec.ACC), 0.0, "operands held"
        ),
        pool_entry(NODE),
        ppu_entry(NODE),
    )


def _registers(spec: SpotsSpec) -> tuple[EnergyEntry, ...]:
    scale = NODE.energy
    fifo = 2 * rf(FIFO_ENTRIES * WORD / 8, WORD)
    queue = 2 * rf(FIFO_ENTRIES * WORK_BITS / 8, WORK_BITS)
    return (
        EnergyEntry(
            "mac_effectual", "register", scale * _accumulator(spec), 1.5, "accumulator update"
        ),
        EnergyEntry("fifo_act", "register", scale * fifo, 0.5, "activation FIFO, push and pop"),
        EnergyEntry("fifo_wt", "register", scale * fifo, 0.5, "weight FIFO, push and pop"),
        EnergyEntry("fifo_work", "register", scale * queue, 1.0, "work queue, push and pop"),
        EnergyEntry("ring_xfer", "register", scale * reg(WORD), 0.5, "hop to the next PU"),
    )


def _memories(spec: SpotsSpec) -> tuple[EnergyEntry, ...]:
    filter_banks = max(1, spec.NR * spec.NREG // spec.G)
    block = spec.G * WORD

    def access(capacity_bytes: int, bank_count: int, bits: int) -> float:
        return NODE.energy * banked(capacity_bytes, bank_count, bits, NODE)

    fmap = access(spec.FCAP, FMAP_BANKS, WORD)
    reserved = access(spec.RCAP, spec.UNITS, WORD)
    blocks = access(spec.WCAP, filter_banks, block)
    masks = access(spec.WCAP, filter_banks, MASK_WORD)
    ibuf = access(spec.ICAP, IBUF_BANKS, 64)
    obuf = access(spec.OCAP, OBUF_BANKS, 32)
    return (
        EnergyEntry("fmap_rd", "sram:fmap", fmap, 2.5, "16-bit element"),
        EnergyEntry("res_rd", "sram:reserved", reserved, 1.25, "16-bit element"),
        EnergyEntry("res_wr", "sram:reserved", reserved, 1.25, "16-bit element"),
        EnergyEntry("fsram_rd_a", "sram:filter", blocks, 14.1, "block of G weights"),
        EnergyEntry("fsram_rd_m1", "sram:filter", masks, 7.1, "64 bits of M1"),
        EnergyEntry("fsram_rd_m2", "sram:filter", masks, 7.1, "64 bits of M2"),
        EnergyEntry("ibuf_wr", "sram:ibuf", ibuf, 10.0, "64-bit word"),
        EnergyEntry("ibuf_rd", "sram:ibuf", ibuf, 10.0, "64-bit word"),
        EnergyEntry("obuf_wr", "sram:obuf", obuf, 7.1, "32-bit sum"),
        EnergyEntry("obuf_rd", "sram:obuf", obuf, 7.1, "32-bit sum"),
    )


def _rest(spec: SpotsSpec) -> tuple[EnergyEntry, ...]:
    scale = NODE.energy
    on_chip = spec.FCAP + spec.WCAP + spec.ICAP + spec.OCAP + spec.RCAP
    # mW over MHz is nJ per cycle.
    static = static_milliwatt(on_chip, array_milliwatt(spec)) / spec.MHZ * 1e3
    masks = scale * mask_and(MASK_WORD)
    return (
        EnergyEntry("fsram_rd_m1", "logic", masks, None, "M1 against the step's bitmap"),
        EnergyEntry("fsram_rd_m2", "logic", masks, None, "M2 against the issued columns"),
        EnergyEntry(
            "fsram_rd_m2", "logic", scale * popcount(MASK_WORD), None, "bank pointer's advance"
        ),
        *dram_entries(160.0),
        EnergyEntry("cycles", "static", static, None, "leakage"),
    )
