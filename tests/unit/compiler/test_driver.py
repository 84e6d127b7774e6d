"""The driver: stages in order, what it keeps and returns, and where it stops."""

import numpy as np
import pytest
from spcc.compiler.driver import (
    INFO_KEY,
    PIPELINE_KEY,
    STAGE_KEY,
    Compilation,
    Prune,
    StopCompilation,
    host_calls,
    new_context,
    parse_pipeline,
    pipeline_text,
    used_keys,
)
from spcc.compiler.dumps import DumpFolder, print_ir, read_module
from spcc.compiler.passes.tile import TilePass
from spcc.isa.errors import PassError, UnsupportedError
from spcc.isa.targets.spots import SpotsSpec
from spcc.models.small import BUILDERS
from spcc.tools.targets import TARGETS
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64
from xdsl.dialects.func import ReturnOp
from xdsl.parser import Parser

SPOTS = TARGETS["spots"].compiler()
INFO = {"model": "small", "seed": "0"}


def begin(lowering, prune: Prune | None = None, **options) -> Compilation:
    """A compilation of an imported module, before its first pass."""
    made = Compilation(lowering.ctx, lowering.module, **options)
    made.start(SPOTS, SpotsSpec(), pipeline_text(SPOTS, prune), INFO)
    return made


def test_a_pipeline_converts_prunes_and_goes_the_targets_way():
    assert pipeline_text(SPOTS, None) == f"convert-onnx-to-sparse-tensor,{SPOTS.pipeline}"
    with_prune = parse_pipeline(pipeline_text(SPOTS, Prune("group", 1e-7), 4), SPOTS).passes
    assert str(with_prune[1]) == "prune-weights{scheme=group amount=0.0000001 block=4}"
    assert len(with_prune) == len(SPOTS.pipeline.split(",")) + 2


@pytest.mark.parametrize("text", ["no-such-pass", "tile{odd=1}", "tile{", "tile,,tile"])
def test_a_wrong_pipeline_is_a_sentence(text: str):
    with pytest.raises(PassError, match="pipeline '"):
        parse_pipeline(text, SPOTS)


def test_every_stage_is_shown_once_in_order(start):
    seen: list[tuple[int, str, int]] = []

    def look(number, name, module, store) -> None:
        del store
        seen.append((number, name, module.attributes[STAGE_KEY].value.data))

    made = begin(start(BUILDERS["mlp"]()), observers=[look])
    compiled = made.run()
    names = [step.name for step in parse_pipeline(pipeline_text(SPOTS, None), SPOTS).passes]
    assert [name for _, name, _ in seen] == ["import", *names]
    assert [number for number, _, _ in seen] == list(range(len(names) + 1))
    assert all(number == stage for number, _, stage in seen)
    assert list(compiled.pass_seconds) == [*names, "emit"]
    assert all(seconds >= 0 for seconds in compiled.pass_seconds.values())


def test_the_program_is_the_targets_and_carries_the_info(start):
    lowering = start(BUILDERS["gemm"]())
    compiled = begin(lowering).run()
    program = compiled.program
    assert (program.target, program.info) == ("spots", INFO)
    assert program.config["NR"] == SpotsSpec().NR
    assert [port.name for port in program.inputs] == ["x"]
    assert compiled.calibration.keys() == {"x"}
    np.testing.assert_array_equal(compiled.calibration["x"], lowering.feeds["x"])
    assert compiled.host_calls == []
    assert compiled.pruned == {}


def test_host_calls_are_listed_with_their_reasons(start):
    compiled = begin(start(BUILDERS["lrn_softmax"]())).run()
    assert [(op, why) for _, op, why in compiled.host_calls] == [
        ("LRN", "spots has no kernel for LRN"),
        ("Softmax", "spots has no kernel for Softmax"),
    ]


def test_host_calls_can_be_refused(start):
    made = begin(start(BUILDERS["lrn_softmax"]()), fail_on_host=True)
    with pytest.raises(UnsupportedError) as caught:
        made.run()
    assert "2 nodes would run on the host" in caught.value.message
    assert "(LRN): spots has no kernel for LRN" in caught.value.message
    assert "--fail-on-host" in caught.value.hint
    assert begin(start(BUILDERS["mlp"]()), fail_on_host=True).run().program


def test_pruned_weights_return_in_the_initializers_layout(start):
    model = BUILDERS["matmul"]()  # its weights are stored [C, K]
    stored = {t.name: tuple(t.dims) for t in model.graph.initializer}
    made = begin(start(model), Prune("magnitude", 0.5))
    compiled = made.run()
    (name,) = [name for name in compiled.pruned if len(stored[name]) == 2]
    assert compiled.pruned[name].shape == stored[name]
    assert (compiled.pruned[name] == 0).mean() == 0.5
    quiet = begin(start(BUILDERS["matmul"]()), Prune("magnitude", 0.5), keep_pruned=False)
    assert quiet.run().pruned == {}


