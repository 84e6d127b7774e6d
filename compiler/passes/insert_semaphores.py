"""Order the units: give every dependency between two of them a semaphore.

Units take their own instructions in order, so only dependencies between units matter. One
counting semaphore serves each ordered pair of units: tokens are sent and taken in program order,
and a dependency that an earlier token already covers needs none. The interpreter checks the outcome
on the bytes really touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.encoding import SELF_DELIMITING, Instruction, InstructionSet, Region
from ...isa.errors import PassError
from ..context import target_of
from ..dialects.target import InstructionOp

_RECENT = 64
"""How many accesses back the write of a self-delimiting region is looked for."""
_MOST_TOKENS = 3
"""Slots for waits, and for signals, in one instruction word."""


@dataclass(frozen=True)
class InsertSemaphoresPass(ModulePass):
    """Replace all semaphores by what the footprints need.

    Requires instructions in program order.
    """

    name = "insert-semaphores"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Find the dependencies of the whole program."""
        target, _ = target_of(ctx, op)
        instructions = [o for o in op.ops if isinstance(o, InstructionOp)]
        plain = [o.to_instruction() for o in instructions]
        for here, (wait, signal) in zip(instructions, tokens(target.isa, plain), strict=True):
            here.set_semaphores(wait, signal)


@dataclass
class _History:
    """Who touched what so far, per (memory, unit) in program order.

    An entry is (index, base, end, region, wrote).
    """

    touched: defaultdict[tuple[str, str], list[tuple[int, int, int, Region, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def note(self, index: int, unit: str, regions: Iterable[Region], is_write: bool) -> None:
        for region in regions:
            entry = (index, region.base, region.end, region, is_write)
            self.touched[str(region.memory), unit].append(entry)

    def resolve(self, region: Region) -> Region:
        """Give a self-delimiting region the extent of what was last written from its base on."""
        if region.run != SELF_DELIMITING:
            return region
        writes = [
            (index, other)
            for (memory, _), entries in self.touched.items()
            if memory == region.memory
            for index, low, _, other, wrote in reversed(entries[-_RECENT:])
            if wrote and low == region.base
        ]
        return max(writes)[1] if writes else region._replace(run=1)

    def last_conflict(self, region: Region, unit: str, is_write: bool, known: int) -> int:
        """The last instruction of a unit, after `known`, that conflicts with an access, or -1."""
        base, end = region.base, region.end
        for index, low, high, other, wrote in reversed(
            self.touched.get((str(region.memory), unit), ())
        ):
            if index <= known:
                break
            if low < end and base < high and (is_write or wrote) and region.overlaps(other):
                return index
        return -1


def tokens(isa: InstructionSet, program: list[Instruction]) -> list[tuple[list[int], list[int]]]:
    """Semaphores to wait on and to signal for every instruction.

    Raises:
        PassError: An instruction depends on more units than a word has slots.
    """
    units = list(dict.fromkeys(cls.unit for cls in isa.instructions if cls.unit != "host"))
    pairs = [(a, b) for a in units for b in units if a != b]
    numbers = {pair: number for number, pair in enumerate(pairs, start=1)}
    result: list[tuple[list[int], list[int]]] = [([], []) for _ in program]
    registers: dict[Any, Instruction] = {}
    history, covered = _History(), dict.fromkeys(pairs, -1)
    for index, instruction in enumerate(program):
        if instruction.unit not in units:
            # `host` drains the machine: nothing before it is pending.
            history, covered = _History(), dict.fromkeys(pairs, -1)
            continue
        if instruction.is_config:
            registers[instruction.register] = instruction
            continue
        unit, (reads, writes) = instruction.queue, isa.footprint(instruction, registers)
        reads = tuple(map(history.resolve, reads))
        for other in units:
            if other == unit:
                continue
            known = covered[other, unit]
            found = [history.last_conflict(r, other, False, known) for r in reads]
            found += [history.last_conflict(r, other, True, known) for r in writes]
            if (last := max(found, default=-1)) > known:
                covered[other, unit] = last
                result[last][1].append(numbers[other, unit])
                result[index][0].append(numbers[other, unit])
        history.note(index, unit, reads, False)
        history.note(index, unit, writes, True)
    for index, (wait, signal) in enumerate(result):
        if max(len(wait), len(signal)) > _MOST_TOKENS:
            raise PassError(
                f"instruction {index} needs more than {_MOST_TOKENS} semaphores",
                "insert-semaphores",
            )
    return result
