"""Runs as rows: layers matched by ONNX node, ratios to the baseline, geometric means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum, log

from .compare_schema import Cells, Failure, LayerRow, MeanRow, NetworkRow
from .compare_store import StoredRun
from .report_schema import Layer, Macs, Record, Report

LayerKey = tuple[str, int]
"""A layer's name, which is that of its first ONNX node, and how many before it have this name."""

_SLOTS = "slot_"
"""How sheets begin the names of counters for classes of multiplier slots."""


@dataclass(frozen=True)
class Outcome:
    """What became of a network on a machine.

    Args:
        model: The network's name.
        target: The machine's label.
        file: Where the run is kept.
        run: The run, None if there is no result.
        failure: Why there is none, or none to trust.
    """

    model: str
    target: str
    file: str
    run: StoredRun | None
    failure: Failure | None


def network_row(outcome: Outcome, base: Outcome) -> NetworkRow:
    """A network's row, with ratios to the same network on the baseline."""
    report, known = _report(outcome), _report(base)
    totals = report.totals if report else None
    check = report.check if report else None
    hosted = [layer for layer in report.layers if layer.placement == "host"] if report else []
    time, base_time = totals and totals.time_us, known and known.totals.time_us
    return NetworkRow(
        model=outcome.model,
        target=outcome.target,
        cells=cells(totals, known.totals if known else None) if totals else None,
        time_us=time,
        time_speedup=_ratio(base_time, time),
        inferences_per_joule=_inferences_per_joule(report) if report else None,
        host_layer_count=len(hosted) if report else None,
        host_macs=sum(layer.macs.nominal for layer in hosted) if report else None,
        is_correct=check.passed if check else None,
        are_layers_correct=check.layers_passed if check else None,
        top1_agreement=check.top1_agreement if check else None,
        errors=check.outputs if check else {},
        warnings=outcome.run.warnings if outcome.run else (),
        run=outcome.file if outcome.run else "",
        failure=outcome.failure,
    )


def layer_rows(outcomes: Sequence[Outcome], base: Outcome) -> list[LayerRow]:
    """The layers of a network: each on every machine that has a result, in the order of the graph.

    Args:
        outcomes: The network's, one per machine.
        base: The one on the baseline.
    """
    reports = [(each.target, report) for each in outcomes if (report := _report(each))]
    tables = {target: _by_key(report.layers) for target, report in reports}
    baseline = tables.get(base.target, {})
    return [
        _layer_row(key, base.model, target, table, baseline)
        for key in merged(list(tables.values()))
        for target, table in tables.items()
    ]


def merged(orders: Iterable[Iterable[LayerKey]]) -> list[LayerKey]:
    """All keys, each behind the key that it follows in the first order that has it."""
    found: list[LayerKey] = []
    for order in orders:
        place = 0
        for key in order:
            if key in found:
                place = found.index(key) + 1
            else:
                found.insert(place, key)
                place += 1
    return found


def mean_rows(networks: Sequence[NetworkRow], targets: Sequence[str], base: str) -> list[MeanRow]:
    """Geometric means over networks, one row per machine."""
    trusted = {(row.model, row.target): row for row in networks if row.failure is None}
    rows: list[MeanRow] = []
    for target in targets:
        own = [
            row for (model, at), row in trusted.items() if at == target and (model, base) in trusted
        ]
        filled = [row.cells for row in own if row.cells]
        rows.append(
            MeanRow(
                target=target,
                models=tuple(row.model for row in own),
                speedup=geometric_mean([each.speedup for each in filled]),
                time_speedup=geometric_mean([row.time_speedup for row in own]),
                energy_common_ratio=geometric_mean([each.energy_common_ratio for each in filled]),
                energy_sheet_ratio=geometric_mean([each.energy_sheet_ratio for each in filled]),
            )
        )
    return rows


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """The mean of the ratios there are, all positive; None without any."""
    logs = [log(ratio) for ratio in ratios if ratio is not None]
    return exp(fsum(logs) / len(logs)) if logs else None


def cells(record: Record, base: Record | None) -> Cells:
    """The numbers of a layer or network, with ratios to the baseline's.

    Tables by name are sorted: those of a run that was kept have lost the machine's order.
    """
    common, sheet = record.energy.common.total_uj, record.energy.sheet.total_uj
    known = base.energy if base else None
    return Cells(
        cycles=record.cycles,
        speedup=_ratio(base.cycles if base else None, record.cycles),
        energy_common_uj=common,
        energy_common_ratio=_ratio(common, known.common.total_uj if known else None),
        energy_sheet_uj=sheet,
        energy_sheet_ratio=_ratio(sheet, known.sheet.total_uj if known else None),
        effectual_gmacs_per_joule=_ratio(record.macs.effectual / 1000, common),
        utilisation=record.utilisation,
        occupied=record.occupied,
        macs=record.macs,
        dram_bytes=record.bytes,
        slots={
            name.removeprefix(_SLOTS): count
            for name, count in sorted(record.counters.items())
            if name.startswith(_SLOTS)
        },
        elapsed_cycles=record.elapsed_cycles,
        units={unit: _time(record, unit) for unit in sorted(record.busy)},
    )


def macs_classes(macs: Macs) -> dict[str, int]:
    """Multiply-accumulates by what became of them."""
    return {
        "effectual": macs.effectual,
        "ineffectual": macs.ineffectual,
        "gated": macs.gated,
        "skipped": macs.skipped,
    }


def worst_sqnr_db(row: NetworkRow) -> float | None:
    """Of the network's outputs; None where none has a finite one."""
    found = [error.sqnr_db for error in row.errors.values() if error.sqnr_db is not None]
    return min(found, default=None)


def _report(outcome: Outcome) -> Report | None:
    return outcome.run.report if outcome.run else None


def _ratio(over: float | None, under: float | None) -> float | None:
    """A ratio of positive numbers; None where one is missing or 0."""
    return over / under if over and under else None


def _inferences_per_joule(report: Report) -> float | None:
    return _ratio(1e6 * report.batch, report.totals.energy.common.total_uj)


def _time(record: Record, unit: str) -> dict[str, int]:
    """How a unit spent the elapsed cycles."""
    causes = sorted(record.stall.get(unit, {}).items())
    stalls = {f"stall {cause}": count for cause, count in causes}
    return {"busy": record.busy[unit], **stalls, "idle": record.idle[unit]}


def _by_key(layers: Iterable[Layer]) -> dict[LayerKey, Layer]:
    found: dict[LayerKey, Layer] = {}
    counts: dict[str, int] = {}
    for layer in layers:
        index = counts.get(layer.name, 0)
        counts[layer.name] = index + 1
        found[layer.name, index] = layer
    return found


def _layer_row(
    key: LayerKey,
    model: str,
    target: str,
    own: Mapping[LayerKey, Layer],
    baseline: Mapping[LayerKey, Layer],
) -> LayerRow:
    layer = own.get(key)
    hosts = [each.name for each in own.values() if key[0] in each.nodes] if layer is None else []
    return LayerRow(
        model=model,
        target=target,
        layer=key[0],
        op=layer.op if layer else "",
        nodes=layer.nodes if layer else (),
        placement=layer.placement if layer else "fused" if hosts else "none",
        fused_into=hosts[0] if hosts else "",
        cells=cells(layer, baseline.get(key)) if layer else None,
        error=layer.error if layer else None,
        own_error=layer.own_error if layer else None,
    )
