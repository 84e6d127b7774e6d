"""A comparison as CSV: compare.csv has a row per model, target and layer, summary.csv per model."""

from __future__ import annotations

from collections.abc import Sequence

from .compare_rows import macs_classes, worst_sqnr_db
from .compare_schema import Cells, Comparison, Failure, LayerRow, MeanRow, NetworkRow
from .report_csv import Row, to_csv
from .report_schema import Error

_CLASSES = ("effectual", "ineffectual", "gated", "skipped")
MEAN = "geometric mean"
"""In the column `row` of summary.csv, for a row over networks."""


def layers_csv(comparison: Comparison) -> bytes:
    """compare.csv; at its end, a run without a result is a row without a layer."""
    failures = {(row.model, row.target): row.failure for row in comparison.networks}
    streams, spent = _streams(comparison), _spent_columns(comparison)
    rows = [
        {
            **_layer(row, streams),
            **_spent(row.cells, spent),
            **_failure(failures[row.model, row.target]),
        }
        for row in comparison.layers
    ]
    for row in comparison.networks:
        if row.cells is None:
            key = {"model": row.model, "target": row.target, "layer": ""}
            rows.append({**key, **_cells(None, streams), **_failure(row.failure)})
    return to_csv(rows)


def summary_csv(comparison: Comparison) -> bytes:
    """summary.csv: networks, then means."""
    spent = _spent_columns(comparison)
    settings = {each.label: each.config for each in comparison.configurations}
    rows = [
        {
            **_network(row, _streams(comparison)),
            **_spent(row.cells, spent),
            **{f"config_{key}": value for key, value in settings[row.target].items()},
        }
        for row in comparison.networks
    ]
    return to_csv([*rows, *(_mean(row) for row in comparison.means)])


def _streams(comparison: Comparison) -> list[str]:
    """The DRAM streams of all machines."""
    found = [row.cells.dram_bytes for row in comparison.networks if row.cells]
    return sorted({name for streams in found for name in streams})


def _spent_columns(comparison: Comparison) -> list[str]:
    """The columns of `_spent` that some machine has something for."""
    found = [_spent_by(row.cells) for row in comparison.networks if row.cells]
    return list(dict.fromkeys(name for row in found for name in row))


def _spent(cells: Cells | None, columns: Sequence[str]) -> Row:
    own = _spent_by(cells) if cells else {}
    return {name: own.get(name) for name in columns}


def _spent_by(cells: Cells) -> Row:
    """How units and multiplier slots were spent; what a machine does not have has no column."""
    row: Row = {"elapsed_cycles": cells.elapsed_cycles}
    for unit, states in cells.units.items():
        row |= {f"busy_{unit}_cycles": states["busy"], f"idle_{unit}_cycles": states["idle"]}
        row[f"stall_{unit}_cycles"] = sum(states.values()) - states["busy"] - states["idle"]
    return row | {f"slot_{name}_count": count for name, count in cells.slots.items()}


def _layer(row: LayerRow, streams: Sequence[str]) -> Row:
    return {
        "model": row.model,
        "target": row.target,
        "layer": row.layer,
        "op": row.op,
        "nodes": " ".join(row.nodes),
        "placement": row.placement,
        "fused_into": row.fused_into,
        **_cells(row.cells, streams),
        **_error("error", row.error),
        **_error("own_error", row.own_error),
    }


def _network(row: NetworkRow, streams: Sequence[str]) -> Row:
    return {
        "row": "network",
        "model": row.model,
        "target": row.target,
        "network_count": 1,
        **_cells(row.cells, streams),
        "time_us": row.time_us,
        "time_speedup_ratio": row.time_speedup,
        "inferences_per_joule": row.inferences_per_joule,
        "host_layer_count": row.host_layer_count,
        "host_macs_count": row.host_macs,
        "is_correct": row.is_correct,
        "are_layers_correct": row.are_layers_correct,
        "top1_agreement_ratio": row.top1_agreement,
        "error_sqnr_db": worst_sqnr_db(row),
        "warning_count": len(row.warnings),
        "run": row.run,
        **_failure(row.failure),
    }


def _mean(row: MeanRow) -> Row:
    return {
        "row": MEAN,
        "model": "",
        "target": row.target,
        "network_count": len(row.models),
        "speedup_ratio": row.speedup,
        "energy_common_ratio": row.energy_common_ratio,
        "energy_sheet_ratio": row.energy_sheet_ratio,
        "time_speedup_ratio": row.time_speedup,
    }


def _cells(cells: Cells | None, streams: Sequence[str]) -> Row:
    """The columns of the numbers; without numbers they are there and empty."""
    macs = macs_classes(cells.macs) if cells else dict.fromkeys(_CLASSES)
    return {
        "cycles": cells and cells.cycles,
        "speedup_ratio": cells and cells.speedup,
        "energy_common_uj": cells and cells.energy_common_uj,
        "energy_common_ratio": cells and cells.energy_common_ratio,
        "energy_sheet_uj": cells and cells.energy_sheet_uj,
        "energy_sheet_ratio": cells and cells.energy_sheet_ratio,
        "effectual_gmacs_per_joule": cells and cells.effectual_gmacs_per_joule,
        "utilisation_percent": _percent(cells.utilisation if cells else None),
        "occupied_percent": _percent(cells.occupied if cells else None),
        **{f"macs_{name}_count": count for name, count in macs.items()},
        "macs_nominal_count": cells and cells.macs.nominal,
        "dram_bytes": cells and sum(cells.dram_bytes.values()),
        **{f"{name}_bytes": cells and cells.dram_bytes.get(name, 0) for name in streams},
    }


def _error(name: str, error: Error | None) -> Row:
    return {
        f"{name}_max_abs": error and error.max_abs,
        f"{name}_sqnr_db": error and error.sqnr_db,
    }


def _failure(failure: Failure | None) -> Row:
    return {
        "exit_code": failure.exit_code if failure else 0,
        "failure": failure.sentence if failure else "",
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
