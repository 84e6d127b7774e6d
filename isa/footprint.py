"""The bytes that an instruction touches: regions of memories, and what is read and written."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SELF_DELIMITING = 0
"""As the run of a footprint's region: as long as what was last written from its base on."""


class Region(NamedTuple):
    """Bytes of one memory: `run` bytes repeated along up to two strides (bytes).

    `memory` is a name, or an index into the instruction set's table of memories; `dims` holds
    (count, stride) pairs, innermost first.
    """

    memory: str | int
    base: int
    run: int
    dims: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        """One past the last byte."""
        end = self.base + self.run
        for count, stride in self.dims:
            end += (count - 1) * stride
        return end

    @property
    def size_bytes(self) -> int:
        """How many bytes the region holds."""
        total = self.run
        for count, _ in self.dims:
            total *= count
        return total

    def starts(self) -> npt.NDArray[np.int64]:
        """Byte addresses of the runs, in transfer order (outer dimension slowest)."""
        starts = np.array([self.base], dtype=np.int64)
        for count, stride in reversed(self.dims):
            starts = (starts[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
        return starts

    def overlaps(self, other: "Region") -> bool:
        """Tell whether the two regions share a byte."""
        if self.memory != other.memory or self.base >= other.end or other.base >= self.end:
            return False
        if not self.size_bytes or not other.size_bytes:
            return False
        if not self.dims and not other.dims:
            return True
        mine, theirs = np.sort(self.starts()), np.sort(other.starts())
        # For each of my runs, the last of theirs that starts before its end must end before it.
        at = np.searchsorted(theirs, mine + self.run) - 1
        hit = (at >= 0) & (theirs[np.maximum(at, 0)] + other.run > mine)
        return bool(hit.any())


class Footprint(NamedTuple):
    """What an instruction reads and writes."""

    reads: tuple[Region, ...] = ()
    writes: tuple[Region, ...] = ()
