"""SparTen's energy entries: the common model (energy sheet, sections 6 and 10)."""

from ...isa.targets.sparten import SpartenSpec
from ..base_energy import dram_entries, pool_entry, ppu_entry
from ..energy import EnergyEntry
from ..energy_model import (
    NODES,
    add,
    banked,
    crossbar,
    crossbar_mm2,
    dram,
    mac,
    mask_and,
    prefix_sum,
    priority_encoder,
    reg,
    rf,
    static_milliwatt,
)

NODE = NODES[28]
"""That of GoSPA, which SparTen is compared with at equal multipliers and clock."""
WORD = 16
SUM = 32


def entries(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    """What one count of each counter costs, in pJ; capacities follow the configuration."""
    return (*compute(spec), *logic(spec), *memories(spec), *rest(spec))


def compute(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    """Multipliers, the CU's running sum, the PPU."""
    return (
        EnergyEntry("macs_effectual", "compute", NODE.energy * mac(WORD, WORD, SUM), doc="MAC"),
        EnergyEntry("macs_effectual", "register", NODE.energy * reg(SUM), doc="a CU's running sum"),
        EnergyEntry("chunk_joins", "compute", NODE.energy * add(SUM), doc="addition to the psum"),
        ppu_entry(NODE),
        pool_entry(NODE),
    )


def logic(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    """Inner joins and the permutation network."""
    match = priority_encoder(spec.chunk) + 2 * prefix_sum(spec.chunk)
    area = crossbar_mm2(spec.set_filters, spec.set_filters, SUM)
    return (
        EnergyEntry("chunk_joins", "logic", NODE.energy * mask_and(spec.chunk), doc="mask AND"),
        EnergyEntry(
            "macs_effectual", "logic", NODE.energy * match, doc="encoder and two prefix sums"
        ),
        EnergyEntry(
            "perm_words", "logic", NODE.energy * crossbar(SUM, area), doc="permutation network"
        ),
    )


def memories(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    """Input, filter and psum memories, the CUs' input buffers, the output buffer."""

    def inputs(bits: int) -> float:
        return NODE.energy * banked(spec.clusters * spec.ibuf_bytes, spec.clusters, bits, NODE)

    def filters(bits: int) -> float:
        cus = spec.clusters * spec.cus
        return NODE.energy * banked(cus * spec.fbuf_bytes, cus, bits, NODE)

    # A CU buffers the chunk it joins and the next one; it has psums of two filters.
    buffer = NODE.energy * rf(2 * spec.chunk * WORD // 8, WORD)
    sums = NODE.energy * rf(2 * spec.pos_block * SUM // 8, SUM)
    output = NODE.energy * banked(spec.obuf_bytes, spec.clusters, SUM, NODE)
    return (
        EnergyEntry("in_mask_reads", "sram:ibuf", inputs(spec.chunk), doc="mask of a chunk"),
        EnergyEntry("in_value_reads", "sram:ibuf", inputs(WORD), doc="value"),
        EnergyEntry("cu_in_writes", "register", buffer, doc="value into a CU's buffer"),
        EnergyEntry("cu_in_reads", "register", buffer, doc="value of a match"),
        EnergyEntry("fmask_reads", "sram:fbuf", filters(spec.chunk), doc="mask of a chunk"),
        EnergyEntry("fval_reads", "sram:fbuf", filters(WORD), doc="value of a match"),
        EnergyEntry("chunk_joins", "sram:psum", 2 * sums, doc="read and write of a psum"),
        EnergyEntry("out_words", "sram:psum", sums, doc="read of a complete sum"),
        EnergyEntry("out_words", "sram:obuf", 2 * output, doc="write, and read by the PPU"),
    )


def rest(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    """DRAM and leakage."""
    cus = spec.clusters * spec.cus
    on_chip = spec.clusters * spec.ibuf_bytes + cus * spec.fbuf_bytes
    on_chip += cus * 2 * spec.pos_block * SUM // 8 + spec.obuf_bytes
    array = cus * mac(WORD, WORD, SUM) * NODE.energy * spec.MHZ * 1e-3
    # mW over MHz is nJ per cycle.
    static = static_milliwatt(on_chip, array) / spec.MHZ * 1e3
    return (
        *dram_entries(),
        EnergyEntry("dram_asg", "dram", dram(1), doc="byte of a set's table"),
        EnergyEntry("cycles", "static", static, doc="leakage"),
    )
