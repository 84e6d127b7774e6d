"""Networks on DaDianNao, layer by layer against onnxruntime, whole and in strips."""

import json
from pathlib import Path

import pytest
from spcc.isa.targets.dadiannao import DadiannaoSpec
from spcc.models.small import BUILDERS
from spcc.tests.e2e.network_runs import checked_report, compiled, each_machine, each_network
from spcc.tools.spcc import main
from spcc.tools.targets import check_target, find_target

SMALL = DadiannaoSpec(
    tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4, am_words=512, PCAP=256, BCAP=64, B=8, L=3
)
"""So small that networks are cut into warps, strips, blocks and chunks."""
CODED = DadiannaoSpec(
    tiles=3, pes=4, lanes=2, wm_rows=6, pb_windows=7, am_words=1024, wcomp="rlc", acomp="group", B=4
)
"""Both compressions, and words narrower than a tile."""


def test_its_parts_belong_together() -> None:
    check_target(find_target("dadiannao"))


SPECS = {"default": DadiannaoSpec(), "small": SMALL, "coded": CODED}


@each_machine(SPECS, fast=("small",))
@each_network
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: DadiannaoSpec) -> None:
    model = BUILDERS[name]()
    for entry in checked_report(model, compiled(model, "dadiannao", spec))["layers"]:
        macs, counters = entry["macs"], entry["counters"]
        assert macs["effectual"] + macs["ineffectual"] == macs["nominal"] + macs["expanded"]
        assert counters.get("work", 0) * spec.warp_filters * spec.lanes == (
            macs["effectual"] + macs["ineffectual"] + counters.get("lane_idle", 0)
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "inception_v1", "shufflenet"])
def test_large_network(name: str, tmp_path: Path) -> None:
    """Adds, concatenations, grouped and depthwise layers, at the size they are meant for."""
    argv = [f"light:{name}", "--target", "dadiannao", "--prune", "group=0.7", "--check-layers"]
    assert main([*argv, "--out-dir", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["check"]["passed"]
    assert report["check"]["layers_passed"]
    for layer in report["layers"]:
        macs = layer["macs"]
        executed = macs["effectual"] + macs["ineffectual"]
        assert executed == macs["nominal"] + macs["expanded"], layer["name"]
    host = {layer["op"] for layer in report["layers"] if layer["placement"] == "host"}
    assert host <= {"LRN", "Softmax", "Transpose"}
