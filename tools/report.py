"""Assemble what is known of a run into report.json, layers.csv and summary.csv."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..isa.files import replacing
from ..runtime.check import CheckResult, LayerError
from ..runtime.energy import EnergyEntry, Rates, Work, energy_report, total_work
from .report_csv import layer_rows, summary_row, to_csv
from .report_schema import SCHEMA_VERSION, Macs, Record, Report, encode

_PACKAGES = ("numpy", "onnx", "onnxruntime", "xdsl", "numba")
_COUNTED = tuple(
    name
    for name in Record.__struct_fields__
    if name not in ("macs", "utilisation", "occupied", "energy")
)
_NAMED = ("name", "op", "placement", "nodes", "source", "product_shift")


@dataclass(frozen=True)
class About:
    """What a report says beside the run itself.

    Args:
        command: The command line, word by word.
        model: Name of the model.
        model_sha256: Of its file.
        batch: Inferences per run.
        seed: Of random inputs and weights; None if nothing was random.
    """

    command: Sequence[str] = ()
    model: str = ""
    model_sha256: str = ""
    batch: int = 1
    seed: int | None = None


@dataclass(frozen=True)
class Checked:
    """The comparisons with the reference.

    Args:
        outputs: The network's outputs.
        layers: Layer outputs, matched by the layer's name, with the errors of all layers before.
        own: Layer outputs against what the reference makes of the machine's own inputs.
        unpruned: The network's outputs against the network before pruning.
        top1: Top-1 agreement of a classifier's output, or None.
    """

    outputs: CheckResult
    layers: CheckResult = field(default_factory=lambda: CheckResult(()))
    own: CheckResult = field(default_factory=lambda: CheckResult(()))
    unpruned: CheckResult = field(default_factory=lambda: CheckResult(()))
    top1: float | None = None


def assemble(
    run: Mapping[str, Any],
    about: About,
    entries: Sequence[EnergyEntry],
    rates: Rates,
    checked: Checked | None = None,
) -> Report:
    """Build the report of a run.

    Args:
        run: `InferenceSession.report`.
        about: What the run does not know.
        entries: The machine's energy table.
        rates: The machine's clock and multipliers.
        checked: The comparisons, if there were any.
    """
    work = [_work(record) for record in run["layers"]]
    energy = energy_report(entries, [*work, _rest(run["totals"], work)], rates.mhz)
    errors = _errors(checked.layers) if checked else {}
    own_errors = _errors(checked.own) if checked else {}
    layers = [
        {
            **{key: record[key] for key in _NAMED},
            **_record(record, sets, rates),
            "error": errors.get(record["name"]),
            "own_error": own_errors.get(record["name"]),
        }
        for record, sets in zip(run["layers"], energy["layers"], strict=False)
    ]
    report: dict[str, Any] = {
        **{key: run[key] for key in ("target", "config", "info", "is_compute_only")},
        "schema_version": SCHEMA_VERSION,
        "versions": versions(),
        "command": tuple(about.command),
        "model": about.model,
        "model_sha256": about.model_sha256,
        "batch": about.batch,
        "seed": about.seed,
        "check": _check(checked) if checked else None,
        "totals": _totals(run["totals"], energy, rates, about.batch),
        "layers": layers,
    }
    return msgspec.convert(report, Report)


def versions() -> dict[str, str]:
    """Versions of spcc, Python and the libraries that a result may depend on."""
    found = {"spcc": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_report(report: Report, folder: Path) -> None:
    """Write report.json, layers.csv and summary.csv; each appears whole or not at all.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    files = {
        "report.json": encode(report),
        "layers.csv": to_csv(layer_rows(report)),
        "summary.csv": to_csv([summary_row(report)]),
    }
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)


def _record(record: Mapping[str, Any], energy: Any, rates: Rates) -> dict[str, Any]:
    macs, slots = record["macs"], record["cycles"] * rates.peak_macs_per_cycle
    executed = macs["effectual"] + macs["ineffectual"] + macs["gated"]
    return {
        **{key: record[key] for key in _COUNTED},
        "macs": {key: macs[key] for key in Macs.__struct_fields__},
        "utilisation": macs["effectual"] / slots if slots else None,
        "occupied": executed / slots if slots else None,
        "energy": energy,
    }


def _totals(
    totals: Mapping[str, Any], energy: Mapping[str, Any], rates: Rates, batch: int
) -> dict[str, Any]:
    time = energy["throughput"]["time_us"]
    return {
        **_record(totals, energy["total"], rates),
        "input_saturations": totals["input_saturations"],
        **energy["throughput"],
        "inferences_per_second": batch / time * 1e6 if time else None,
        "power": energy["power"],
    }


def _work(record: Mapping[str, Any]) -> Work:
    """A layer's work; what runs on the host is no work of the machine."""
    macs, is_host = record["macs"], record["placement"] == "host"
    nominal = 0 if is_host else macs["nominal"]
    return Work(record["counters"], record["cycles"], nominal, macs["effectual"])


def _rest(totals: Mapping[str, Any], layers: Sequence[Work]) -> Work:
    """What instructions of no layer did."""
    done = total_work(layers)
    counters = {n: count - done.counters.get(n, 0) for n, count in totals["counters"].items()}
    return Work(counters, totals["cycles"] - done.cycles)


def _check(checked: Checked) -> dict[str, Any]:
    return {
        "passed": checked.outputs.passed,
        "layers_passed": checked.own.passed if checked.own.layers else None,
        "outputs": _errors(checked.outputs),
        "top1_agreement": checked.top1,
        "unpruned": _errors(checked.unpruned),
    }


def _errors(result: CheckResult) -> dict[str, dict[str, Any]]:
    return {error.name: _error(error) for error in result.layers}


def _error(error: LayerError) -> dict[str, Any]:
    return {
        "max_abs": error.max_abs if isfinite(error.max_abs) else None,
        "sqnr_db": error.sqnr_db if isfinite(error.sqnr_db) else None,
        "passed": error.passed,
    }
