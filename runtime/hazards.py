"""Data hazards: instructions that touch bytes before an earlier one of another unit is done."""

from typing import NamedTuple

from ..isa.footprint import Region
from .memory import AccessLog


class Access(NamedTuple):
    """A region that an instruction in flight reads or writes until it ends (`end`, in cycles)."""

    end: int
    low: int
    high: int
    region: Region
    pc: int


class Conflict(NamedTuple):
    """Two instructions on the same bytes at the same time."""

    kind: str
    """RAW, WAR or WAW: what the later instruction (in program order) does against the earlier."""
    earlier: Access
    region: Region
    """What the later instruction touches."""


_Track = dict[Region, Access]
"""The last access of one unit to each region of one memory, in the order of their ends."""

PRUNE_ABOVE = 4096
"""Accesses kept before finished ones are looked for."""


class _Tracks:
    """The reads, or the writes, of all units."""

    def __init__(self) -> None:
        self._tracks: dict[str | int, dict[str, _Track]] = {}
        self._busy_until: dict[str | int, int] = {}
        """When the last access to a memory ends; most checks need to know no more."""

    def find(self, region: Region, unit: str, start: int) -> Access | None:
        """An access of another unit, in flight at `start`, that shares a byte with the region."""
        if self._busy_until.get(region.memory, 0) <= start:
            return None
        low, high = region.base, region.end
        for other, track in self._tracks[region.memory].items():
            if other == unit:
                continue
            for access in reversed(track.values()):
                if access.end <= start:
                    break
                if access.low < high and low < access.high and region.overlaps(access.region):
                    return access
        return None

    def add(self, region: Region, unit: str, end: int, pc: int) -> bool:
        """Keep an access; whether there is one more than before."""
        memory = region.memory
        if end > self._busy_until.get(memory, -1):
            self._busy_until[memory] = end
        track = self._tracks.setdefault(memory, {}).setdefault(unit, {})
        before = track.pop(region, None)
        track[region] = Access(end, region.base, region.end, region, pc)
        return before is None

    def forget(self, horizon: int) -> int:
        """Drop accesses that end by `horizon`; how many are left."""
        count = 0
        for units in self._tracks.values():
            for unit, track in units.items():
                units[unit] = {r: access for r, access in track.items() if access.end > horizon}
                count += len(units[unit])
        return count


class Hazards:
    """The accesses of all instructions that a later one could still overtake.

    A unit runs its instructions in order, so the last access to a region stands for all before it,
    and the ends within a track never fall: a check walks back only over those that end after the
    new instruction starts.
    """

    def __init__(self) -> None:
        self._reads = _Tracks()
        self._writes = _Tracks()
        self._count = 0
        self._limit = PRUNE_ABOVE

    def check(self, log: AccessLog, unit: str, start: int) -> Conflict | None:
        """The first conflict of an instruction starting at cycle `start` on `unit`, or None."""
        for region in log.writes:
            if found := self._writes.find(region, unit, start):
                return Conflict("WAW", found, region)
            if found := self._reads.find(region, unit, start):
                return Conflict("WAR", found, region)
        for region in log.reads:
            if found := self._writes.find(region, unit, start):
                return Conflict("RAW", found, region)
        return None

    def add(self, log: AccessLog, unit: str, end: int, pc: int) -> None:
        """Keep an instruction's accesses until cycle `end`."""
        for region in log.reads:
            self._count += self._reads.add(region, unit, end, pc)
        for region in log.writes:
            self._count += self._writes.add(region, unit, end, pc)

    @property
    def is_full(self) -> bool:
        """Whether `forget` is due."""
        return self._count > self._limit

    def forget(self, horizon: int) -> None:
        """Drop accesses that end by `horizon`, before which no later instruction starts."""
        self._count = self._reads.forget(horizon) + self._writes.forget(horizon)
        # If little could go, do not look again at every instruction.
        self._limit = max(PRUNE_ABOVE, 2 * self._count)

    def clear(self) -> None:
        """Drop everything: all units have been waited for."""
        self._reads = _Tracks()
        self._writes = _Tracks()
        self._count = 0
