"""Rows of a comparison: layers matched by node, ratios, means, tables."""

import csv
import io
from math import isclose
from pathlib import Path

import msgspec
import pytest
from spcc.tests.unit.tools.compare_cases import FAILURE, comparison_of, outcome, report_in
from spcc.tools import compare_flow
from spcc.tools.compare_csv import layers_csv, summary_csv
from spcc.tools.compare_rows import geometric_mean, layer_rows, mean_rows, merged, network_row
from spcc.tools.compare_schema import Comparison
from spcc.tools.compare_table import failures, print_comparison, warnings
from spcc.tools.report_schema import Report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report_in(tmp_path_factory.mktemp("model"))


@pytest.fixture
def comparison(report: Report) -> Comparison:
    return comparison_of(report)


def rows_of(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode())))


def test_layers_of_one_node_are_the_same_layer(comparison: Comparison) -> None:
    rows = [row for row in comparison.layers if row.model == "m"]
    assert [(row.layer, row.target, row.placement, row.fused_into) for row in rows] == [
        ("copy", "a", "none", ""),
        ("copy", "b", "native", ""),
        ("conv", "a", "native", ""),
        ("conv", "b", "native", ""),
        ("relu", "a", "fused", "conv"),
        ("relu", "b", "native", ""),
    ]
    by_key = {(row.layer, row.target): row.cells for row in rows}
    conv, relu = by_key["conv", "b"], by_key["relu", "b"]
    assert conv is not None
    assert relu is not None
    assert (conv.speedup, conv.energy_common_ratio) == (1 / 3, 3)
    assert (relu.speedup, relu.energy_common_ratio) == (None, None)
    assert by_key["relu", "a"] is None


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        (["abc"], "abc"),
        (["abc", "abxc"], "abxc"),
        (["ac", "abc", "xac"], "xabc"),
        (["ab", "ba"], "ab"),
        (["b", "a"], "ab"),
    ],
)
def test_orders_are_merged(orders: list[str], expected: str) -> None:
    keys = [[(name, 0) for name in order] for order in orders]
    assert merged(keys) == [(name, 0) for name in expected]


def test_layers_of_one_name_are_told_apart(report: Report) -> None:
    twice = msgspec.structs.replace(report, layers=(report.layers[0],) * 2)
    own = outcome("m", "a", twice)
    assert [row.cells and row.cells.speedup for row in layer_rows([own], own)] == [1, 1]


def test_networks_and_means(comparison: Comparison) -> None:
    b, c = comparison.networks[4], comparison.networks[5]
    assert b.cells is not None
    assert isclose(b.cells.speedup or 0, 1 / 12)
    assert isclose(b.time_speedup or 0, 1 / 12)
    assert b.is_correct
    assert c.failure == FAILURE
    means = {row.target: row for row in comparison.means}
    assert means["a"].models == ("m", "n")
    assert means["a"].speedup == means["a"].energy_sheet_ratio == 1
    assert isclose(means["b"].speedup or 0, 1 / 6)
    assert isclose(means["b"].energy_common_ratio or 0, 6)
    # A run that failed, and one whose values are wrong, are in no mean.
    assert (means["c"].models, means["c"].speedup) == ((), None)


def test_no_ratios_without_a_baseline(report: Report) -> None:
    run, lost = outcome("m", "b", report), outcome("m", "a", None, FAILURE)
    row = network_row(run, lost)
    assert row.cells is not None
    assert (row.cells.speedup, row.time_speedup, row.cells.energy_common_ratio) == (None,) * 3
    assert mean_rows([row, network_row(lost, lost)], ["a", "b"], "a")[1].models == ()
    assert all(each.cells and each.cells.speedup is None for each in layer_rows([run, lost], lost))


def test_efficiency(report: Report, comparison: Comparison) -> None:
    b = comparison.networks[1]
    assert b.cells is not None
    joules = 3e-6 * report.totals.energy.common.total_uj
    assert isclose(b.inferences_per_joule or 0, report.batch / joules)
    assert isclose(
        b.cells.effectual_gmacs_per_joule or 0, report.totals.macs.effectual / joules / 1e9
    )


def test_slot_classes_are_the_targets_own(report: Report) -> None:
    counters = {"slot_own": 7, "slot_zero": 2, "empty_slot_cycles": 5, "mac_eff": 7}
    totals = msgspec.structs.replace(report.totals, counters=counters)
    own = outcome("m", "a", msgspec.structs.replace(report, totals=totals))
    row = network_row(own, own)
    assert row.cells is not None
    assert row.cells.slots == {"own": 7, "zero": 2}
    for states in row.cells.units.values():
        assert sum(states.values()) == row.cells.elapsed_cycles


