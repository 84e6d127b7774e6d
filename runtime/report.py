"""A run as a plain dict: totals and one record per layer, ready for JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..isa.base import BaseSpec
from ..isa.program import Program
from ..isa.tables import LayerInfo
from .accounting import LayerAccount, Window
from .interpreter import Execution
from .machine import Machine

_SUMMED = (
    "elapsed_cycles",
    "compute_cycles",
    "instruction_count",
    "saturations",
    "accumulator_saturations",
)
_TABLES = ("busy", "idle", "unit_cycles", "counters", "bytes", "macs")
_MAC_CLASSES = {
    "effectual": "eff",
    "ineffectual": "ineff",
    "gated": "gated",
    "skipped": "skipped",
}
"""How the counters of each class begin."""
_SATURATIONS = {"sat", "saturated", "saturations"}
_OF_VALUES = {"ppu", "host"}
"""What clips finished values, not sums."""
_NESTED = ("stall", "waits", "sram_bytes")


def build_report(
    program: Program,
    machine: Machine,
    spec: BaseSpec,
    execution: Execution,
    input_saturations: Mapping[str, int],
) -> dict[str, Any]:
    """Everything a run counted.

    Returns:
        `target`, `config`, `info`, `is_compute_only` (B = 0), `layers` and `totals`. A layer has
        `name`, `op`, `placement`, `nodes`, `source`, `product_shift` (bits, or None); `cycles`
        (compute-only: those of its instructions on the timed units, configuration left out where
        the machine does not time it; else its elapsed cycles),
        `compute_cycles`, `elapsed_cycles`;
        `busy`, `idle` by unit and `stall` by unit and cause, which add up to its elapsed cycles;
        `waits` (semaphore stalls by unit and unit waited for); `unit_cycles` (cycles of its own
        instructions by unit, whenever they ran); `macs` by class with `nominal` and `expanded`;
        `counters`; `bytes` (DRAM bytes by stream); `sram_bytes` (read and written, by SRAM);
        `saturations` (of all counters so named) and, among them, `accumulator_saturations`;
        `instruction_count`; `figures` (the machine's ratios of counters). `totals` has the sums,
        those of instructions of no layer included, the figures of these, and `input_saturations`
        by input.
    """
    layers = [
        _described(info) | _record(info, account, window, machine, spec)
        for info, account, window in zip(
            program.layers, execution.layers, execution.windows, strict=False
        )
    ]
    rest = _record(None, execution.layers[-1], execution.windows[-1], machine, spec)
    totals = _sum([*layers, rest])
    for record in (*layers, totals):
        record["figures"] = machine.figures(record["counters"])
    totals["input_saturations"] = dict(input_saturations)
    return {
        "target": program.target,
        "config": msgspec.to_builtins(spec),
        "info": dict(program.info),
        "is_compute_only": spec.B == 0,
        "layers": layers,
        "totals": totals,
    }


def _described(info: LayerInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "op": info.op,
        "placement": info.placement,
        "nodes": list(info.nodes),
        "source": info.source,
        "product_shift": info.product_shift,
    }


def _record(
    info: LayerInfo | None,
    account: LayerAccount,
    window: Window,
    machine: Machine,
    spec: BaseSpec,
) -> dict[str, Any]:
    compute = sum(account.unit_cycles.get(unit, 0) for unit in machine.layer_units)
    if not machine.times_configuration:
        compute -= sum(account.configuration_cycles.get(unit, 0) for unit in machine.layer_units)
    known = Counter(account.counters)
    known.update(info.static_counts if info else {})
    counters = {name: int(count) for name, count in sorted(known.items())}
    saturations = {name: count for name, count in counters.items() if _is_saturation(name)}
    srams = sorted((account.read_bytes.keys() | account.written_bytes.keys()) - {"dram"})
    return {
        "cycles": window.elapsed_cycles if spec.B else compute,
        "compute_cycles": compute,
        "elapsed_cycles": window.elapsed_cycles,
        "busy": window.busy,
        "stall": window.stall,
        "idle": window.idle,
        "waits": window.waits,
        "unit_cycles": {unit: account.unit_cycles.get(unit, 0) for unit in machine.units},
        "macs": _macs(info, counters),
        "counters": counters,
        "bytes": {name: count for name, count in counters.items() if name.startswith("dram_")},
        "sram_bytes": {
            name: {
                "read": account.read_bytes.get(name, 0),
                "written": account.written_bytes.get(name, 0),
            }
            for name in srams
        },
        "saturations": sum(saturations.values()),
        "accumulator_saturations": sum(
            count for name, count in saturations.items() if name.split("_")[0] not in _OF_VALUES
        ),
        "instruction_count": account.instruction_count,
    }


def _macs(info: LayerInfo | None, counters: Mapping[str, int]) -> dict[str, int]:
    macs = dict.fromkeys(_MAC_CLASSES, 0)
    for name, count in counters.items():
        if kind := mac_class(name):
            macs[kind] += count
    return {
        **macs,
        "nominal": info.nominal_macs if info else 0,
        "expanded": info.expanded_macs if info else 0,
    }


def mac_class(counter: str) -> str | None:
    """The class of the MACs that a counter counts; None if it counts something else.

    Sheets write `mac_eff`, `mac_effectual` or `macs_effectual`, some in parts (`mac_ineff_w`).
    """
    for name, beginning in _MAC_CLASSES.items():
        if counter.startswith((f"mac_{beginning}", f"macs_{beginning}")):
            return name
    return None


def _is_saturation(counter: str) -> bool:
    """Sheets count saturations as `sat`, `saturations` or `<unit>_saturated`."""
    return not _SATURATIONS.isdisjoint(counter.split("_"))


def _sum(records: list[dict[str, Any]]) -> dict[str, Any]:
    totals: dict[str, Any] = {"cycles": sum(record["cycles"] for record in records)}
    totals |= {key: sum(record[key] for record in records) for key in _SUMMED}
    totals |= {key: _sum_tables(record[key] for record in records) for key in _TABLES}
    for key in _NESTED:
        names = dict.fromkeys(name for record in records for name in record[key])
        totals[key] = {
            name: _sum_tables(record[key].get(name, {}) for record in records) for name in names
        }
    return totals


def _sum_tables(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for table in tables:
        for name, count in table.items():
            sums[name] = sums.get(name, 0) + count
    return sums
