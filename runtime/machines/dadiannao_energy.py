"""DaDianNao++'s energy entries: the common model at 65 nm beside the sheet's own (section 8)."""

from ...isa.targets.dadiannao import DadiannaoSpec
from ..base_energy import dram_entries, pool_entry, ppu_entry
from ..energy import EnergyEntry
from ..energy_model import (
    NODES,
    add,
    adder_tree,
    banked,
    dram,
    mul,
    rf,
    static_milliwatt,
)

NODE = NODES[65]
"""Bit-Tactical's table III gives the machine at 65 nm; the sheet's numbers are 45 nm ones."""
WORD = 16
"""Operand width in bits."""
SUM = 48
BANKS = 32
"""Banks per tile of AM and of WM."""
ABUF_WORDS = 32
"""Words of a tile's activation buffer."""
_SRAM, _RF, _DRAM, _MAC = 5.0, 1.0, 160.0, 0.9
"""The sheet's pJ: SRAM and register file per 32 bits, DRAM per byte, MAC with its addition."""


def entries(spec: DadiannaoSpec) -> tuple[EnergyEntry, ...]:
    """What one count of each counter costs, in pJ; bank capacities follow the configuration."""
    return (*compute(spec), *buffers(spec), *memories(spec), *rest(spec))


def compute(spec: DadiannaoSpec) -> tuple[EnergyEntry, ...]:
    """Multipliers, one adder tree and accumulation per PE and row, the PPU."""
    multiplier = NODE.energy * mul(WORD, WORD)
    tree = NODE.energy * (adder_tree(spec.lanes, SUM) + add(SUM))
    return (
        *(
            EnergyEntry(f"mac_{name}", "compute", multiplier, _MAC, "16 x 16 multiplication")
            for name in ("eff", "ineff_a", "ineff_w")
        ),
        EnergyEntry("wm_rd", "compute", tree, 0.0, "adder tree and accumulation of a PE"),
        ppu_entry(NODE),
        pool_entry(NODE),
    )


def buffers(spec: DadiannaoSpec) -> tuple[EnergyEntry, ...]:
    """The tiles' activation buffers."""
    bits = WORD * spec.lanes
    access = NODE.energy * rf(ABUF_WORDS * spec.word_bytes, bits)
    return tuple(
        EnergyEntry(name, "register", access, _RF * bits / 32, "word of activations")
        for name in ("ab_wr", "ab_rd")
    )


def memories(spec: DadiannaoSpec) -> tuple[EnergyEntry, ...]:
    """AM, one memory for all tiles; WM and PB, which each tile has for itself."""
    word, sums, tiles = WORD * spec.lanes, SUM * spec.pes, spec.tiles

    def access(capacity_bytes: int, bank_count: int, bits: int) -> float:
        return NODE.energy * banked(capacity_bytes, bank_count, bits, NODE)

    am = access(spec.am_words * spec.word_bytes, BANKS * tiles, word)
    wm = access(2 * spec.half_bytes // tiles, BANKS, word)
    pb = access(2 * spec.bank_bytes, 2, sums)
    return (
        EnergyEntry("am_rd", "sram:am", am, _SRAM * word / 32, "word of activations"),
        EnergyEntry("am_wr", "sram:am", am, _SRAM * word / 32, "word of activations"),
        EnergyEntry("wm_rd", "sram:wm", wm, _SRAM * word / 32, "a PE's weights in a row"),
        EnergyEntry("pb_rd", "sram:pb", pb, _SRAM * sums / 32, "a tile's sums of a window"),
        EnergyEntry("pb_wr", "sram:pb", pb, _SRAM * sums / 32, "a tile's sums of a window"),
    )


def rest(spec: DadiannaoSpec) -> tuple[EnergyEntry, ...]:
    """DRAM and leakage."""
    on_chip = spec.am_words * spec.word_bytes + 2 * spec.half_bytes
    on_chip += 2 * spec.tiles * spec.bank_bytes
    # mW over MHz is nJ per cycle.
    static = static_milliwatt(on_chip, array_milliwatt(spec)) / spec.MHZ * 1e3
    return (
        *dram_entries(_DRAM),
        EnergyEntry("dram_w", "dram", dram(1), _DRAM, "byte"),
        EnergyEntry("cycles", "static", static, None, "leakage"),
    )


def array_milliwatt(spec: DadiannaoSpec) -> float:
    """Peak dynamic power of the PEs."""
    tree = adder_tree(spec.lanes, SUM) + add(SUM)
    picojoule = spec.warp_filters * (spec.lanes * mul(WORD, WORD) + tree)
    return picojoule * spec.MHZ * 1e-3 * NODE.energy