def test_geometric_means() -> None:
    assert isclose(geometric_mean([2, None, 8]) or 0, 4)
    assert geometric_mean([None]) is None


def test_csv(comparison: Comparison) -> None:
    layers = rows_of(layers_csv(comparison))
    assert len(layers) == len(comparison.layers) + 1
    assert all(len(row) == len(layers[0]) and None not in row for row in layers)
    first = next(row for row in layers if (row["layer"], row["target"]) == ("conv", "b"))
    assert (first["model"], first["speedup_ratio"]) == ("m", repr(1 / 3))
    streams = ("dram_in_bytes", "dram_out_bytes", "dram_wt_bytes", "dram_bias_bytes")
    assert int(first["dram_bytes"]) == sum(int(first[name]) for name in streams)
    lost = layers[-1]
    assert (lost["model"], lost["target"], lost["layer"], lost["cycles"]) == ("m", "c", "", "")
    assert (lost["exit_code"], lost["failure"]) == ("3", FAILURE.sentence)
    summary = rows_of(summary_csv(comparison))
    assert [row["row"] for row in summary] == ["network"] * 6 + ["geometric mean"] * 3
    assert [row["network_count"] for row in summary[-3:]] == ["2", "2", "0"]
    assert summary[0]["config_NR"] == "4"
    used = comparison.networks[1].cells
    assert used is not None
    for row in (first, summary[1]):
        spent = [int(row[f"{state}_array_cycles"]) for state in ("busy", "stall", "idle")]
        assert sum(spent) == int(row["elapsed_cycles"]) > 0
        share = float(row["occupied_percent"]) - float(row["utilisation_percent"])
        waste = int(row["macs_ineffectual_count"]) + int(row["macs_gated_count"])
        assert isclose(share / float(row["utilisation_percent"]), waste / used.macs.effectual)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(comparison: Comparison, file: io.StringIO, *, layers: bool = True) -> str:
    print_comparison(comparison, file, layers=layers)
    return file.getvalue()


def test_plain_tables(comparison: Comparison) -> None:
    text = printed(comparison, io.StringIO())
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("conv ")] == [
        ["conv", "a", "native"],
        ["conv", "b", "native"],
    ] + [["conv", name, "native"] for name in "abc"]
    assert "relu  a      in conv" in text
    assert "m     " in text
    lines = [line.split() for line in text.splitlines()]
    assert ["m", "c", "FAILED", *"-" * 10] in lines
    assert [line[:3] for line in lines if line[:2] == ["n", "c"]] == [["n", "c", "DIFFERS"]]
    assert ["geometric", "mean", "b", "2", "of", "2", "-", "0.17", "-", "6.000", *"------"] in lines
    assert "conv" not in printed(comparison, io.StringIO(), layers=False)


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_terminals_of_any_width_show_whole_numbers(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    rows = [
        msgspec.structs.replace(row, layer=f"/features/features.0/{row.layer}")
        for row in comparison.layers
    ]
    text = printed(msgspec.structs.replace(comparison, layers=tuple(rows)), Terminal())
    for row in (*comparison.layers, *comparison.networks):
        if row.cells is not None:
            words = (row.target, f"{row.cells.cycles:,}", f"{row.cells.energy_common_uj:,.2f}")
            assert any(all(f" {word} " in line for word in words) for line in text.splitlines())
    assert ("SQNR dB: see the files" in text) == (width < 160)
    assert ("DRAM KiB, SQNR dB: see the files" in text) == (width <= 100)
    assert text.count("features.0") <= len({row.layer for row in rows}) * 2  # names stand once


def test_sentences(comparison: Comparison) -> None:
    assert [*failures(comparison)] == [
        f"{name} on c: m.onnx: the layer does not fit\n  hint: more memory" for name in "mn"
    ]
    assert [*warnings(comparison)] == ["m on a and 4 more: w"]


def test_json_round_trip(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_bytes(msgspec.json.encode(comparison))
    assert msgspec.json.decode(path.read_bytes(), type=Comparison) == comparison


@pytest.mark.parametrize(("codes", "gravest"), [((0, 0), 0), ((3, 1), 1), ((0, 4), 4), ((1, 4), 4)])
def test_the_gravest_failure_is_that_of_all_comparisons(
    codes: tuple[int, int], gravest: int, comparison: Comparison
) -> None:
    whole = msgspec.structs.replace(comparison.networks[0], failure=None)
    failures = [
        msgspec.structs.replace(FAILURE, exit_code=code) if code else None for code in codes
    ]
    rows = [msgspec.structs.replace(whole, failure=failure) for failure in failures]
    parts = [msgspec.structs.replace(comparison, networks=(whole, row)) for row in rows]
    assert compare_flow.gravest(parts) == gravest
