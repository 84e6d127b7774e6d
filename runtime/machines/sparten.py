"""SparTen's machine: its memories and what its instructions do and cost (sections 2 to 8)."""

from ...isa.encoding import Instruction
from ...isa.targets.sparten import (
    ISA,
    PER_CHUNK,
    Asg,
    Cfg,
    Drn,
    Lda,
    Ldf,
    Ldr,
    Map,
    Run,
    SpartenSpec,
    Sto,
)
from ...isa.targets.sparten_shape import Shape
from ..base import (
    BASE_COSTS,
    BASE_SEMANTICS,
    one_cycle,
    ppu_memories,
    refuse_others,
    refuse_zero,
    require,
)
from ..energy import EnergyEntry, Rates
from ..machine import BASE_UNITS, CostRule, Machine, MemorySpec, Semantics, State
from .sparten_moves import (
    asg,
    asg_cost,
    lda,
    lda_cost,
    ldf,
    ldf_cost,
    ldr,
    ldr_cost,
    sto,
    sto_cost,
)
from .sparten_run import drn, drn_cost, run, run_cost


def memories(spec: SpartenSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs; all but the output buffer and the PPU's belong to the clusters.

    `ibuf`, `fbuf`: records, two halves per cluster; `asg`: tables, for each half of the filter
    memories; `psum`: sums, two banks per cluster.
    """
    shape = Shape.of(spec)
    cus = spec.clusters * spec.cus
    return (
        MemorySpec("obuf", spec.obuf_bytes, banks=spec.clusters, width_bits=32),
        MemorySpec("ibuf", shape.memory_bytes("ibuf"), banks=spec.clusters, width_bits=spec.chunk),
        MemorySpec("fbuf", shape.memory_bytes("fbuf"), banks=cus, width_bits=spec.chunk),
        MemorySpec("asg", shape.memory_bytes("asg"), banks=spec.clusters, width_bits=8),
        MemorySpec("psum", shape.memory_bytes("psum"), banks=cus, width_bits=32),
        *ppu_memories(spec),
    )


_refuse_zero = refuse_zero("pt", "pl", "gb")


def check_cfg(state: State, inst: Instruction) -> None:
    """Refuse a geometry that the clusters cannot take."""
    _refuse_zero(state, inst)
    fields, spec = inst.values(), state.spec
    chunks = -(-fields["cg"] // spec.chunk)
    require(
        fields["nc"] == chunks, f"nc={fields['nc']}, but cg={fields['cg']} make {chunks} chunks"
    )
    require(fields["gb"] <= PER_CHUNK, f"gb={fields['gb']} is none of 0, 1, 2")
    require(
        spec.clusters % fields["as"] == 0,
        f"as={fields['as']} does not divide the {spec.clusters} clusters",
    )


SEMANTICS: dict[type[Instruction], Semantics] = {
    **BASE_SEMANTICS,
    Shape: refuse_others(Shape.of),
    Cfg: check_cfg,
    Map: refuse_zero(),
    Lda: lda,
    Asg: asg,
    Ldf: ldf,
    Run: run,
    Drn: drn,
    Sto: sto,
    Ldr: ldr,
}
COSTS: dict[type[Instruction], CostRule] = {
    **BASE_COSTS,
    Cfg: one_cycle,
    Map: one_cycle,
    Lda: lda_cost,
    Asg: asg_cost,
    Ldf: ldf_cost,
    Run: run_cost,
    Drn: drn_cost,
    Sto: sto_cost,
    Ldr: ldr_cost,
}


def _rates(spec: SpartenSpec) -> Rates:
    return Rates(spec.MHZ, spec.clusters * spec.cus)


def _energy(spec: SpartenSpec) -> tuple[EnergyEntry, ...]:
    from .sparten_energy import entries

    return entries(spec)


MACHINE = Machine(
    "sparten",
    ISA,
    SpartenSpec,
    units=(*BASE_UNITS, "cl", "drn"),
    memories=memories,
    semantics=SEMANTICS,
    costs=COSTS,
    energy=_energy,
    rates=_rates,
    timed_units=("cl",),
    times_configuration=False,
)
"""The machine of target `sparten`."""
