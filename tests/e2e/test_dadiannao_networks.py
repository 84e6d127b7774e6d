"""Networks on DaDianNao, layer by layer against onnxruntime, whole and in strips."""

import json
from pathlib import Path

import pytest
from spcc.isa.asm import assemble, disassemble
from spcc.isa.program import Program
from spcc.isa.targets.dadiannao import ISA, DadiannaoSpec
from spcc.models.small import BUILDERS
from spcc.tools.compile_flow import Outcome, Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
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


def compiled(name: str, spec: DadiannaoSpec) -> Outcome:
    model = Model("m", BUILDERS[name](), "")
    return compile_request(Request(model, find_target("dadiannao"), spec))


def test_its_parts_belong_together() -> None:
    check_target(find_target("dadiannao"))


FEW = ("qdq_conv", "residual_block", "shuffle", "concat_block")
"""The networks of the fast lane."""


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(DadiannaoSpec(), id="default", marks=pytest.mark.slow),
        pytest.param(SMALL, id="small"),
        pytest.param(CODED, id="coded", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in FEW else [pytest.mark.slow]) for name in BUILDERS],
)
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: DadiannaoSpec) -> None:
    outcome = compiled(name, spec)
    program = outcome.compiled.program
    ran = run_program(program, outcome.feeds)
    checked = check_run(ran, BUILDERS[name](), outcome.feeds)
    checked.outputs.raise_on_mismatch()
    checked.layers.raise_on_mismatch()
    for entry in ran.session.report["layers"]:
        macs, counters = entry["macs"], entry["counters"]
        assert macs["effectual"] + macs["ineffectual"] == macs["nominal"] + macs["expanded"]
        assert counters.get("work", 0) * spec.warp_filters * spec.lanes == (
            macs["effectual"] + macs["ineffectual"] + counters.get("lane_idle", 0)
        )
        for unit, busy in entry["busy"].items():
            stalled = sum(entry["stall"][unit].values())
            assert busy + stalled + entry["idle"][unit] == entry["elapsed_cycles"]
    instructions = program.instructions(ISA)
    assert assemble(disassemble(instructions, ISA), ISA) == instructions
    assert Program.from_bytes(program.to_bytes(), ISA).to_bytes() == program.to_bytes()


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
