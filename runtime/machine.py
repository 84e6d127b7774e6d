"""What a simulated machine consists of: memories, state, what its instructions do and cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..isa.base import BaseSpec, Halt, Host, Ppu
from ..isa.encoding import Instruction, InstructionSet, Registers
from ..isa.errors import TrapError
from .energy import EnergyEntry, Rates
from .memory import AccessLog, Dram, Memory

BASE_UNITS = ("ld", "st", "ppu")
"""The units every machine has; all others are compute units."""


class MemorySpec(NamedTuple):
    """An SRAM's numbers.

    Args:
        name: Its name, in the instruction set's table of memories if `ld` and `st` can address it.
        capacity_bytes: Its size, all banks together.
        banks: How many banks share that capacity.
        width_bits: Bits of one access of one bank.
        stream: The counter of DRAM bytes that an `ld` into this memory feeds; "" if none can.
    """

    name: str
    capacity_bytes: int
    banks: int = 1
    width_bits: int = 16
    stream: str = ""


_NONE: Mapping[str, int] = {}


class Cost(NamedTuple):
    """What executing one instruction costs.

    Args:
        cycles: How long its unit is busy.
        counters: Increments of the layer's counters, under the target sheet's names.
        busy: Busy cycles inside the unit, by part; added to the counters under these names.
        stalls: Stall cycles inside the unit, by cause; added to the counters under these names.
    """

    cycles: int
    counters: Mapping[str, int] = _NONE
    busy: Mapping[str, int] = _NONE
    stalls: Mapping[str, int] = _NONE


@dataclass
class State:
    """Everything that changes while a program runs.

    Args:
        spec: The machine's parameters, as in the program.
        memories: SRAMs by name.
        registers: The last configuration instruction by its `register` key.
        scratch: Notes that a cost rule leaves for the semantics; emptied after each instruction.
        cache: What rules derived from bytes and may derive again; its users compare the bytes.
        dram: The DRAM image.
        table: Names of the memories that instructions address by index; all of them if not given.
    """

    spec: Any
    memories: dict[str, Memory]
    registers: Registers = field(default_factory=dict[Any, Instruction])
    scratch: dict[str, Any] = field(default_factory=dict[str, Any])
    cache: dict[Any, Any] = field(default_factory=dict[Any, Any])
    dram: Dram = field(default_factory=lambda: Dram(np.empty(0, np.uint8), 0))
    table: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.table = self.table or tuple(self.memories)

    def memory(self, index: int) -> Memory:
        """The SRAM that an instruction addresses by index.

        Raises:
            TrapError: There is none of that index.
        """
        if not 0 <= index < len(self.table):
            raise TrapError(
                f"memory {index} does not exist", hint=f"the memories are {', '.join(self.table)}"
            )
        return self.memories[self.table[index]]

    def holder(self, name: str) -> Memory | Dram:
        """The SRAM of that name, or the DRAM image.

        Raises:
            TrapError: There is none of that name.
        """
        if name == self.dram.name:
            return self.dram
        if name not in self.memories:
            known = ", ".join((self.dram.name, *self.memories))
            raise TrapError(f"memory '{name}' does not exist", hint=f"the memories are {known}")
        return self.memories[name]

    def register(self, cls: type[Instruction]) -> Any:
        """The last configuration instruction of a class that is its own register key.

        Raises:
            TrapError: The program has not set it yet.
        """
        inst = self.registers.get(cls)
        if inst is None:
            raise TrapError(
                f"the registers of {cls.mnemonic} are not set",
                hint=f"a {cls.mnemonic} instruction must come first",
            )
        return inst


Semantics = Callable[[State, Any], None]
"""What an instruction does, right after its cost rule; of configuration: its check."""
CostRule = Callable[[State, Any], Cost]
"""When: may look at the state, changes nothing but `scratch`, where the semantics find its work."""


@dataclass(frozen=True)
class Machine:
    """A target's machine as one declared thing.

    Args:
        name: The target's name.
        isa: Its instruction set.
        spec_type: The type of its parameters.
        units: Its units: "ld", "st", "ppu" and the compute units, in the order of reports.
        memories: The SRAMs of a machine of given parameters; one for each name of the instruction
            set's table, more if reports or energy need them.
        semantics: What each instruction does, by class. Configuration instructions need no entry;
            one that has an entry is checked by it before its registers are set.
        costs: What each instruction costs, by class. A configuration instruction without an entry
            takes 0 cycles; the rule of one with an entry sees its registers already set.
        energy: The energy entries of a machine of given parameters.
        rates: Its clock and its multipliers.
        timed_units: The compute units whose cycles are a layer's when DRAM is unlimited; all of
            them if not given. A unit that works beside them (a drain) is left out.
        times_configuration: Whether cycles of configuration instructions are a layer's too.
        figures: Ratios that follow from a layer's counters, or from those of all; one that is
            undefined (0 / 0) is left out.
    """

    name: str
    isa: InstructionSet
    spec_type: type[BaseSpec]
    units: tuple[str, ...]
    memories: Callable[[Any], tuple[MemorySpec, ...]]
    semantics: Mapping[type[Instruction], Semantics]
    costs: Mapping[type[Instruction], CostRule]
    energy: Callable[[Any], tuple[EnergyEntry, ...]] = lambda _: ()
    rates: Callable[[Any], Rates] = lambda _: Rates(1000, 1)
    timed_units: tuple[str, ...] = ()
    times_configuration: bool = True
    figures: Callable[[Mapping[str, int]], dict[str, float]] = lambda _: {}

    def __post_init__(self) -> None:
        table = self.isa.symbols.get("memories", ())
        if Ppu in self.isa.instructions and not {"pbuf", "bbuf"} <= set(table[1:]):
            raise TypeError(
                f"machine {self.name} lacks a memory of the PPU: the instruction set's table holds "
                "the accumulators first, and somewhere behind them pbuf and bbuf"
            )
        for unit in self.timed_units:
            if unit not in self.compute_units:
                raise TypeError(f"machine {self.name} has no compute unit {unit} to be timed")
        for cls in self.isa.instructions:
            if cls in (Host, Halt):
                continue
            if cls.unit not in self.units:
                raise TypeError(f"machine {self.name} has no unit {cls.unit} for {cls.mnemonic}")
            if not cls.is_config and (cls not in self.semantics or cls not in self.costs):
                raise TypeError(f"machine {self.name} has no semantics or cost for {cls.mnemonic}")

    @property
    def compute_units(self) -> tuple[str, ...]:
        """The target's own units."""
        return tuple(unit for unit in self.units if unit not in BASE_UNITS)

    @property
    def layer_units(self) -> tuple[str, ...]:
        """The units whose cycles are a layer's when DRAM is unlimited."""
        return self.timed_units or self.compute_units

    def new_state(self, spec: BaseSpec, dram: Dram | None = None) -> State:
        """A machine at rest: SRAMs of zeros, no register set; all memories share the DRAM's log."""
        log = dram.log if dram else AccessLog()
        memories = {
            m.name: Memory(m.name, m.capacity_bytes, m.stream, log) for m in self.memories(spec)
        }
        missing = [name for name in self.isa.symbols["memories"] if name not in memories]
        if missing:
            raise TypeError(f"machine {self.name} has no memory {', '.join(missing)}")
        dram = dram or Dram(np.empty(0, np.uint8), 0, log)
        return State(spec, memories, dram=dram, table=self.isa.symbols["memories"])
