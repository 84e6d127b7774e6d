"""A report as tables: one row per layer, and one row for the run."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from .report_schema import Energy, Record, Report

Row = dict[str, Any]
"""Values by column; every column's name ends in its unit, if it has one."""
_CYCLES = ("cycles", "compute_cycles", "elapsed_cycles")


def layer_rows(report: Report) -> list[Row]:
    """One row per layer."""
    total = report.totals.cycles
    rows: list[Row] = []
    for index, layer in enumerate(report.layers):
        row: Row = {
            "layer_index": index,
            "layer": layer.name,
            "op": layer.op,
            "placement": layer.placement,
            "nodes": " ".join(layer.nodes),
            "product_shift_bits": layer.product_shift,
            "share_percent": 100 * layer.cycles / total if total else None,
            **_record_row(layer),
        }
        if layer.error:
            row["error_max_abs"] = layer.error.max_abs
            row["error_sqnr_db"] = layer.error.sqnr_db
        rows.append(row)
    return rows


def summary_row(report: Report) -> Row:
    """The run as one row, for tables of many runs."""
    totals = report.totals
    row: Row = {
        "model": report.model,
        "model_sha256": report.model_sha256,
        "target": report.target,
        "batch": report.batch,
        "seed": report.seed,
        "passed": report.check.passed if report.check else None,
        "layers_passed": report.check.layers_passed if report.check else None,
        "top1_agreement_ratio": report.check.top1_agreement if report.check else None,
        "time_us": totals.time_us,
        "inferences_per_second": totals.inferences_per_second,
        "effective_tops": totals.effective_tops,
        "real_tops": totals.real_tops,
        **_record_row(totals),
    }
    for name in ("common", "sheet"):
        energy, power = getattr(totals.energy, name), getattr(totals.power, name)
        row[f"energy_per_inference_{name}_uj"] = energy.total_uj / report.batch
        row |= {
            f"power_{name}_{key}": value for key, value in msgspec.structs.asdict(power).items()
        }
    if report.check:
        for name, error in report.check.outputs.items():
            row[f"error_max_abs({name})"] = error.max_abs
            row[f"error_sqnr_db({name})"] = error.sqnr_db
    return row | {f"config_{key}": value for key, value in report.config.items()}


def to_csv(rows: Sequence[Row]) -> bytes:
    """Rows as CSV (UTF-8, a header, one line per row); columns in order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def counter_column(name: str) -> str:
    """A counter's column: its name and its unit."""
    if name.startswith("dram_"):
        return f"{name}_bytes"
    words = name.split("_")
    if "busy" in words or "stall" in words or "cycles" in words:
        return name if name.endswith("_cycles") else f"{name}_cycles"
    return f"{name}_count"


def _record_row(record: Record) -> Row:
    row: Row = {name: getattr(record, name) for name in _CYCLES}
    row["utilisation_percent"] = _percent(record.utilisation)
    row["occupied_percent"] = _percent(record.occupied)
    macs = msgspec.structs.asdict(record.macs)
    row |= {f"macs_{name}_count": count for name, count in macs.items()}
    row["saturations_count"] = record.saturations
    row["accumulator_saturations_count"] = record.accumulator_saturations
    row["instruction_count"] = record.instruction_count
    for name in ("busy", "idle"):
        row |= {f"{name}_{u}_cycles": cycles for u, cycles in getattr(record, name).items()}
    row |= {f"stall_{u}_cycles": sum(causes.values()) for u, causes in record.stall.items()}
    row |= {counter_column(name): count for name, count in sorted(record.counters.items())}
    row |= {f"{name}_ratio": value for name, value in record.figures.items()}
    for name in ("common", "sheet"):
        row |= _energy_columns(name, getattr(record.energy, name))
    return row


def _energy_columns(energy_set: str, energy: Energy) -> Row:
    row: Row = {}
    for name, value in msgspec.structs.asdict(energy).items():
        if name != "sram_uj":
            row[f"energy_{energy_set}_{name}"] = value
    for memory, part in sorted(energy.sram_uj.items()):
        row[f"energy_{energy_set}_sram_{memory}_uj"] = part
    return row


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
