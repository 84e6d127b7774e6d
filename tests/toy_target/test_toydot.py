"""A target from elsewhere gets every tool and pass of spcc, without an edit to any of them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import toydot
from spcc.compiler.dialects.sparse_tensor import PoolOp
from spcc.compiler.targets.base import PIPELINE
from spcc.isa.asm import assemble, disassemble
from spcc.isa.errors import PassError, UnsupportedError
from spcc.isa.program import Program
from spcc.models.builder import GraphBuilder
from spcc.models.digits import MODEL as DIGITS
from spcc.models.small import BUILDERS, residual_block, single_conv
from spcc.tools import asm, docs, objdump, opt, spcc, targets
from spcc.tools.compile_flow import Outcome, Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target
from toydot.compiler import COMPILER
from toydot.isa import ISA, Dot, ToydotSpec
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

ROOT = Path(__file__).resolve().parents[2]
SMALL = ToydotSpec(M=5, CAP=4096, BCAP=64, PCAP=256, B=8, L=3, P=3)
"""So small that every network below is cut into groups, filters and bands."""


def compiled(model: onnx.ModelProto, spec: ToydotSpec, **options: Any) -> Outcome:
    target = find_target("toydot")
    return compile_request(Request(Model("m", model, ""), target, spec, **options))


def test_it_is_small_and_spcc_does_not_know_it() -> None:
    lines = [p.read_text().splitlines() for p in Path(toydot.__file__).parent.glob("*.py")]
    assert sum(map(len, lines)) < 200
    for layer in ("isa", "compiler", "runtime", "models", "tools"):
        for path in (ROOT / layer).rglob("*.py"):
            assert "toydot" not in path.read_text(encoding="utf-8"), path


def test_its_parts_belong_together() -> None:
    targets.check_target(find_target("toydot"))


def test_the_tools_list_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert spcc.main(["--list-targets"]) == 0
    assert "toydot       dense dot-product engine, the example of" in capsys.readouterr().out
    assert spcc.main(["--target", "toydot", "--print-config", "--set", "M=7"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["M = 7", "CAP = 131072"]
    assert spcc.main(["--target", "toydot", "--print-config", "--set", "NR=7"]) == 2
    assert (
        "the parameters of this target are B, L, P, PCAP, BCAP, M, CAP" in capsys.readouterr().err
    )
    assert spcc.main(["--target", "toydot", "--list-ops"]) == 0
    page = capsys.readouterr().out
    assert "- `sparse_tensor.conv2d`: Kernel 31x31, strides, dilations, padding 15," in page
    assert "- `sparse_tensor.pool`: The kernel has at most 63 rows and 63 columns." in page


def test_its_pages_are_written(tmp_path: Path) -> None:
    assert docs.main(["--target", "toydot", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "isa" / "toydot.md").read_text()
    assert all(f"### `{cls.mnemonic}`" in page for cls in ISA.instructions)
    assert "| `psh` | 3..0 (4) | 0..15 | bits | right shift of a sum, rounded half" in page
    assert (tmp_path / "supported-ops.md").read_text().count("\n## ") == 1


def test_the_network_that_ships(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A copy: under its own name spcc would classify all test images (test_toydot_wheel.py does).
    copy = shutil.copy(DIGITS, tmp_path / "copy.onnx")
    command = [str(copy), "--target", "toydot", "--out-dir", str(tmp_path), "--check-layers"]
    assert spcc.main([*command, "--dump-ir", str(tmp_path / "ir")]) == 0
    assert "output 'logits' agrees with the reference" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    cycles = {layer["name"]: layer["cycles"] for layer in report["layers"]}
    # K * OH * OW * ceil(C * R * S / 64); the PPU pools.
    assert cycles == {
        "conv1": 32 * 8 * 8 * 1, "conv2": 64 * 8 * 8 * 5, "pool1": 0,
        "conv3": 64 * 4 * 4 * 9, "pool2": 0, "classifier": 10 * 4,
    }  # fmt: skip
    assert {layer["placement"] for layer in report["layers"]} == {"native"}
    pools = {e["name"]: e["unit_cycles"]["ppu"] for e in report["layers"] if e["op"] == "MaxPool"}
    # Four elements per result, P = 16 in a cycle.
    assert pools == {"pool1": 64 * 4 * 4 * 4 // 16, "pool2": 64 * 2 * 2 * 4 // 16}
    assert report["totals"]["energy"]["common"]["on_chip_uj"] > 0

    program = next(tmp_path.glob("*.toydot.spx"))
    resumed, text, again = (tmp_path / name for name in ("resumed.spx", "a.s", "again.spx"))
    (tiled,) = (tmp_path / "ir").glob("*-tile.mlir")
    assert (
        spcc.main(["--target", "toydot", "--resume-from", str(tiled), "-c", "-o", str(resumed)])
        == 0
    )
    assert resumed.read_bytes() == program.read_bytes()
    assert objdump.main([str(program), "--asm", "-o", str(text)]) == 0
    assert asm.main([str(text), "-o", str(again)]) == 0
    assert again.read_bytes() == program.read_bytes()
    (lowered,) = (tmp_path / "ir").glob("*-insert-semaphores.mlir")
    assert opt.main([str(lowered), "-p", "insert-semaphores"]) == 0
    assert "toydot.dot act=" in capsys.readouterr().out


def macs(outcome: Outcome) -> list[int]:
    """Nominal MACs of the layers that the machine runs."""
    layers = outcome.compiled.program.layers
    return [layer.nominal_macs for layer in layers if layer.placement != "host"]


@pytest.mark.parametrize("spec", [ToydotSpec(), SMALL], ids=["default", "small"])
@pytest.mark.parametrize("name", BUILDERS)
def test_every_small_network_computes_what_onnxruntime_does(name: str, spec: ToydotSpec) -> None:
    model = BUILDERS[name]()
    outcome = compiled(model, spec)
    program = outcome.compiled.program
    ran = run_program(program, outcome.feeds)
    checked = check_run(ran, model, outcome.feeds)
    checked.outputs.raise_on_mismatch()
    checked.layers.raise_on_mismatch()
    native = [e for e in ran.session.report["layers"] if e["placement"] != "host"]
    assert [e["macs"]["effectual"] + e["macs"]["ineffectual"] for e in native] == macs(outcome)
    for entry in ran.session.report["layers"]:
        for unit, busy in entry["busy"].items():
            stalled = sum(entry["stall"][unit].values())
            assert busy + stalled + entry["idle"][unit] == entry["elapsed_cycles"]
    instructions = program.instructions(ISA)
    assert assemble(disassemble(instructions, ISA), ISA) == instructions
    assert Program.from_bytes(program.to_bytes(), ISA).to_bytes() == program.to_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"strides": (2, 3), "pads": (1, 0, 2, 3), "dilations": (2, 1)},
        {"groups": 3, "K": 6, "C": 9, "N": 2, "relu": True},
        {"groups": 8, "K": 8, "C": 8, "bias": False},
        {"R": 1, "S": 1, "K": 20, "H": 12, "W": 12, "C": 2},
        {"auto_pad": "SAME_UPPER", "R": 5, "S": 2, "strides": (3, 2)},
    ],
)
def test_cycles_of_a_convolution_follow_the_rule(changes: dict) -> None:
    model = single_conv(**changes)
    for spec in (ToydotSpec(M=4), ToydotSpec(M=5, CAP=512)):
        outcome = compiled(model, spec)
        ran = run_program(outcome.compiled.program, outcome.feeds)
        (layer,) = ran.session.report["layers"]
        check_run(ran, model, outcome.feeds).outputs.raise_on_mismatch()
        K, *terms = model.graph.initializer[0].dims
        (output,) = ran.outputs.values()
        assert layer["cycles"] == output.size * -(-prod(terms) // spec.M)
        assert output.shape[1] == K
    dots = [i for i in outcome.compiled.program.instructions(ISA) if isinstance(i, Dot)]
    assert len(dots) > 1


def test_what_does_not_fit_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wide.onnx"
    onnx.save(single_conv(C=40), path)
    assert spcc.main([str(path), "--target", "toydot", "--set", "CAP=512", "-c"]) == 3
    assert "half of CAP = 512 is too small\n  hint: raise CAP" in capsys.readouterr().err


def test_what_is_beyond_a_field_runs_on_the_host() -> None:
    outcome = compiled(single_conv(R=32, H=40), ToydotSpec())
    ((_, _, reason),) = outcome.compiled.host_calls
    assert reason.startswith("toydot requires: Kernel 31x31")
    with pytest.raises(UnsupportedError):
        compiled(single_conv(R=32, H=40), ToydotSpec(), fail_on_host=True)


# What the next targets need and toydot does not: other layouts in DRAM, passes of their own.


def channels_last(block: int) -> Callable[[object, Sequence[int]], tuple[int, ...]]:
    """Strides of [image][y][x][channel], the channels filled up to whole blocks."""

    def strides(_: object, shape: Sequence[int]) -> tuple[int, ...]:
        _, C, *inner = shape
        step = 2 * -(-C // block) * block
        return (step * prod(inner), 2, *(step * prod(inner[i + 1 :]) for i in range(len(inner))))

    return strides


@pytest.fixture
def vary(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Offer the toy with changes to its compiler half."""

    def change(**changes: object) -> None:
        changed = replace(COMPILER, **changes)
        monkeypatch.setattr(toydot, "TARGET", replace(toydot.TARGET, compiler=lambda: changed))
        targets._load.cache_clear()

    return change


