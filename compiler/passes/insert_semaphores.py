"""Order the units: give every dependency between two of them a semaphore.

Units take their own instructions in order, so only dependencies between units matter. One
counting semaphore serves each ordered pair of units: tokens are sent and taken in program order,
and a dependency that an earlier token already covers needs none. The interpreter checks the outcome
on the bytes really touched.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from sys import maxsize
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.encoding import Instruction, InstructionSet
from ...isa.errors import PassError
from ...isa.footprint import SELF_DELIMITING, Region
from ..context import target_of
from ..dialects.target import InstructionOp

Regions = tuple[Region, ...]

_RECENT = 64
"""How many writes back the one of a self-delimiting region is looked for."""
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
class _Track:
    """What one unit read, or wrote, in one memory, in program order: (index, base, end, region)."""

    entries: list[tuple[int, int, int, Region]] = field(
        default_factory=list[tuple[int, int, int, Region]]
    )
    low: int = maxsize
    high: int = 0

    def note(self, index: int, base: int, end: int, region: Region) -> None:
        self.entries.append((index, base, end, region))
        if base < self.low:
            self.low = base
        if end > self.high:
            self.high = end

    def last_conflict(self, base: int, end: int, region: Region, known: int) -> int:
        """The last instruction after `known` that touched bytes of a region, else `known`."""
        if base >= self.high or end <= self.low:
            return known
        for index, low, high, other in reversed(self.entries):
            if index <= known:
                break
            if low < end and base < high and region.overlaps(other):
                return index
        return known


_Tracks = defaultdict[str | int, dict[str, _Track]]
"""By memory, then by unit."""


@dataclass
class _History:
    """Who touched what so far."""

    reads: _Tracks = field(default_factory=lambda: defaultdict(dict))
    writes: _Tracks = field(default_factory=lambda: defaultdict(dict))

    def note(self, index: int, unit: str, reads: Regions, writes: Regions) -> None:
        for tracks, regions in ((self.reads, reads), (self.writes, writes)):
            for region in regions:
                mine = tracks[region.memory]
                if unit not in mine:
                    mine[unit] = _Track()
                mine[unit].note(index, region.base, region.end, region)

    def resolve(self, region: Region) -> Region:
        """Give a self-delimiting region the extent of what was last written from its base on."""
        if region.run != SELF_DELIMITING:
            return region
        writes = [
            (index, other)
            for track in self.writes[region.memory].values()
            for index, low, _, other in track.entries[-_RECENT:]
            if low == region.base
        ]
        return max(writes)[1] if writes else region._replace(run=1)

    def conflicts(
        self, unit: str, reads: Regions, writes: Regions, covered: dict[str, int]
    ) -> dict[str, int]:
        """The last instruction of each other unit in the way of an access, if not yet covered.

        Args:
            unit: Whose access it is.
            reads: What it reads.
            writes: What it writes.
            covered: By unit, the last instruction that this one waits for anyway.
        """
        found: dict[str, int] = {}
        for tracks, regions in ((self.writes, reads), (self.writes, writes), (self.reads, writes)):
            for region in regions:
                base, end = region.base, region.end
                for other, track in tracks[region.memory].items():
                    if other != unit:
                        known = found.get(other, covered[other])
                        last = track.last_conflict(base, end, region, known)
                        if last > known:
                            found[other] = last
        return found


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
    history, covered = _History(), {unit: dict.fromkeys(units, -1) for unit in units}
    for index, instruction in enumerate(program):
        if instruction.unit not in units:
            # `host` drains the machine: nothing before it is pending.
            history, covered = _History(), {unit: dict.fromkeys(units, -1) for unit in units}
            continue
        if instruction.is_config:
            registers[instruction.register] = instruction
            continue
        unit, (reads, writes) = instruction.queue, isa.footprint(instruction, registers)
        reads = tuple(map(history.resolve, reads))
        found = history.conflicts(unit, reads, writes, covered[unit])
        for other in units:
            if (last := found.get(other)) is not None:
                covered[unit][other] = last
                result[last][1].append(numbers[other, unit])
                result[index][0].append(numbers[other, unit])
        history.note(index, unit, reads, writes)
    for index, (wait, signal) in enumerate(result):
        if max(len(wait), len(signal)) > _MOST_TOKENS:
            raise PassError(
                f"instruction {index} needs more than {_MOST_TOKENS} semaphores",
                "insert-semaphores",
            )
    return result