@pytest.mark.parametrize("stage", ["import", "quantize", "insert-semaphores"])
def test_it_stops_after_the_stage_asked_for(start, stage: str):
    lowering = start(BUILDERS["gemm"]())
    made = Compilation(lowering.ctx, lowering.module, stop_after=stage)

    def go() -> None:
        made.start(SPOTS, SpotsSpec(), pipeline_text(SPOTS, None), INFO)
        made.run()

    with pytest.raises(StopCompilation) as caught:
        go()
    module = Parser(lowering.ctx, caught.value.text).parse_module()
    module.verify()
    assert str(module) == str(lowering.module)


def test_arrays_that_no_op_names_are_let_go(start):
    lowering = start(BUILDERS["gemm"]())
    first = set(lowering.ctx.store)
    begin(lowering).run()
    assert first & set(lowering.ctx.store) == {"calibration.0.x"}
    kept = start(BUILDERS["gemm"]())
    begin(kept, keep_weights=True).run()
    assert first <= set(kept.ctx.store)


def test_every_key_that_a_module_names_is_found(start):
    lowering = start(BUILDERS["everything"]())
    store = lowering.ctx.store
    assert used_keys(lowering.module, store) == set(store)
    lowering.run("convert-onnx-to-sparse-tensor")
    named = used_keys(lowering.module, store)
    assert named < set(store)
    text = str(lowering.module)
    assert all(f'"{key}"' in text for key in named)
    assert [op for _, op, _ in host_calls(lowering.module)] == ["LRN", "Transpose", "Softmax"]


def test_a_pass_that_breaks_the_ir_is_a_bug_of_ours(start, monkeypatch):
    def apply(self, ctx, op) -> None:
        del self, ctx
        for step in op.walk():
            if isinstance(step, ReturnOp):
                step.operands = ()

    monkeypatch.setattr(TilePass, "apply", apply)
    with pytest.raises(PassError, match=r"tile: the pass left invalid IR: (.|\n)*a bug of spcc"):
        begin(start(BUILDERS["gemm"]())).run()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (PIPELINE_KEY, None, "does not say which passes are left"),
        (STAGE_KEY, None, "does not say which passes are left"),
        (STAGE_KEY, StringAttr("two"), "does not say which passes are left"),
        (STAGE_KEY, IntegerAttr(-1, i64), "= -1, but there are"),
        (STAGE_KEY, IntegerAttr(99, i64), "= 99, but there are"),
        (STAGE_KEY, IntegerAttr(12, i64), "not lowered to instructions"),
        (PIPELINE_KEY, StringAttr("no-such-pass"), "no-such-pass"),
        ("spcc.target", None, "does not say what it is compiled for"),
        ("spcc.target", StringAttr("other"), "other"),
    ],
)
def test_a_module_that_says_too_little_is_refused(start, key: str, value, message: str):
    made = begin(start(BUILDERS["gemm"]()))
    made.ctx.find_compiler = new_context(_find).find_compiler
    if value is None:
        del made.module.attributes[key]
    else:
        made.module.attributes[key] = value
    with pytest.raises(PassError, match=message):
        made.run()


def _find(name: str):
    if name != "spots":
        raise PassError(f"no target '{name}' is known here")
    return SPOTS


def test_a_dump_folder_holds_every_stage_and_one_weight_file(start, tmp_path):
    dump = DumpFolder(tmp_path / "ir")
    begin(start(BUILDERS["gemm"]()), observers=[dump], keep_weights=True).run()
    dump.close()
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    assert names[0] == "00-import.mlir"
    assert names[1] == "01-convert-onnx-to-sparse-tensor.mlir"
    assert names[-2] == "13-insert-semaphores.mlir"
    assert names[-1] == "weights.npz"
    ctx = new_context(_find, SPOTS)
    module = read_module(tmp_path / "ir" / "06-quantize.mlir", ctx)
    assert module.attributes[STAGE_KEY] == IntegerAttr(6, i64)
    assert INFO_KEY in module.attributes
    assert used_keys(module, ctx.store)


def test_stages_can_be_printed(start, capsys):
    begin(start(BUILDERS["gemm"]()), observers=[print_ir]).run()
    printed = capsys.readouterr().err
    assert printed.count("// -----// IR Dump After") == 14
    assert "// -----// IR Dump After tile //----- //\nbuiltin.module" in printed