def sums_and_copies() -> onnx.ModelProto:
    """Layers of the PPU alone: an input added to itself, and copied twice into one tensor."""
    build = GraphBuilder("sums_and_copies")
    x = build.input(2, 3, 4, 5)
    return build.model(build.node("Concat", x, build.node("Add", x, x), x, axis=1))


def joined_images() -> onnx.ModelProto:
    """A view that makes two images one."""
    build = GraphBuilder("joined")
    value = build.conv(build.input(2, 3, 4, 4), build.weights(5, 3, 4, 4), None)
    shape = build.constant(np.array([1, 10]))
    return build.model(build.node("Relu", build.node("Reshape", value, shape)))


def flattened() -> onnx.ModelProto:
    """A fully connected layer behind a map."""
    build = GraphBuilder("flattened")
    value = build.node(
        "Flatten", build.conv(build.input(2, 3, 4, 4), build.weights(5, 3, 1, 1), None)
    )
    return build.model(build.gemm(value, 80, 3))


_SMALL = ("single_conv", "gemm", "mlp", "concat_block", "lrn_softmax", "shuffle", "pool_max_same")
LAID_OUT = {
    **{name: BUILDERS[name] for name in (*_SMALL, "residual_block_strided")},
    "sums_and_copies": sums_and_copies,
    "joined_images": joined_images,
    "flattened": flattened,
}


