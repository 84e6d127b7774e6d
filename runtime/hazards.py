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


class Hazards:
    """The accesses of all instructions that a later one could still overtake.

    A unit runs its instructions in order, so the last access to a region stands for all before it,
    and the ends within a track never fall: a check walks back only over those that end after the
    new instruction starts.
    """

    def __init__(self) -> None:
        self._reads: dict[str | int, dict[str, _Track]] = {}
        self._writes: dict[str | int, dict[str, _Track]] = {}
        self._count = 0
        self._limit = PRUNE_ABOVE

    def check(self, log: AccessLog, unit: str, start: int) -> Conflict | None:
        """The first conflict of an instruction starting at cycle `start` on `unit`, or None."""
        for region in log.writes:
            found = _find(self._writes, region, unit, start)
            if found:
                return Conflict("WAW", found, region)
            found = _find(self._reads, region, unit, start)
            if found:
                return Conflict("WAR", found, region)
        for region in log.reads:
            found = _find(self._writes, region, unit, start)
            if found:
                return Conflict("RAW", found, region)
        return None

    def add(self, log: AccessLog, unit: str, end: int, pc: int) -> None:
        """Keep an instruction's accesses until cycle `end`."""
        for regions, tracks in ((log.reads, self._reads), (log.writes, self._writes)):
            for region in regions:
                access = Access(end, region.base, region.end, region, pc)
                track = tracks.setdefault(region.memory, {}).setdefault(unit, {})
                if track.pop(region, None) is None:
                    self._count += 1
                track[region] = access

    @property
    def is_full(self) -> bool:
        """Whether `forget` is due."""
        return self._count > self._limit

    def forget(self, horizon: int) -> None:
        """Drop accesses that end by `horizon`, before which no later instruction starts."""
        self._count = 0
        for tracks in (self._reads, self._writes):
            for units in tracks.values():
                for unit, track in units.items():
                    units[unit] = {r: access for r, access in track.items() if access.end > horizon}
                    self._count += len(units[unit])
        # If little could go, do not look again at every instruction.
        self._limit = max(PRUNE_ABOVE, 2 * self._count)

    def clear(self) -> None:
        """Drop everything: all units have been waited for."""
        self._reads.clear()
        self._writes.clear()
        self._count = 0


def _find(
    tracks: dict[str | int, dict[str, _Track]], region: Region, unit: str, start: int
) -> Access | None:
    """An access in flight of another unit that shares a byte with the region."""
    for other, track in tracks.get(region.memory, {}).items():
        if other == unit:
            continue
        for access in reversed(track.values()):
            if access.end <= start:
                break
            low, high = region.base, region.end
            if access.low < high and low < access.high and region.overlaps(access.region):
                return access
    return None
