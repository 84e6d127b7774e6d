"""toydot's machine: what `dot` computes, costs and counts."""

from spcc.isa.errors import TrapError
from spcc.runtime import base, window
from spcc.runtime.base_energy import dram_entries, pool_entry, ppu_entry
from spcc.runtime.energy import EnergyEntry, Rates
from spcc.runtime.energy_model import NODES, mac
from spcc.runtime.machine import BASE_UNITS, Cost, Machine, MemorySpec, State

from .isa import ISA, Dot, Geo, ToydotSpec

MACS = [EnergyEntry(f"mac_{n}", "compute", mac(16, 16, 32)) for n in ("effectual", "ineffectual")]


def memories(spec: ToydotSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs of the instruction set's table."""
    own = {"acc": "", "act": "dram_in", "wgt": "dram_wt"}
    return (*(MemorySpec(n, spec.CAP, stream=s) for n, s in own.items()), *base.ppu_memories(spec))


def dot_cost(state: State, inst: Dot) -> Cost:
    """Take M terms of one sum in a cycle; the sums wait in scratch for `dot`."""
    geo, K, rows, spec = state.register(Geo).values(), inst.K, inst.rows, state.spec
    if not 0 < 4 * K * rows * geo["OW"] <= spec.CAP:
        raise TrapError(f"acc cannot take {K} filters x {rows} rows x {geo['OW']} sums")
    band = window.read_band(state.memories["act"], 8 * inst.act, geo["C"], geo, inst.oy0, rows)
    columns = window.patches(band, geo, inst.oy0, rows)
    terms, positions = columns.shape
    wgt = state.memories["wgt"].read(8 * inst.wgt, 2 * K * terms)
    weights = wgt.view("<i2").reshape(K, terms)
    exact = base.round_shift(window.exact_sums(weights, columns), geo["psh"])
    state.scratch["sums"], saturated = base.saturate(exact, 32)
    counters = {**window.mac_counts(weights, columns), "saturated": saturated}
    return Cost(K * positions * -(-terms // spec.M), counters)


def dot(state: State, inst: Dot) -> None:
    """Write the sums."""
    state.memories["acc"].write(4 * inst.acc, state.scratch["sums"])


MACHINE = Machine(
    "toydot",
    ISA,
    ToydotSpec,
    units=(*BASE_UNITS, "mac"),
    memories=memories,
    semantics={**base.BASE_SEMANTICS, Geo: base.refuse_zero("pt", "pl", "psh"), Dot: dot},
    costs={**base.BASE_COSTS, Dot: dot_cost},
    energy=lambda spec: (*MACS, ppu_entry(NODES[45]), pool_entry(NODES[45]), *dram_entries()),
    rates=lambda spec: Rates(500, spec.M),
)