@pytest.mark.parametrize("block", [1, 16])
@pytest.mark.parametrize("name", LAID_OUT)
def test_activations_may_lie_position_by_position(
    name: str, block: int, vary: Callable[..., None]
) -> None:
    model = LAID_OUT[name]()
    usual = compiled(model, SMALL)
    vary(strides=channels_last(block), channel_block=lambda _: block)
    other = compiled(model, SMALL)
    runs = [run_program(o.compiled.program, o.feeds) for o in (usual, other)]
    for before, after in zip(*(ran.outputs.values() for ran in runs), strict=True):
        assert np.array_equal(before, after)
    layers = [[e for e in r.session.report["layers"] if e["op"] != "Copy"] for r in runs]
    cycles = [[entry["unit_cycles"]["mac"] for entry in each] for each in layers]
    assert cycles[0] == cycles[1]
    outputs = [layer.output for layer in other.compiled.program.layers if layer.output is not None]
    assert any(o.strides[1] == 2 and len(o.shape) == 4 for o in outputs) or name in ("gemm", "mlp")


def test_copies_bring_views_into_the_layout(vary: Callable[..., None]) -> None:
    """Images of 10 values fill 16; 3 + 5 channels share a block of 8, 8 + 3 do not."""

    def copies(model: onnx.ModelProto) -> int:
        return sum(o.op == "Copy" for o in compiled(model, SMALL).compiled.program.layers)

    def joined(*counts: int) -> onnx.ModelProto:
        build = GraphBuilder("joined")
        x = build.input(2, 3, 4, 4)
        parts = [build.conv(x, build.weights(count, 3, 1, 1), None) for count in counts]
        return build.model(build.node("Concat", *parts, axis=1))

    models = (joined_images(), flattened(), joined(3, 5), joined(8, 3))
    assert [copies(model) for model in models] == [0, 0, 0, 0]
    vary(strides=channels_last(8), channel_block=lambda _: 8)
    assert [copies(model) for model in models] == [2, 1, 2, 0]


