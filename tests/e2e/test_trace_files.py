"""Traces of real programs, one per target."""

import json
from pathlib import Path

import pytest
from spcc.tests.e2e.cli_cases import call, conv_relu, save
from spcc.tests.unit.runtime.trace_format import check_format
from spcc.tools.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_tracks_for_units_and_counters(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save(conv_relu(), tmp_path / "m.onnx")
    argv = ("--target", target, "--set", "B=16", "--trace", "--out-dir", tmp_path)
    assert call("spcc", model, *argv) == 0
    assert "trace.json: " in capsys.readouterr().err
    made = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    check_format(made)
    events = made["traceEvents"]
    names = {event["name"] for event in events if event["ph"] == "X"}
    assert any(name.endswith(" conv (conv, relu)") for name in names)
    last = {event["name"]: event["args"] for event in events if event["ph"] == "C"}
    totals = json.loads((tmp_path / "report.json").read_text("utf-8"))["totals"]
    moved = {name: count for name, count in totals["bytes"].items() if count}
    assert last.pop("DRAM bytes so far") == moved
    kinds = {kind for values in last.values() for kind in values}
    classes = ("effectual", "ineffectual", "gated", "skipped")
    assert kinds == {kind for kind in classes if totals["macs"][kind]}
    assert all(name.startswith("MACs per cycle, ") for name in last)
