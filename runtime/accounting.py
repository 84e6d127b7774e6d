"""Where the cycles of a run went: per unit and per layer, busy + stall + idle = total."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .machine import Cost
from .memory import AccessLog
from .semaphores import Token

Cycles = npt.NDArray[np.int64]
"""Cycle numbers or counts."""


class Segments:
    """Stretches of time of one unit, in order and without overlap."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Append the cycles start..end-1."""
        if end > start:
            self.starts.append(start)
            self.ends.append(end)

    def within(self, boundaries: Cycles) -> Cycles:
        """How many of the cycles lie in each window between neighbouring boundaries."""
        starts, ends = np.array(self.starts, np.int64), np.array(self.ends, np.int64)
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(ends - starts)))
        begun = np.searchsorted(starts, boundaries, side="right")
        # Of the last stretch that has begun, what lies after the boundary does not count yet.
        last_end = np.concatenate((np.zeros(1, np.int64), ends))[begun]
        return np.diff(before[begun] - np.maximum(last_end - boundaries, 0))


class Timeline:
    """One unit's time so far: when it is free, when it was busy, and why it stood still.

    Stall causes: "dispatch" (its next instruction had not been dispatched yet), "semaphore" (it
    had, and waited for a token), "host" (the machine was drained for a host call). `waits` splits
    the semaphore stalls by the unit that signalled.
    """

    def __init__(self) -> None:
        self.free = 0
        self.busy = Segments()
        self.stalls: dict[str, Segments] = defaultdict(Segments)
        self.waits: dict[str, Segments] = defaultdict(Segments)

    def start(self, dispatch: int, token: Token | None) -> int:
        """Start the next instruction; the cycle, given its dispatch and the token it waited for."""
        if dispatch > self.free:
            self.stalls["dispatch"].add(self.free, dispatch)
            self.free = dispatch
        if token is not None and token.cycle > self.free:
            self.stalls["semaphore"].add(self.free, token.cycle)
            self.waits[token.unit].add(self.free, token.cycle)
            self.free = token.cycle
        return self.free

    def work(self, cycles: int) -> int:
        """Be busy with the instruction just started; the cycle it ends."""
        self.busy.add(self.free, self.free + cycles)
        self.free += cycles
        return self.free

    def drain(self, cycle: int) -> None:
        """Stand still until `cycle`, for a host call."""
        self.stalls["host"].add(self.free, cycle)
        self.free = max(self.free, cycle)


@dataclass
class LayerAccount:
    """What one layer's instructions did.

    Args:
        instruction_count: How many there were.
        unit_cycles: Cycles of its instructions by unit, whenever they ran.
        configuration_cycles: Those of them that configuration instructions took.
        last_end: Cycle at which the last of them ended.
        counters: The sheet's counters, summed.
        read_bytes: Bytes its instructions read, by SRAM.
        written_bytes: Bytes they wrote, by SRAM.
    """

    instruction_count: int = 0
    unit_cycles: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    configuration_cycles: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    last_end: int = 0
    counters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    read_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    written_bytes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, unit: str, cost: Cost, log: AccessLog) -> None:
        """Add one instruction's cost and the SRAM bytes it touched."""
        self.unit_cycles[unit] += cost.cycles
        self.count(cost.counters)
        if cost.busy:
            self.count(cost.busy)
        if cost.stalls:
            self.count(cost.stalls)
        for region in log.reads:
            self.read_bytes[str(region.memory)] += region.size_bytes
        for region in log.writes:
            self.written_bytes[str(region.memory)] += region.size_bytes

    def count(self, counters: Mapping[str, int]) -> None:
        """Add counters."""
        mine = self.counters
        for name, count in counters.items():
            mine[name] += count


@dataclass(frozen=True)
class Window:
    """How every unit spent the time between the previous layer's end and this layer's end.

    Args:
        elapsed_cycles: Its length; the windows of a run add up to the total.
        busy: Cycles by unit.
        stall: Cycles by unit and cause.
        waits: The semaphore stalls by unit and the unit waited for.
        idle: The rest by unit: nothing left to do before the end of the program.
    """

    elapsed_cycles: int
    busy: dict[str, int]
    stall: dict[str, dict[str, int]]
    waits: dict[str, dict[str, int]]
    idle: dict[str, int]


def windows(
    timelines: Mapping[str, Timeline], layer_ends: Sequence[int], total: int
) -> list[Window]:
    """Cut the run's time at the ends of the layers.

    Args:
        timelines: Every unit's time.
        layer_ends: When the last instruction of each layer ended, in the order of the layers; one
            that ended before its predecessor gets an empty window.
        total: Cycles of the run.

    Returns:
        One window per layer, and a last one for what comes after all layers.
    """
    ends = np.maximum.accumulate(np.array([0, *layer_ends, total], np.int64))
    lengths = np.diff(ends)
    busy = {unit: line.busy.within(ends) for unit, line in timelines.items()}
    stalls, waits = (
        {
            unit: {name: s.within(ends) for name, s in sorted(getattr(line, kind).items())}
            for unit, line in timelines.items()
        }
        for kind in ("stalls", "waits")
    )
    result: list[Window] = []
    for index, length in enumerate(lengths):
        stall = _at(stalls, index)
        worked = {unit: int(cycles[index]) for unit, cycles in busy.items()}
        idle = {u: int(length) - worked[u] - sum(stall[u].values()) for u in timelines}
        result.append(Window(int(length), worked, stall, _at(waits, index), idle))
    return result


def _at(table: Mapping[str, Mapping[str, Cycles]], index: int) -> dict[str, dict[str, int]]:
    """One window's share of a table by unit and name, zeros left out."""
    return {
        unit: {name: int(cycles[index]) for name, cycles in row.items() if cycles[index]}
        for unit, row in table.items()
    }
