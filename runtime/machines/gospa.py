"""GoSPA's machine: its units, what its instructions do and cost (gospa sheet)."""

from ...isa.encoding import Instruction
from ...isa.targets.gospa import ISA, Cfg, Drn, GospaSpec, Lda, Ldw, Map, Run, Tile
from ..base import BASE_COSTS, BASE_SEMANTICS, one_cycle, refuse_zero
from ..energy import EnergyEntry, Rates
from ..machine import BASE_UNITS, CostRule, Machine, Semantics
from .gospa_memories import memories
from .gospa_moves import lda, lda_cost, ldw, ldw_cost
from .gospa_run import check_cfg, drn, drn_cost, run, run_cost

SEMANTICS: dict[type[Instruction], Semantics] = {
    **BASE_SEMANTICS,
    Cfg: check_cfg,
    Tile: refuse_zero("rs", "bh", "bw", "oh", "ow"),
    Lda: lda,
    Ldw: ldw,
    Run: run,
    Drn: drn,
}
COSTS: dict[type[Instruction], CostRule] = {
    **BASE_COSTS,
    Map: one_cycle,
    Cfg: one_cycle,
    Tile: one_cycle,
    Lda: lda_cost,
    Ldw: ldw_cost,
    Run: run_cost,
    Drn: drn_cost,
}


def _rates(spec: GospaSpec) -> Rates:
    return Rates(spec.MHZ, spec.n_apu * spec.cols)


def _energy(spec: GospaSpec) -> tuple[EnergyEntry, ...]:
    from .gospa_energy import entries

    return entries(spec)


MACHINE = Machine(
    "gospa",
    ISA,
    GospaSpec,
    units=(*BASE_UNITS, "pe", "drn"),
    memories=memories,
    semantics=SEMANTICS,
    costs=COSTS,
    energy=_energy,
    rates=_rates,
    timed_units=("pe",),
    times_configuration=False,
)
"""The machine of target `gospa`."""
