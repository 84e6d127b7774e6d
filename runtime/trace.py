"""One run as a Chrome/Perfetto trace: a track per unit, an event per instruction, counters.

The format is the Trace Event Format's JSON object form. Its unit of time is the microsecond; here
one microsecond stands for one cycle. Events of a track are sorted by time and do not overlap.
"""

import json
import os
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple, TextIO

import numpy as np

from ..isa.files import replacing
from ..isa.tables import LayerInfo
from .interpreter import Execution, Interpreter
from .trace_counters import Counts, Event, dram_events, mac_events

EVENT_LIMIT = 1_000_000
PROCESS = 1
_SHOWN_NODES = 4
"""So many ONNX nodes stand in an instruction's name; its arguments have all."""


class Written(NamedTuple):
    """What a trace holds.

    Args:
        events: Instructions written.
        total: Instructions there are.
        cut: Cycle at which the first one that is left out starts; None if none is.
    """

    events: int
    total: int
    cut: int | None

    @property
    def message(self) -> str:
        """In words."""
        if self.cut is None:
            return f"{self.total} of {self.total} instructions"
        return f"the first {self.events} of {self.total} instructions, cut at cycle {self.cut}"


def write_trace(
    path: str | os.PathLike[str],
    interpreter: Interpreter,
    execution: Execution,
    counts: Counts,
    event_limit: int = EVENT_LIMIT,
) -> Written:
    """Write the trace of a run; the file appears whole or not at all.

    Configuration instructions that take no time are left out; others of 0 cycles are in.

    Args:
        path: The file.
        interpreter: Of the program that ran.
        execution: What it did.
        counts: What its instructions counted.
        event_limit: The first so many instructions in time are written; the metadata and a mark in
            the trace say what was cut.

    Returns:
        How much was written.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    order = _in_time(interpreter, execution)
    kept = order[:event_limit]
    cut = int(execution.starts[order[event_limit]]) if len(kept) < len(order) else None
    written = Written(len(kept), len(order), cut)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _write(file, interpreter, execution, counts, kept, written)
    return written


def _in_time(interpreter: Interpreter, execution: Execution) -> list[int]:
    """The pcs of all events, by start; instructions of 0 cycles before the one that follows."""
    are_shown = execution.ends > execution.starts
    for pc, inst in enumerate(interpreter.instructions):
        are_shown[pc] |= not inst.is_config
    pcs = np.flatnonzero(are_shown)
    return pcs[np.argsort(execution.starts[pcs], kind="stable")].tolist()


def _write(
    file: TextIO,
    interpreter: Interpreter,
    execution: Execution,
    counts: Counts,
    pcs: list[int],
    written: Written,
) -> None:
    head: dict[str, Any] = {
        "time": "1 us in this trace is 1 cycle of the machine",
        "target": interpreter.program.target,
        "total_cycles": execution.total_cycles,
        "events": written.message,
        **interpreter.program.info,
    }
    file.write(f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(head)}, "traceEvents": [')
    tracks = {unit: tid for tid, unit in enumerate((*interpreter.machine.units, "host"), 1)}
    separator = "\n"
    for event in chain(
        _names(interpreter, tracks),
        _events(interpreter, execution, pcs, tracks),
        _counters(interpreter, execution, counts, pcs, tracks),
        _mark(written),
    ):
        file.write(f"{separator}{json.dumps(event)}")
        separator = ",\n"
    file.write("\n]}\n")


def _names(interpreter: Interpreter, tracks: dict[str, int]) -> Iterator[Event]:
    """Metadata events that name the process and its tracks."""
    machine = f"{interpreter.program.target} (1 us = 1 cycle)"
    yield {"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": machine}}
    for unit, tid in tracks.items():
        common = {"ph": "M", "pid": PROCESS, "tid": tid}
        yield {**common, "name": "thread_name", "args": {"name": unit}}
        yield {**common, "name": "thread_sort_index", "args": {"sort_index": tid}}


def _events(
    interpreter: Interpreter, execution: Execution, pcs: list[int], tracks: dict[str, int]
) -> Iterator[Event]:
    for pc in pcs:
        start, end = int(execution.starts[pc]), int(execution.ends[pc])
        args: dict[str, Any] = {"pc": pc}
        layer = interpreter.program.layer_of(pc)
        if layer:
            args |= {"layer": layer.name, "nodes": list(layer.nodes)}
        yield {
            "ph": "X",
            "name": _name(interpreter.instructions[pc].mnemonic, layer),
            "cat": layer.op if layer else "none",
            "pid": PROCESS,
            "tid": tracks[interpreter.queues[pc]],
            "ts": start,
            "dur": end - start,
            "args": args,
        }


def _name(mnemonic: str, layer: LayerInfo | None) -> str:
    """An instruction's name: what it is, for which layer, and for which ONNX nodes."""
    if layer is None:
        return mnemonic
    if layer.nodes in ((), (layer.name,)):
        return f"{mnemonic} {layer.name}"
    more = len(layer.nodes) - _SHOWN_NODES
    rest = f" and {more} more" if more > 0 else ""
    return f"{mnemonic} {layer.name} ({', '.join(layer.nodes[:_SHOWN_NODES])}{rest})"


def _counters(
    interpreter: Interpreter,
    execution: Execution,
    counts: Counts,
    pcs: list[int],
    tracks: dict[str, int],
) -> Iterator[Event]:
    """Counter events, track by track: MACs per cycle of every unit that has some, DRAM bytes."""
    starts, ends = execution.starts, execution.ends
    for unit, tid in tracks.items():
        own = [pc for pc in pcs if pc in counts.macs and interpreter.queues[pc] == unit]
        name = f"MACs per cycle, {unit}"
        for event in mac_events(counts, own, starts, ends):
            yield {"ph": "C", "name": name, "pid": PROCESS, "tid": tid, **event}
    for event in dram_events(counts, pcs, ends):
        yield {"ph": "C", "name": "DRAM bytes so far", "pid": PROCESS, "tid": 0, **event}


def _mark(written: Written) -> Iterator[Event]:
    """A mark across all tracks where the trace is cut."""
    if written.cut is not None:
        mark = {"ph": "i", "s": "g", "pid": PROCESS, "tid": 0, "ts": written.cut}
        yield {**mark, "name": written.message}
