"""The real topologies on SparTen, pruned: compiled, run, every layer checked."""

import json
from pathlib import Path

import pytest
from spcc.tests.e2e.test_light_networks import NATIVE_EXCEPT
from spcc.tools.spcc import main


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "squeezenet" else [pytest.mark.long])
        for name in NATIVE_EXCEPT
    ],
)
def test_pruned_network(name: str, tmp_path: Path) -> None:
    argv = [f"light:{name}", "--target", "sparten", "--prune", "group=0.7", "--check-layers"]
    assert main([*argv, "--out-dir", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["check"]["passed"]
    assert report["check"]["layers_passed"]
    host = {layer["op"] for layer in report["layers"] if layer["placement"] == "host"}
    assert host == NATIVE_EXCEPT[name]
    for layer in report["layers"]:
        macs = layer["macs"]
        assert macs["effectual"] + macs["skipped"] == macs["nominal"] + macs["expanded"]


@pytest.mark.slow
def test_demo_agrees_image_by_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "sparten", "--out-dir", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["check"]["passed"]
    assert "they agree on 500 of 500" in capsys.readouterr().out
