"""Networks on Bit-Tactical, layer by layer against onnxruntime, and never slower than dadiannao."""

import pytest
from spcc.isa.targets.dadiannao import DadiannaoSpec
from spcc.isa.targets.tct import TctSpec
from spcc.models.small import BUILDERS
from spcc.tests.e2e.network_runs import checked_report, compiled, each_machine, each_network
from spcc.tools.run_flow import run_program
from spcc.tools.targets import check_target, find_target

SPECS = {
    "default": TctSpec(),
    # So small that networks are cut into warps, strips, blocks and chunks.
    "small": TctSpec(
        tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4, am_words=512, PCAP=256, BCAP=64, B=8,
        L=3, shuffle="on",
    ),
    "coded": TctSpec(
        tiles=3, pes=4, lanes=4, wm_rows=6, pb_windows=7, am_words=1024, wcomp="rlc",
        acomp="group", B=4, sync="pe", shape="L", h=1, d=3, shuffle="on",
    ),
    "accel": TctSpec(
        tiles=2, pes=3, lanes=6, wm_rows=10, pb_windows=9, am_words=1024, sync="accel", h=4,
        d=6, order="near", scheduler="alg2_one", adv_max=0,
    ),
    "dense": TctSpec(
        tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4, am_words=512, h=0, d=0
    ),
}  # fmt: skip


def test_its_parts_belong_together() -> None:
    check_target(find_target("tct"))


@each_machine(SPECS, fast=("small",))
@each_network
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: TctSpec) -> None:
    model = BUILDERS[name]()
    for entry in checked_report(model, compiled(model, "tct", spec))["layers"]:
        macs, counters = entry["macs"], entry["counters"]
        executed = macs["effectual"] + macs["ineffectual"]
        assert executed + macs["skipped"] == macs["nominal"] + macs["expanded"]
        idle = counters.get("sync_wait", 0) + counters.get("lane_idle", 0)
        assert counters.get("work", 0) * spec.warp_filters * spec.lanes == executed + idle


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_never_slower_than_the_baseline(name: str) -> None:
    shape = dict(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)
    work = []
    for target, spec in (("dadiannao", DadiannaoSpec(**shape)), ("tct", TctSpec(**shape))):
        outcome = compiled(BUILDERS[name](), target, spec)
        report = run_program(outcome.compiled.program, outcome.feeds).session.report
        work.append([entry["counters"].get("work", 0) for entry in report["layers"]])
    assert len(work[0]) == len(work[1])
    for dense, sparse in zip(*work, strict=True):
        assert sparse <= dense
