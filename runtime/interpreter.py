"""The interpreter: executes a program's instructions in order and keeps the time of every unit.

Values follow program order; time follows the machine. Instruction i is dispatched in cycle i (later
after a host call), starts when its unit is free and its tokens are there, and signals when it ends.
An instruction that would overtake an earlier one on the same bytes is a hazard and traps, so values
and time never disagree.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..isa.base import Halt, Host
from ..isa.encoding import Instruction
from ..isa.errors import TrapError
from ..isa.footprint import Region
from ..isa.program import Program
from ..isa.verify import check_lines
from .accounting import LayerAccount, Timeline, Window, windows
from .hazards import Conflict, Hazards
from .machine import Cost, Machine, State
from .memory import Dram
from .semaphores import Semaphores, Token, deadlock

Progress = Callable[[int, int, str], None]
"""Told from time to time: instructions done, instructions in all, name of the layer at work."""
HostCall = Callable[[int, Dram], Mapping[str, int]]
"""Runs a fragment, by index, on the DRAM image; returns counters."""

PROGRESS_EVERY = 256


@dataclass(frozen=True)
class Execution:
    """What one run did, in cycles.

    Args:
        total_cycles: From cycle 0 to the end of the last instruction.
        layers: Per layer of the program, and a last one for instructions of no layer.
        windows: The time of the run cut at the layers' ends; as long as `layers`.
        starts: int64, start cycle per instruction.
        ends: int64, end cycle per instruction.
    """

    total_cycles: int
    layers: list[LayerAccount]
    windows: list[Window]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """How to run.

    Args:
        max_cycles: Trap when an instruction ends later than this; None: no limit.
        host: What executes host calls; None: a host call traps.
        on_layer: Called with a layer's index and the machine right after its last instruction
            executed; its output is then in place, and may be overwritten by the next one.
        progress: See `Progress`.
        on_cost: Called with an instruction's pc and what it cost; configuration is left out.
    """

    max_cycles: int | None = None
    host: HostCall | None = None
    on_layer: Callable[[int, State], None] | None = None
    progress: Progress | None = None
    on_cost: Callable[[int, Cost], None] | None = None


class Interpreter:
    """A program made ready for a machine; can be run many times.

    Raises:
        ProgramError: A word is not legal, the configuration is not the machine's, or the lines do
            not match the text.
    """

    def __init__(self, machine: Machine, program: Program) -> None:
        self.machine = machine
        self.program = program
        self.spec = program.spec(machine.spec_type)
        self.instructions = program.instructions(machine.isa)
        check_lines(program.lines, len(self.instructions), len(program.layers))
        none = len(program.layers)
        self.layer_of: list[int] = np.minimum(program.lines, none).tolist()
        self.queues = [inst.queue for inst in self.instructions]
        self.last_pc = {unit: pc for pc, unit in enumerate(self.queues)}
        self.done_at = self._layer_ends()

    def run(self, dram: Dram, options: Options | None = None) -> Execution:
        """Execute the program on a DRAM image.

        Raises:
            TrapError: An illegal access, operand or order; a hazard, a deadlock, too many cycles.
        """
        return _Run(self, dram, options or Options()).execute()

    def layer_name(self, pc: int) -> str:
        """Name of an instruction's layer; "" if it belongs to none."""
        layer = self.program.layer_of(pc)
        return layer.name if layer else ""

    def describe(self, pc: int) -> str:
        """An instruction in an error's words."""
        name = self.layer_name(pc)
        layer = f" of layer '{name}'" if name else ""
        return f"{self.instructions[pc].mnemonic} at pc {pc}{layer}"

    def _layer_ends(self) -> dict[int, list[int]]:
        """Layers by the pc after which their output is complete (-1: from the start).

        A layer without instructions (a view of another's bytes) is complete with those before it.
        """
        last = {layer: pc for pc, layer in enumerate(self.layer_of)}
        done: dict[int, list[int]] = defaultdict(list)
        latest = -1
        for layer in range(len(self.program.layers)):
            latest = max(latest, last.get(layer, -1))
            done[last.get(layer, latest)].append(layer)
        return done


