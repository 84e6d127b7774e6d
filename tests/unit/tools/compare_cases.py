"""Comparisons made of one run, for the tests of rows, tables, pictures and pages."""

from pathlib import Path
from typing import Any

import msgspec
from spcc.tests.e2e.cli_cases import conv_relu, save
from spcc.tools.compare_rows import Outcome, layer_rows, mean_rows, network_row
from spcc.tools.compare_schema import (
    SCHEMA_VERSION,
    Comparison,
    ConfigurationInfo,
    Failure,
    ModelInfo,
)
from spcc.tools.compare_store import StoredRun
from spcc.tools.compare_work import RunTask
from spcc.tools.report_schema import Layer, Report

FAILURE = Failure(exit_code=3, sentence="m.onnx: the layer does not fit", hint="more memory")


def report_in(folder: Path) -> Report:
    """The report of a small run."""
    path = save(conv_relu(), folder / "m.onnx")
    found = RunTask((str(path), "--target=spots")).perform().report
    assert found is not None
    return found


def made(report: Report, factor: int, layers: dict[str, tuple[str, ...]]) -> Report:
    """The report with other layers (nodes by name) and times and energies that many times more."""
    first = report.layers[0]

    def scaled(record: Any, **changes: Any) -> Any:
        energy = record.energy
        sets = {
            name: msgspec.structs.replace(each, total_uj=factor * each.total_uj)
            for name, each in (("common", energy.common), ("sheet", energy.sheet))
        }
        energy = msgspec.structs.replace(energy, **sets)
        cycles = factor * record.cycles
        return msgspec.structs.replace(record, cycles=cycles, energy=energy, **changes)

    found: list[Layer] = [scaled(first, name=n, nodes=nodes) for n, nodes in layers.items()]
    totals = scaled(report.totals, time_us=factor * report.totals.time_us)
    return msgspec.structs.replace(report, layers=tuple(found), totals=totals)


def outcome(model: str, target: str, report: Report | None, failure: Any = None) -> Outcome:
    run = StoredRun(schema_version=1, key="", warnings=("w",), report=report) if report else None
    return Outcome(model, target, f"runs/{model}.json", run, failure)


def comparison_of(report: Report) -> Comparison:
    """Model m on a, b (3x, conv and relu apart), c (fails); model n on a, b (12x), c (6x)."""
    fused, apart = {"conv": ("conv", "relu")}, {"copy": (), "conv": ("conv",), "relu": ("relu",)}
    outcomes = [
        outcome("m", "a", made(report, 1, fused)),
        outcome("m", "b", made(report, 3, apart)),
        outcome("m", "c", None, FAILURE),
        outcome("n", "a", made(report, 1, fused)),
        outcome("n", "b", made(report, 12, fused)),
        outcome("n", "c", made(report, 6, fused), FAILURE),
    ]
    m, n = outcomes[:3], outcomes[3:]
    networks = [network_row(each, m[0]) for each in m] + [network_row(each, n[0]) for each in n]
    return Comparison(
        schema_version=SCHEMA_VERSION,
        versions={},
        baseline="a",
        options=(),
        configurations=tuple(
            ConfigurationInfo(label=name, target=name, variant="", config={"NR": 4})
            for name in "abc"
        ),
        models=(ModelInfo(name="m", sha256=""), ModelInfo(name="n", sha256="")),
        networks=tuple(networks),
        means=tuple(mean_rows(networks, ["a", "b", "c"], "a")),
        layers=(*layer_rows(m, m[0]), *layer_rows(n, n[0])),
    )
