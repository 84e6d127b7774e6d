"""Layers and small networks on SparTen: values, accounts, footprints, and its passes' dumps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from spcc.isa.errors import UnsupportedError
from spcc.isa.footprint import Region
from spcc.isa.program import Program
from spcc.isa.targets.sparten import ISA, Asg, Drn, Lda, Ldf, Ldr, Run, SpartenSpec, Sto
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS, residual_block, single_conv
from spcc.runtime.machines.sparten import MACHINE
from spcc.runtime.memory import Dram
from spcc.tests.e2e import network_runs
from spcc.tools import opt, spcc
from spcc.tools.compile_flow import Outcome
from spcc.tools.run_flow import run_program

SMALL = SpartenSpec(
    clusters=4, cus=2, chunk=8, pos_block=6, ibuf_bytes=2048, fbuf_bytes=96, perm_bw=3,
    bus_bits=32, obuf_bytes=512, PCAP=256, BCAP=64, B=8, L=3, P=3,
)  # fmt: skip
"""So small that every network is cut into batches, blocks, segments and pieces."""
SPECS = {
    "default": SpartenSpec(),
    "small": SMALL,
    "small S": msgspec.structs.replace(SMALL, gb="S", fbuf_bytes=60),
    "small none": msgspec.structs.replace(SMALL, gb="none", clusters=6, obuf_bytes=1024, chunk=5),
}
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    **BUILDERS,
    "strided": lambda: single_conv(strides=(2, 3), pads=(1, 0, 2, 3), dilations=(2, 1)),
    "grouped": lambda: single_conv(groups=3, K=6, C=9, N=2, relu=True),
    "depthwise": lambda: single_conv(groups=4, K=4, C=4, bias=False, N=3, H=5, W=5),
    "wide": lambda: single_conv(R=1, S=1, K=20, H=6, W=6, C=19, density=0.3),
    "same": lambda: single_conv(auto_pad="SAME_UPPER", R=5, S=2, strides=(3, 2)),
    "beyond": lambda: single_conv(H=3, W=3, R=1, S=1, pads=(2, 2, 2, 2)),
}


def compiled(model: onnx.ModelProto, spec: SpartenSpec, **options: Any) -> Outcome:
    return network_runs.compiled(model, "sparten", spec, **options)


def check(model: onnx.ModelProto, spec: SpartenSpec) -> dict[str, Any]:
    """Compile, run and compare layer by layer; the report."""
    report = network_runs.checked_report(model, compiled(model, spec))
    for entry in report["layers"]:
        macs = entry["macs"]
        assert macs["effectual"] + macs["skipped"] == macs["nominal"] + macs["expanded"]
    return report


FAST = {"default": ("residual_block", "shuffle", "grouped"), "small": ("wide", "gemm", "strided")}


@pytest.mark.parametrize("spec", FAST)
def test_some_networks(spec: str) -> None:
    for name in FAST[spec]:
        check(MODELS[name](), SPECS[spec])


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_every_small_network(spec: str) -> None:
    for build in MODELS.values():
        check(build(), SPECS[spec])


def test_everything_the_sheet_calls_native_is() -> None:
    for name in ("strided", "grouped", "depthwise", "beyond", "gemm", "residual_block"):
        report = check(MODELS[name](), SPECS["default"])
        assert {entry["placement"] for entry in report["layers"]} <= {"native", "lowered"}


# What the counters add up to ---------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_counters_add_up(spec: str) -> None:
    """Joins, matches and words from the shapes alone: a layer without padding."""
    model = single_conv(N=2, C=11, K=7, H=4, W=5, R=2, S=3, density=0.4)
    machine = SPECS[spec]
    (layer,) = check(model, machine)["layers"]
    positions, chunks, counters = 2 * 3 * 3, 2 * 3 * -(-11 // machine.chunk), layer["counters"]
    broadcasts = counters["in_mask_reads"]
    sets = -(-7 // machine.set_filters)
    assert broadcasts == positions * chunks * sets
    assert counters["chunk_joins"] == counters["fmask_reads"] == positions * chunks * 7
    assert counters["perm_words"] == (counters["chunk_joins"] if machine.gb == "H" else 0)
    assert counters["out_words"] == positions * 7
    assert counters["macs_dense"] == positions * 7 * 2 * 3 * 11
    assert counters["cu_in_reads"] == counters["fval_reads"] == counters["macs_effectual"]
    used = counters["macs_effectual"] + counters["join_overhead_cycles"]
    slots = layer["compute_cycles"] * machine.clusters * machine.cus
    assert counters["cu_idle"] == slots - used


def test_traffic_is_masks_nonzeros_and_tables() -> None:
    """Section 6.7, by hand: one set, one block per share, filters loaded once."""
    weights = np.zeros((3, 2, 1, 1), np.float32)
    weights[[0, 0, 2], [0, 1, 1], 0, 0] = [0.5, 0.25, -0.5]
    build = GraphBuilder("traffic")
    model = build.model(build.conv(build.input(1, 2, 1, 4), weights, None))
    x = np.array([[[[1, 0, 0, 2]], [[0, 0, 3, 4]]]], np.float32)
    outcome = compiled(model, SpartenSpec(), inputs={"x": x})
    report = run_program(outcome.compiled.program, outcome.feeds).session.report
    counters = report["layers"][0]["counters"]
    # Each of four shares loads the whole row: 4 masks, 4 nonzeros.
    assert counters["dram_in"] == 4 * (4 * 16 + 2 * 4)
    assert counters["dram_wt"] == 3 * 16 + 2 * 3
    assert counters["dram_asg"] == 3 * (2 + 1)
    assert counters["dram_out"] == 2 * 4 * 3
    assert "dram_bias" not in counters


def test_latency_and_bubbles_cost_cycles() -> None:
    model = single_conv(C=3, K=5, density=0.5)
    cycles = [
        check(model, SpartenSpec(join_lat=lat, join_bubble=bubble))["totals"]["cycles"]
        for lat, bubble in ((1, 0), (1, 1), (9, 1), (9, 2))
    ]
    assert cycles == sorted(set(cycles))


def cycles_by_balance(weights: np.ndarray[Any, Any], **machine: int) -> dict[str, int]:
    """Cycles of a 1x1 convolution with each way of balancing."""
    build = GraphBuilder("uneven")
    model = build.model(build.conv(build.input(1, weights.shape[1], 6, 6), weights, None))
    spent: dict[str, int] = {}
    for gb in ("H", "S", "none"):
        spec = msgspec.convert({"gb": gb, **machine}, SpartenSpec)
        spent[gb] = check(model, spec)["totals"]["cycles"]
    return spent


def test_balancing_shortens_runs_of_uneven_filters() -> None:
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((64, 128, 1, 1)).astype(np.float32)
    density = np.linspace(0.02, 0.9, 64)
    uneven = weights * (rng.random(weights.shape) < density[rng.permutation(64), None, None, None])
    spent = cycles_by_balance(uneven)
    # One chunk: both ways are one, but for the permutation network.
    assert spent["S"] < spent["H"] < spent["none"]


def test_only_balancing_per_chunk_helps_where_all_filters_are_as_dense() -> None:
    """Half of the filters have their weights in one chunk, half in the other."""
    weights = np.zeros((4, 16, 1, 1), np.float32)
    weights[:2, :8] = weights[2:, 8:] = 0.5
    by_order = weights[[0, 2, 3, 1]]  # filters 0 and 1 meet on a CU if nothing is changed
    spent = cycles_by_balance(by_order, cus=2, chunk=8, join_bubble=0, join_lat=0)
    assert spent["H"] < spent["S"]


def test_clipped_sums_are_counted() -> None:
    """Sums beyond acc_bits are cut off at the drain, not before."""
    weights = np.array([[[[1.0]], [[1.0]]], [[[1.0]], [[-1.0]]]], np.float32)
    build = GraphBuilder("clipped")
    model = build.model(build.conv(build.input(1, 2, 1, 2), weights, None))
    x = np.full((1, 2, 1, 2), 1.9, np.float32)
    outcome = compiled(model, SpartenSpec(), inputs={"x": x})
    program = outcome.compiled.program
    assert counters_of(program, outcome.feeds)["psum_saturated"] == 0
    narrow = msgspec.structs.replace(program, config={**program.config, "acc_bits": 24})
    # The difference is 0 in both positions and fits; the sum does not.
    assert counters_of(narrow, outcome.feeds)["psum_saturated"] == 2


def counters_of(program: Program, feeds: Any) -> dict[str, int]:
    return run_program(program, feeds).session.report["layers"][0]["counters"]


# Footprints --------------------------------------------------------------------------------------


def covered(regions: tuple[Region, ...], log: list[Region], constants: int) -> bool:
    """Whether a footprint holds every byte that was touched, but constants."""
    told: dict[str, set[int]] = {}
    for region in regions:
        told.setdefault(str(region.memory), set()).update(bytes_of(region))
    return all(
        at in told.get(str(region.memory), ())
        for region in log
        for at in bytes_of(region)
        if region.memory != "dram" or at >= constants
    )


def bytes_of(region: Region) -> list[int]:
    return (region.starts()[:, None] + np.arange(region.run)).reshape(-1).tolist()


def test_instructions_touch_what_their_footprints_say() -> None:
    outcome = compiled(residual_block(C=9, K=None, H=4, W=4), SMALL)
    program = outcome.compiled.program
    dram = Dram(program.data, program.dram_bytes)
    rng = np.random.default_rng(0)
    rest = (program.dram_bytes - len(program.data)) // 2
    dram.write(len(program.data), rng.integers(-9, 9, rest, np.int16))
    state = MACHINE.new_state(SMALL, dram)
    seen: set[type] = set()
    for inst in program.instructions(ISA)[:-1]:
        if inst.is_config:
            if check_it := MACHINE.semantics.get(type(inst)):
                check_it(state, inst)
            state.registers[inst.register] = inst
            continue
        state.dram.log.clear()
        cost = MACHINE.costs[type(inst)](state, inst)
        before = {m: bytes(memory.data) for m, memory in state.memories.items() if len(seen) < 9}
        MACHINE.semantics[type(inst)](state, inst)
        state.scratch.clear()
        reads, writes = ISA.footprint(inst, state.registers)
        log = state.dram.log
        assert covered(writes, log.writes, len(program.data)), inst
        assert covered((*reads, *writes), log.reads, len(program.data)), inst
        for name, old in before.items():
            changed = np.flatnonzero(np.frombuffer(old, np.uint8) != state.memories[name].data)
            touched = {at for r in log.writes if r.memory == name for at in bytes_of(r)}
            assert set(changed.tolist()) <= touched, inst
        assert cost.cycles >= 0
        seen.add(type(inst))
    assert {Lda, Asg, Ldf, Run, Drn, Sto, Ldr} <= seen


# Passes ------------------------------------------------------------------------------------------


def test_the_dump_shows_order_compute_units_and_segments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = np.zeros((3, 4, 1, 1), np.float32)
    weights[0, 0] = weights[1, :3] = weights[2, :2] = 0.5
    build = GraphBuilder("dump")
    model = build.model(build.conv(build.input(1, 4, 2, 2), weights, None))
    spec = msgspec.structs.replace(SMALL, chunk=4, fbuf_bytes=18)
    program = compiled(model, spec, dump=tmp_path).compiled.program
    (dump,) = tmp_path.glob("*-sparten-balance-filters.mlir")
    text = dump.read_text()
    assert '"group 0 set 0: filters 1 2 0", "  chunk 0: CU 0: 1; CU 1: 2 0"' in text
    assert 'sparten_balance = {gb = "H", sets = 1 : i64, segments = 1 : i64' in text
    assert "sparten_segments = [array<i64: 1>]" in text
    again = tmp_path / "again.spx"
    argv = ["--resume-from", str(dump), "--target", "sparten", "-c", "-o", str(again)]
    assert spcc.main(argv) == 0
    assert again.read_bytes() == program.to_bytes()
    assert opt.main([str(dump), "-p", "sparten-pack-weights"]) == 0
    assert "packed_bytes" in capsys.readouterr().out


def test_passes_ask_for_those_before_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled(single_conv(), SpartenSpec(), dump=tmp_path)
    (before,) = tmp_path.glob("*-assign-layout.mlir")
    for name, first in (("balance-filters", "tile"), ("pack-weights", "sparten-balance-filters")):
        assert opt.main([str(before), "-p", f"sparten-{name}"]) != 0
        assert f"run {first} first" in capsys.readouterr().err


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(
        UnsupportedError, match=r"need 288 bytes, but the input memory has .* = 128"
    ):
        compiled(single_conv(C=4, H=4, W=4), SpartenSpec(ibuf_bytes=128))
    with pytest.raises(UnsupportedError, match=r"chunk 0 needs 48 bytes of a CU, .* = 47"):
        compiled(single_conv(C=4, R=1, S=1, K=64), SpartenSpec(fbuf_bytes=47))
    with pytest.raises(UnsupportedError, match="a filter has 8192 chunks of 1 values, more than"):
        compiled(single_conv(C=512, R=4, S=4, H=4, W=4), SpartenSpec(chunk=1, ibuf_bytes=1 << 20))


def test_what_is_beyond_the_default_machine_runs_on_the_host() -> None:
    model = single_conv(C=600, H=3, W=100, R=3, S=3)
    ((_, _, reason),) = compiled(model, SpartenSpec()).compiled.host_calls
    assert reason.startswith("sparten requires: The input rows of an output row fit")
