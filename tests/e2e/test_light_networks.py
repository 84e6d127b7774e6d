"""The nine real topologies, pruned by SPOTS groups: compiled, run, every layer checked."""

import json
from pathlib import Path
from typing import Any

import pytest
from spcc.tools.spcc import main

NATIVE_EXCEPT = {
    "bvlc_alexnet": {"LRN", "Softmax"},
    "densenet121": set(),
    "inception_v1": {"LRN", "Softmax"},
    "inception_v2": {"Softmax"},
    "resnet50": {"Softmax"},
    "shufflenet": {"Transpose", "Softmax"},
    "squeezenet": {"Softmax"},
    "vgg19": {"Softmax"},
    "zfnet512": {"LRN", "Softmax"},
}
"""Operators that go to the host, by network."""


def run(tmp_path: Path, *argv: str) -> dict[str, Any]:
    assert main([*argv, "--out-dir", str(tmp_path), "--check-layers"]) == 0
    return json.loads((tmp_path / "report.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", NATIVE_EXCEPT)
def test_pruned_network(name: str, tmp_path: Path) -> None:
    report = run(tmp_path, f"light:{name}", "--prune", "group=0.7")
    assert report["check"]["passed"]
    assert report["check"]["layers_passed"]
    assert report["check"]["top1_agreement"] == 1.0
    host = {layer["op"] for layer in report["layers"] if layer["placement"] == "host"}
    assert host == NATIVE_EXCEPT[name]
    for layer in report["layers"]:
        macs = layer["macs"]
        executed = macs["effectual"] + macs["ineffectual"] + macs["gated"] + macs["skipped"]
        assert executed == macs["nominal"] + macs["expanded"], layer["name"]
        assert layer["own_error"]["passed"], layer["name"]


@pytest.mark.slow
def test_dense_network_with_a_batch(tmp_path: Path) -> None:
    report = run(tmp_path, "light:squeezenet", "--batch", "2")
    assert report["batch"] == 2
    assert report["check"]["layers_passed"]


def test_demo_agrees_image_by_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(tmp_path)
    assert report["check"]["passed"]
    printed = capsys.readouterr().out
    assert "they agree on 500 of 500" in printed
    assert report["totals"]["cycles"] == sum(layer["cycles"] for layer in report["layers"])