def test_a_view_needs_the_pass_that_places_it(vary: Callable[..., None]) -> None:
    vary(strides=channels_last(1), pipeline=PIPELINE.replace("assign-layout,", ""))
    with pytest.raises(PassError, match=r"cannot be seen as .*\n  hint: assign-layout runs first"):
        compiled(flattened(), ToydotSpec())


class ToydotMarkPass(ModulePass):
    """Leave a mark on the module."""

    name = "toydot-mark"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        op.attributes["toydot.mark"] = StringAttr("was here")


def test_it_may_bring_its_own_passes(vary: Callable[..., None], tmp_path: Path) -> None:
    pipeline = PIPELINE.replace("tile,", "toydot-mark,tile,")
    vary(passes={"toydot-mark": lambda: ToydotMarkPass}, pipeline=pipeline)
    program = compiled(residual_block(), ToydotSpec(), dump=tmp_path).compiled.program
    (dump,) = tmp_path.glob("*-toydot-mark.mlir")
    assert 'toydot.mark = "was here"' in dump.read_text()
    # spcc-opt and a resumed dump know the pass too.
    assert opt.main([str(dump), "-p", "toydot-mark", "--print-between-passes"]) == 0
    again = tmp_path / "again.spx"
    (before,) = tmp_path.glob("*-assign-format.mlir")
    assert (
        spcc.main(["--resume-from", str(before), "--target", "toydot", "-c", "-o", str(again)]) == 0
    )
    assert again.read_bytes() == program.to_bytes()


def test_it_may_have_no_pool(vary: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    vary(limits={op: limits for op, limits in COMPILER.limits.items() if op is not PoolOp})
    model = BUILDERS["pool_average"]()
    outcome = compiled(model, ToydotSpec())
    assert [reason for _, _, reason in outcome.compiled.host_calls] == [
        "toydot has no sparse_tensor.pool"
    ]
    ran = run_program(outcome.compiled.program, outcome.feeds)
    check_run(ran, model, outcome.feeds).outputs.raise_on_mismatch()
    assert spcc.main(["--target", "toydot", "--list-ops"]) == 0
    page = capsys.readouterr().out
    assert "- `sparse_tensor.pool`: toydot has none, it runs on the host." in page


def test_a_request_brings_its_own_target() -> None:
    greedy = replace(COMPILER, limits={})
    target = replace(toydot.TARGET, compiler=lambda: greedy)
    request = Request(Model("m", single_conv(), ""), target, ToydotSpec())
    calls = compile_request(request).compiled.host_calls
    assert [reason for _, _, reason in calls] == ["toydot has no sparse_tensor.conv2d"]


def test_its_own_pass_may_not_hide_one_of_ours(vary: Callable[..., None]) -> None:
    vary(passes={"tile": lambda: ToydotMarkPass})
    with pytest.raises(PassError, match="the target's own pass 'tile' has the name of a pass"):
        compiled(residual_block(), ToydotSpec())
