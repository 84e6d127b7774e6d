"""GoSPA's energy entries: the common model at 28 nm (gospa sheet, sections 8 and 11)."""

from ...isa.targets.gospa import GospaSpec
from ..base_energy import dram_entries, pool_entry, ppu_entry
from ..energy import EnergyEntry
from ..energy_model import NODES, add, banked, dram, mac, rf, sram, static_milliwatt

NODE = NODES[28]
"""The paper's speed, power and area are 28 nm ones."""
WORD, SUM = 16, 32
"""Width of operands and of accumulators, in bits."""
BUFFER_BITS = 64
"""Width of the activation buffer."""
ENTRY_BITS = 28
"""Of the ring: a value of 16 bits and a box coordinate of 12."""
FILTER_BYTES = 64
"""The register file in which a static sparsity filter is looked up."""


def entries(spec: GospaSpec) -> tuple[EnergyEntry, ...]:
    """What one count of each counter costs, in pJ; bank capacities follow the configuration."""
    return (*_compute(spec), *_memories(spec), *_logic(), *_rest(spec))


def _compute(spec: GospaSpec) -> tuple[EnergyEntry, ...]:
    return (
        EnergyEntry("macs_effectual", "compute", NODE.energy * _mac(), None, "16 x 16 MAC"),
        ppu_entry(NODE),
        pool_entry(NODE),
        *(
            EnergyEntry(name, "register", NODE.energy * _sum(spec), None, "accumulator")
            for name in ("acc_reads", "acc_writes", "drain_words")
        ),
    )


def _mac() -> float:
    return mac(WORD, WORD, SUM)


def _sum(spec: GospaSpec) -> float:
    """Read or write of one of the accumulators of a PE's bank."""
    return rf(spec.acc_entries * SUM / 8, SUM)


def _ring_bytes(spec: GospaSpec) -> float:
    return spec.ring_entries * ENTRY_BITS / 8


def _memories(spec: GospaSpec) -> tuple[EnergyEntry, ...]:
    pes = spec.n_apu * spec.cols
    buffer = NODE.energy * banked(4 * spec.n_apu * spec.act_half, 2 * spec.n_apu, BUFFER_BITS, NODE)
    weights = NODE.energy * banked(4 * pes * spec.w_half, pes, WORD, NODE)
    ring = NODE.energy * sram(_ring_bytes(spec), ENTRY_BITS)
    return (
        EnergyEntry("act_words_bitmap", "sram:act", buffer, None, "64 bits of box bitmap"),
        EnergyEntry("act_words_value", "sram:act", buffer, None, "4 activations"),
        EnergyEntry("wmem_reads", "sram:wmem", weights, None, "weight"),
        EnergyEntry("wbm_reads", "sram:wmem", weights, None, "weight bitmap"),
        EnergyEntry("ring_writes", "sram:ring", ring, None, "activation and its coordinate"),
        EnergyEntry("ring_reads", "sram:ring", ring, None, "activation and its coordinate"),
    )


def _logic() -> tuple[EnergyEntry, ...]:
    pair = NODE.energy * (2 * add(8) + rf(FILTER_BYTES, WORD))
    doc = "CID and PID, look-up in the static sparsity filter"
    return (EnergyEntry("pairs_generated", "logic", pair, None, doc),)


def _rest(spec: GospaSpec) -> tuple[EnergyEntry, ...]:
    pes = spec.n_apu * spec.cols
    on_chip = 4 * spec.n_apu * spec.act_half + 4 * pes * spec.w_half
    on_chip += spec.n_apu * _ring_bytes(spec) + pes * 2 * spec.acc_entries * SUM / 8
    # mW over MHz is nJ per cycle.
    static = static_milliwatt(on_chip, array_milliwatt(spec)) / spec.MHZ * 1e3
    return (
        *dram_entries(),
        EnergyEntry("dram_weight_bytes", "dram", dram(1), None, "byte"),
        EnergyEntry("dram_act_bytes", "dram", dram(1), None, "byte"),
        EnergyEntry("cycles", "static", static, None, "leakage"),
    )


def array_milliwatt(spec: GospaSpec) -> float:
    """Peak dynamic power of the PEs: a MAC and an accumulator's update each."""
    picojoule = spec.n_apu * spec.cols * (_mac() + 2 * _sum(spec))
    return picojoule * spec.MHZ * 1e-3 * NODE.energy
