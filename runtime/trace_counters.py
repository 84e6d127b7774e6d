"""Counter tracks of a trace: MACs per cycle by class, DRAM bytes so far by stream."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .machine import Cost
from .report import mac_class

Event = dict[str, Any]
_DIGITS = 3
"""Of MACs per cycle, behind the point."""


@dataclass
class Counts:
    """What single instructions counted, noted while a program runs.

    Args:
        macs: MACs by class, by pc; of those that had some.
        dram: DRAM bytes by stream, by pc; of those that moved some.
    """

    macs: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    dram: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])

    def note(self, pc: int, cost: Cost) -> None:
        """Note the counters of an instruction."""
        macs: dict[str, int] = defaultdict(int)
        dram: dict[str, int] = {}
        for name, count in cost.counters.items():
            if not count:
                continue
            if name.startswith("dram_"):
                dram[name] = int(count)
            elif name.startswith("mac") and (kind := mac_class(name)):
                macs[kind] += int(count)
        if macs:
            self.macs[pc] = dict(macs)
        if dram:
            self.dram[pc] = dram


def mac_events(
    counts: Counts,
    pcs: Iterable[int],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> Iterator[Event]:
    """MACs per cycle of one unit: the average of each instruction while it runs, 0 between.

    Args:
        counts: What the instructions counted.
        pcs: The unit's instructions in time; they do not overlap.
        starts: Start cycle per pc.
        ends: End cycle per pc.

    Yields:
        Time and values of counter events, without two of the same values in a row.
    """
    timed = [pc for pc in pcs if pc in counts.macs and ends[pc] > starts[pc]]
    kinds = sorted({kind for pc in timed for kind in counts.macs[pc]})
    nothing = dict.fromkeys(kinds, 0.0)
    shown: Mapping[str, float] = {}
    end = 0
    for pc in timed:
        if starts[pc] > end and shown != nothing:
            yield {"ts": end, "args": nothing}
            shown = nothing
        macs, cycles = counts.macs[pc], int(ends[pc] - starts[pc])
        rates = {kind: round(macs.get(kind, 0) / cycles, _DIGITS) for kind in kinds}
        if rates != shown:
            yield {"ts": int(starts[pc]), "args": rates}
        shown, end = rates, int(ends[pc])
    if shown and shown != nothing:
        yield {"ts": end, "args": nothing}


def dram_events(counts: Counts, pcs: Iterable[int], ends: npt.NDArray[np.int64]) -> Iterator[Event]:
    """DRAM bytes moved until now, by stream: an event per cycle in which a transfer ends.

    Args:
        counts: What the instructions counted.
        pcs: The instructions, in any order.
        ends: End cycle per pc.

    Yields:
        Time and values of counter events.
    """
    moving = sorted((int(ends[pc]), pc) for pc in pcs if pc in counts.dram)
    sums = dict.fromkeys(sorted({name for _, pc in moving for name in counts.dram[pc]}), 0)
    if sums and moving[0][0] > 0:
        yield {"ts": 0, "args": dict(sums)}
    for index, (end, pc) in enumerate(moving):
        for name, count in counts.dram[pc].items():
            sums[name] += count
        if index + 1 == len(moving) or moving[index + 1][0] > end:
            yield {"ts": end, "args": dict(sums)}
