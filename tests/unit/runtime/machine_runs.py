"""Instructions on a machine one by one, in the order in which the interpreter treats each."""

from spcc.isa.encoding import Instruction
from spcc.runtime.machine import Cost, Machine, State


def execute(machine: Machine, state: State, *instructions: Instruction) -> Cost:
    """Run instructions one after the other; the cost of the last, none if it is configuration."""
    cost = Cost(0)
    for inst in instructions:
        kind, cost = type(inst), Cost(0)
        if inst.is_config:
            machine.semantics.get(kind, lambda *_: None)(state, inst)
            state.registers[inst.register] = inst
            continue
        state.dram.log.clear()
        cost = machine.costs[kind](state, inst)
        machine.semantics[kind](state, inst)
        state.scratch.clear()
    return cost