class _Run:
    """The state of one run."""

    def __init__(self, interpreter: Interpreter, dram: Dram, options: Options) -> None:
        machine = interpreter.machine
        self.interpreter = interpreter
        self.options = options
        self.machine = machine
        self.state = machine.new_state(interpreter.spec, dram)
        self.log = dram.log
        self.timelines = {unit: Timeline() for unit in machine.units}
        self.semaphores = Semaphores()
        self.hazards = Hazards()
        self.accounts = [LayerAccount() for _ in range(len(interpreter.program.layers) + 1)]
        self.late = 0
        """Cycles by which host calls have put off dispatch."""
        self.cycle = 0
        self.starts: list[int] = []
        self.ends: list[int] = []

    def execute(self) -> Execution:
        """Run from the first instruction to `halt`."""
        self._layers_done(-1)
        pc = 0
        try:
            for pc, inst in enumerate(self.interpreter.instructions):
                if pc % PROGRESS_EVERY == 0:
                    self._tell(pc)
                self._step(pc, inst)
                if pc in self.interpreter.done_at:
                    self._layers_done(pc)
        except TrapError as error:
            raise self._located(error, pc) from error
        instructions = self.interpreter.instructions
        if not instructions or not isinstance(instructions[-1], Halt):
            raise TrapError("the program has no halt at its end", f"pc {len(instructions)}")
        self._tell(len(instructions))
        return self._result()

    def _step(self, pc: int, inst: Instruction) -> None:
        token = self._take_tokens(pc, inst) if inst.wait else None
        unit = self.interpreter.queues[pc]
        if unit == "host":
            start = end = self._host(pc, inst)
        else:
            timeline = self.timelines[unit]
            self.cycle = start = timeline.start(pc + self.late, token)
            end = start
            account = self.accounts[self.interpreter.layer_of[pc]]
            if inst.is_config:
                end = timeline.work(self._configure(inst, unit, account))
            else:
                end = timeline.work(self._compute(pc, inst, unit, account))
                self._guard(pc, unit, start, end)
        if inst.signal:
            self.semaphores.signal(inst.signal, end, unit, pc)
        self._finish(pc, start, end)

    def _configure(self, inst: Instruction, unit: str, account: LayerAccount) -> int:
        """Set the registers; the cycles it takes, 0 unless the machine says otherwise."""
        check = self.machine.semantics.get(type(inst))
        if check:
            check(self.state, inst)
        self.state.registers[inst.register] = inst
        rule = self.machine.costs.get(type(inst))
        if rule is None:
            return 0
        self.log.clear()
        cost = rule(self.state, inst)
        self.state.scratch.clear()
        account.add(unit, cost, self.log)
        account.configuration_cycles[unit] += cost.cycles
        return cost.cycles

    def _compute(self, pc: int, inst: Instruction, unit: str, account: LayerAccount) -> int:
        """Execute an instruction's cost rule and semantics; its cycles."""
        self.log.clear()
        kind = type(inst)
        cost = self.machine.costs[kind](self.state, inst)
        self.machine.semantics[kind](self.state, inst)
        self.state.scratch.clear()
        assert cost.cycles >= 0, f"cost rule of {inst.mnemonic} at pc {pc} returned {cost.cycles}"
        account.add(unit, cost, self.log)
        if self.options.on_cost:
            self.options.on_cost(pc, cost)
        return cost.cycles

    def _guard(self, pc: int, unit: str, start: int, end: int) -> None:
        """Trap on a hazard, else note what the instruction touched until its end."""
        conflict = self.hazards.check(self.log, unit, start)
        if conflict:
            raise self._hazard(conflict, pc, start)
        self.hazards.add(self.log, unit, end, pc)
        if self.hazards.is_full:
            dispatch = pc + self.late
            last = self.interpreter.last_pc
            self.hazards.forget(
                min(
                    (
                        max(t.free, dispatch)
                        for u, t in self.timelines.items()
                        if last.get(u, 0) > pc
                    ),
                    default=end,
                )
            )

    def _finish(self, pc: int, start: int, end: int) -> None:
        limit = self.options.max_cycles
        if limit is not None and end > limit:
            raise TrapError(
                f"ends in cycle {end}, past the limit of {limit}", hint="raise max_cycles"
            )
        self.starts.append(start)
        self.ends.append(end)
        account = self.accounts[self.interpreter.layer_of[pc]]
        account.instruction_count += 1
        account.last_end = max(account.last_end, end)

    def _take_tokens(self, pc: int, inst: Instruction) -> Token | None:
        lacking = self.semaphores.lacking(inst.wait)
        if lacking:
            raise deadlock(lacking, pc, self.interpreter.instructions)
        return self.semaphores.take(inst.wait)

    def _host(self, pc: int, inst: Instruction) -> int:
        """Wait until every unit is free, then call the host or stop; the cycle."""
        dispatch = pc + self.late
        self.cycle = now = max(dispatch, *(line.free for line in self.timelines.values()))
        match inst:
            case Host():
                self._call(inst.values()["fragment"], pc)
                for line in self.timelines.values():
                    line.start(dispatch, None)
                    line.drain(now)
                self.hazards.clear()
                # The next instruction is dispatched one cycle after this one, but not before `now`.
                self.late += max(0, now - dispatch - 1)
            case _:
                if pc + 1 != len(self.interpreter.instructions):
                    raise TrapError("halt is not the last instruction")
        return now

    def _call(self, fragment: int, pc: int) -> None:
        if self.options.host is None:
            raise TrapError(f"host fragment {fragment} cannot run: there is no host")
        counters = self.options.host(fragment, self.state.dram)
        self.accounts[self.interpreter.layer_of[pc]].count(counters)

    def _layers_done(self, pc: int) -> None:
        if self.options.on_layer:
            for layer in self.interpreter.done_at.get(pc, ()):
                self.options.on_layer(layer, self.state)

    def _tell(self, pc: int) -> None:
        if self.options.progress:
            total = len(self.interpreter.instructions)
            self.options.progress(pc, total, self.interpreter.layer_name(pc))

    def _located(self, error: TrapError, pc: int) -> TrapError:
        """The same error with its place in the program."""
        place = f"{self.interpreter.describe(pc)}, cycle {self.cycle}"
        where = f"{place}: {error.where}" if error.where else place
        return TrapError(error.message, where, error.hint)

    def _hazard(self, conflict: Conflict, pc: int, start: int) -> TrapError:
        earlier = conflict.earlier
        verb = "reads" if conflict.kind == "RAW" else "writes"
        held = "read" if conflict.kind == "WAR" else "written"
        spare = set(self.interpreter.instructions[earlier.pc].signal)
        spare -= set(self.interpreter.instructions[pc].wait)
        here, there = self.interpreter.queues[pc], self.interpreter.queues[earlier.pc]
        hint = (
            f"a semaphore from {there} to {here} is missing: pc {earlier.pc} (or a later "
            f"instruction of {there}) must signal it, pc {pc} must wait for it"
        )
        if spare:
            hint += f"; pc {earlier.pc} signals {', '.join(map(str, sorted(spare)))}"
        return TrapError(
            f"{conflict.kind} hazard: {verb} {_extent(conflict.region)} from cycle {start} on, "
            f"while {_extent(earlier.region)} is {held} by {self.interpreter.describe(earlier.pc)} "
            f"until cycle {earlier.end}",
            hint=hint,
        )

    def _result(self) -> Execution:
        # `halt` waits for every unit, so its end is the run's.
        total = self.ends[-1]
        ends = [account.last_end for account in self.accounts[:-1]]
        return Execution(
            total,
            self.accounts,
            windows(self.timelines, ends, total),
            np.array(self.starts, np.int64),
            np.array(self.ends, np.int64),
        )


def _extent(region: Region) -> str:
    """A region in an error's words."""
    runs = f" in runs of {region.run}" if region.dims else ""
    return f"{region.memory}[{region.base}..{region.end - 1}]{runs}"
