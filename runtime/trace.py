"""One run as a Chrome/Perfetto trace: a track per unit, an event per instruction.

The format is the Trace Event Format's JSON object form. Its unit of time is the microsecond; here
one microsecond stands for one cycle.
"""

import json
import os
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np

from ..isa.files import replacing
from .interpreter import Execution, Interpreter

EVENT_LIMIT = 1_000_000
PROCESS = 1


def write_trace(
    path: str | os.PathLike[str],
    interpreter: Interpreter,
    execution: Execution,
    event_limit: int = EVENT_LIMIT,
) -> int:
    """Write the trace of a run; the file appears whole or not at all.

    Configuration instructions take no time and are left out; other instructions of 0 cycles are in.

    Args:
        path: The file.
        interpreter: Of the program that ran.
        execution: What it did.
        event_limit: The first so many events in time are written; the metadata says what was cut.

    Returns:
        Number of instruction events written.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    order = _in_time(interpreter, execution)
    kept = order[:event_limit]
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        _write(file, interpreter, execution, kept, len(order))
    return len(kept)


def _in_time(interpreter: Interpreter, execution: Execution) -> list[int]:
    """The pcs of all events, by start; instructions of 0 cycles before the one that follows."""
    instructions = interpreter.instructions
    pcs = np.array(
        [pc for pc, inst in enumerate(instructions) if not inst.is_config], dtype=np.int64
    )
    return pcs[np.argsort(execution.starts[pcs], kind="stable")].tolist()


def _write(
    file: TextIO, interpreter: Interpreter, execution: Execution, pcs: list[int], total: int
) -> None:
    message = f"{len(pcs)} of {total} instructions"
    if len(pcs) < total:
        message += f"; the trace is cut at cycle {execution.starts[pcs[-1]] if pcs else 0}"
    head: dict[str, Any] = {
        "time": "1 us in this trace is 1 cycle of the machine",
        "target": interpreter.program.target,
        "total_cycles": execution.total_cycles,
        "events": message,
        **interpreter.program.info,
    }
    file.write(f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(head)}, "traceEvents": [')
    tracks = {unit: tid for tid, unit in enumerate((*interpreter.machine.units, "host"), 1)}
    separator = "\n"
    for event in _names(interpreter, tracks):
        file.write(f"{separator}{json.dumps(event)}")
        separator = ",\n"
    for event in _events(interpreter, execution, pcs, tracks):
        file.write(f"{separator}{json.dumps(event)}")
    file.write("\n]}\n")


def _names(interpreter: Interpreter, tracks: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Metadata events that name the process and its tracks."""
    machine = f"{interpreter.program.target} (1 us = 1 cycle)"
    yield {"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": machine}}
    for unit, tid in tracks.items():
        common = {"ph": "M", "pid": PROCESS, "tid": tid}
        yield {**common, "name": "thread_name", "args": {"name": unit}}
        yield {**common, "name": "thread_sort_index", "args": {"sort_index": tid}}


def _events(
    interpreter: Interpreter, execution: Execution, pcs: list[int], tracks: dict[str, int]
) -> Iterator[dict[str, Any]]:
    for pc in pcs:
        start, end = int(execution.starts[pc]), int(execution.ends[pc])
        args: dict[str, Any] = {"pc": pc}
        layer = interpreter.program.layer_of(pc)
        if layer:
            args |= {"layer": layer.name, "nodes": list(layer.nodes)}
        yield {
            "ph": "X",
            "name": interpreter.instructions[pc].mnemonic,
            "cat": layer.op if layer else "none",
            "pid": PROCESS,
            "tid": tracks[interpreter.queues[pc]],
            "ts": start,
            "dur": end - start,
            "args": args,
        }
