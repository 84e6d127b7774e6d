"""Networks on GoSPA, layer by layer against onnxruntime, on roomy and on tiny machines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spcc.isa.targets.gospa import GospaSpec
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS
from spcc.tests.e2e.network_runs import checked_report, compiled, each_machine, each_network
from spcc.tools import api
from spcc.tools.spcc import main

SPECS = {
    "default": GospaSpec(),
    # So small that every loop runs more than once.
    "tiny": GospaSpec(
        n_apu=2, cols=3, acc_entries=6, ring_entries=128, ring_slots=2, act_half=220, w_half=70,
        PCAP=2048, BCAP=64, sort_filters=1, B=16, L=20,
    ),
    "uneven": GospaSpec(
        n_apu=6, cols=2, acc_entries=70, act_half=1220, w_half=91, bm_bits=7, act_rd=1, B=1,
        PCAP=32768,
    ),
    "one": GospaSpec(n_apu=1, cols=1, acc_entries=1, ring_slots=1, obuf=1, BCAP=16, B=64),
}  # fmt: skip
HOST = {
    "bvlc_alexnet": {"LRN", "Softmax"},
    "densenet121": set[str](),
    "inception_v1": {"LRN", "Softmax"},
    "inception_v2": {"Softmax"},
    "resnet50": {"Softmax"},
    "shufflenet": {"Transpose", "Softmax"},
    "squeezenet": {"Softmax"},
    "vgg19": {"Softmax"},
    "zfnet512": {"LRN", "Softmax"},
}
"""Operators that go to the host, by network."""


def check_layer(entry: dict[str, Any]) -> None:
    """What holds of every layer, whatever it is."""
    macs, counters = entry["macs"], entry["counters"]
    executed = macs["effectual"] + macs["ineffectual"] + macs["gated"]
    assert executed + macs["skipped"] == macs["nominal"] + macs["expanded"]
    if "runs" in counters:
        assert counters["macs_dense"] == macs["nominal"] + macs["expanded"]
        assert counters["apu_scanned"] == counters["apu_kept"] + counters["apu_dropped"]
        assert counters["pairs_kept"] <= counters["pairs_generated"]
        assert counters["ring_reads"] == counters["macs_effectual"] == macs["effectual"]
        assert counters["acc_saturated"] == 0


@each_machine(SPECS, fast=("tiny",))
@each_network
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: GospaSpec) -> None:
    model, pes = BUILDERS[name](), spec.n_apu * spec.cols
    for entry in checked_report(model, compiled(model, "gospa", spec))["layers"]:
        check_layer(entry)
        counters = entry["counters"]
        used = counters.get("macs_effectual", 0) + counters.get("empty_slot_cycles", 0)
        assert entry["compute_cycles"] * pes == used + counters.get("pe_idle", 0)


def test_features_of_a_concatenation_are_read_alone() -> None:
    """A member that a layer reads, too, has no neighbour's features in its folded channels."""
    build, rng = GraphBuilder("features"), np.random.default_rng(0)

    def dense(value: str, K: int, C: int) -> str:
        weights = rng.standard_normal((K, C)).astype(np.float32)
        return build.node("Relu", build.node("Gemm", value, build.constant(weights), transB=1))

    x = build.input(2, 30)
    members = [dense(x, 37, 30), dense(x, 45, 30)]
    both = build.node("Concat", *members, axis=1)
    outputs = (dense(members[0], 5, 37), dense(members[1], 5, 45), dense(both, 6, 82))
    feeds = {"x": rng.standard_normal((2, 30)).astype(np.float32)}
    program = api.compile(
        build.model(build.node("Concat", *outputs, axis=1)), "gospa", inputs=feeds
    )
    session = api.InferenceSession(program)
    session.run(None, feeds, taps=True)
    counted = [entry["counters"] for entry in session.report["layers"]]
    found = [counters["apu_scanned"] for counters in counted if counters.get("runs")][2:]
    one, other = (int(np.count_nonzero(session.taps[name])) for name in members)
    assert found == [one, other, one + other]


def run(tmp_path: Path, *argv: str) -> dict[str, Any]:
    assert main([*argv, "--target", "gospa", "--out-dir", str(tmp_path), "--check-layers"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["check"]["passed"]
    assert report["check"]["layers_passed"]
    for entry in report["layers"]:
        check_layer(entry)
    return report


@pytest.mark.slow
def test_demo_agrees_image_by_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(tmp_path)
    assert "they agree on 500 of 500" in capsys.readouterr().out
    assert report["totals"]["cycles"] == sum(layer["cycles"] for layer in report["layers"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "squeezenet" else [pytest.mark.long]) for name in HOST],
)
def test_pruned_network(name: str, tmp_path: Path) -> None:
    report = run(tmp_path, f"light:{name}", "--prune", "magnitude=0.7")
    assert report["check"]["top1_agreement"] == 1.0
    host = {layer["op"] for layer in report["layers"] if layer["placement"] == "host"}
    assert host == HOST[name]
    assert report["totals"]["accumulator_saturations"] == 0
