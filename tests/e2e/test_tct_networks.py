"""Networks on Bit-Tactical, layer by layer against onnxruntime, and never slower than dadiannao."""

import pytest
from spcc.isa.asm import assemble, disassemble
from spcc.isa.program import Program
from spcc.isa.targets.dadiannao import DadiannaoSpec
from spcc.isa.targets.tct import ISA, TctSpec
from spcc.models.small import BUILDERS
from spcc.tools.compile_flow import Outcome, Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
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


def compiled(name: str, spec: DadiannaoSpec, target: str = "tct") -> Outcome:
    model = Model("m", BUILDERS[name](), "")
    return compile_request(Request(model, find_target(target), spec))


def test_its_parts_belong_together() -> None:
    check_target(find_target("tct"))


FAST = ("small",)
"""The machines that every network runs on in the fast lane."""


FEW = ("qdq_conv", "residual_block", "shuffle", "concat_block")
"""The networks of the fast lane."""


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, id=name, marks=[] if name in FAST else [pytest.mark.slow])
        for name, spec in SPECS.items()
    ],
)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in FEW else [pytest.mark.slow]) for name in BUILDERS],
)
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: TctSpec) -> None:
    outcome = compiled(name, spec)
    program = outcome.compiled.program
    ran = run_program(program, outcome.feeds)
    checked = check_run(ran, BUILDERS[name](), outcome.feeds)
    checked.outputs.raise_on_mismatch()
    checked.layers.raise_on_mismatch()
    for entry in ran.session.report["layers"]:
        macs, counters = entry["macs"], entry["counters"]
        executed = macs["effectual"] + macs["ineffectual"]
        assert executed + macs["skipped"] == macs["nominal"] + macs["expanded"]
        idle = counters.get("sync_wait", 0) + counters.get("lane_idle", 0)
        assert counters.get("work", 0) * spec.warp_filters * spec.lanes == executed + idle
        for unit, busy in entry["busy"].items():
            stalled = sum(entry["stall"][unit].values())
            assert busy + stalled + entry["idle"][unit] == entry["elapsed_cycles"]
    instructions = program.instructions(ISA)
    assert assemble(disassemble(instructions, ISA), ISA) == instructions
    assert Program.from_bytes(program.to_bytes(), ISA).to_bytes() == program.to_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_never_slower_than_the_baseline(name: str) -> None:
    shape = dict(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)
    work = []
    for target, spec in (("dadiannao", DadiannaoSpec(**shape)), ("tct", TctSpec(**shape))):
        outcome = compiled(name, spec, target)
        report = run_program(outcome.compiled.program, outcome.feeds).session.report
        work.append([entry["counters"].get("work", 0) for entry in report["layers"]])
    assert len(work[0]) == len(work[1])
    for dense, sparse in zip(*work, strict=True):
        assert sparse <= dense
