"""IR between passes is text: every stage prints, parses back, and resumes to the same program."""

from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from spcc.compiler.context import context_of
from spcc.compiler.driver import (
    Compilation,
    Prune,
    attach_calibration,
    new_context,
    parse_pipeline,
    pipeline_text,
)
from spcc.compiler.dumps import Dump, DumpFolder, read_module
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.weights import WeightStore
from spcc.isa.program import Program
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS
from spcc.tools.targets import TARGETS
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.printer import Printer

COMPILERS = {name: target.compiler() for name, target in TARGETS.items()}


def odd_names() -> onnx.ModelProto:
    """Names with every kind of letter that text must be careful with."""
    build = GraphBuilder("odd")
    x = build.input(1, 2, 4, 4, name='in "quoted"/1')
    w = build.constant(build.weights(3, 2, 1, 1), name="back\\slash\n%41")
    y = build.conv(build.node("Relu", x), build.weights(2, 2, 3, 3), pads=[1, 1, 1, 1])
    return build.model(build.node("Softmax", build.node("Conv", y, w)))


MODELS = {name: BUILDERS[name] for name in ("lrn_softmax", "residual_block", "qdq_conv", "shuffle")}
CASES = {
    **{name: (build, None) for name, build in MODELS.items()},
    "concat_block, pruned": (BUILDERS["concat_block"], Prune("group", 0.5)),
    "matmul, pruned": (BUILDERS["matmul"], Prune("threshold", 1e-5)),
    "odd names": (odd_names, None),
}
EACH_TARGET = pytest.mark.parametrize("target", COMPILERS)
EACH_CASE = pytest.mark.parametrize(
    ("target", "case"),
    [
        pytest.param(target, case, marks=[] if at == index % len(CASES) else [pytest.mark.slow])
        for index, target in enumerate(COMPILERS)
        for at, case in enumerate(CASES)
    ],
)
"""Another case for every target in the fast lane."""


def compilation(model: onnx.ModelProto, target: str, prune: Prune | None) -> Compilation:
    """A compilation at its start, calibrated on seeded inputs."""
    compiler, imported = COMPILERS[target], import_model(model)
    ctx = new_context(COMPILERS.__getitem__, compiler)
    ctx.store = imported.store
    rng = np.random.default_rng(5)
    run = {
        name: rng.standard_normal(kind.shape).astype(kind.dtype)
        for name, kind in imported.inputs.items()
    }
    attach_calibration(imported.module, ctx.store, [run], tuple(run))
    return Compilation(ctx, imported.module)


def compile_with(
    model: onnx.ModelProto, target: str, prune: Prune | None, *observers: Dump
) -> Program:
    """Compile a model, observed."""
    made = compilation(model, target, prune)
    made.keep_weights = made.ctx.store.keeps_history = bool(observers)
    made.observers = list(observers)
    compiler = COMPILERS[target]
    pipeline = pipeline_text(compiler, prune)
    made.start(compiler, TARGETS[target].spec()(), pipeline, {"model": "a model"})
    return made.run().program


def dump_of(model: onnx.ModelProto, target: str, prune: Prune | None, folder: Path) -> Program:
    """Compile a model and write its stages into a folder."""
    dump = DumpFolder(folder)
    program = compile_with(model, target, prune, dump)
    dump.close()
    return program


def resumed(stage: Path, target: str) -> bytes:
    """The program that a dumped stage leads to."""
    ctx = new_context(COMPILERS.__getitem__, COMPILERS[target])
    module = read_module(stage, ctx)
    return Compilation(ctx, module).run().program.to_bytes()


def check_text(number: int, name: str, module: ModuleOp, store: WeightStore) -> None:
    """Printing and parsing, in either form, gives the same module and the same text."""
    del number, store
    ctx = new_context(COMPILERS.__getitem__, *COMPILERS.values())
    text = str(module)
    again = Parser(ctx, text).parse_module()
    again.verify()
    assert again.is_structurally_equivalent(module), name
    assert str(again) == text, name
    generic = StringIO()
    Printer(generic, print_generic_format=True).print_op(module)
    assert str(Parser(ctx, generic.getvalue()).parse_module()) == text, name


@pytest.mark.slow
@EACH_CASE
def test_every_stage_returns_from_text_and_resumes_to_the_same_bytes(
    tmp_path: Path, target: str, case: str
):
    build, prune = CASES[case]
    dump = DumpFolder(tmp_path)
    program = compile_with(build(), target, prune, check_text, dump).to_bytes()
    dump.close()
    stages = sorted(tmp_path.glob("*.mlir"))
    passes = parse_pipeline(pipeline_text(COMPILERS[target], prune), COMPILERS[target]).passes
    names = ["import", *(step.name for step in passes)]
    assert [stage.name for stage in stages] == [f"{i:02d}-{n}.mlir" for i, n in enumerate(names)]
    for stage in stages:
        assert resumed(stage, target) == program, stage.name


@EACH_TARGET
def test_names_beyond_ascii_resume_too(tmp_path: Path, target: str):
    build = GraphBuilder("names")
    x = build.input(1, 2, 4, 4, name="Bild_ä")
    w = build.constant(build.weights(3, 2, 1, 1), name="Gewicht_ö")
    b = build.constant(build.vector(3), name="重み")
    model = build.model(build.node("Conv", x, w, b))
    program = dump_of(model, target, None, tmp_path).to_bytes()
    for stage in sorted(tmp_path.glob("*.mlir")):
        assert resumed(stage, target) == program, stage.name


@EACH_TARGET
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, target: str):
    build = BUILDERS["shuffle"]
    one = compile_with(build(), target, None).to_bytes()
    assert dump_of(build(), target, None, tmp_path).to_bytes() == one


@EACH_TARGET
@pytest.mark.parametrize("case", ["concat_block, pruned", "qdq_conv"])
def test_passes_that_may_run_twice_change_nothing_then(target: str, case: str):
    """All but those that take a model's form to another, which say so when asked again.

    A pass that adds arrays (packed weights, schedules) adds them again under new keys.
    """
    build, _ = CASES[case]
    made = compilation(build(), target, None)
    compiler = COMPILERS[target]
    made.start(compiler, TARGETS[target].spec()(), pipeline_text(compiler, None), {})
    once = ("quantize", "convert-onnx-to-sparse-tensor", "convert-sparse-tensor-to-target")
    for step in parse_pipeline(pipeline_text(compiler, None), compiler).passes:
        before = len(context_of(made.ctx).store)
        step.apply(made.ctx, made.module)
        if step.name not in once and len(context_of(made.ctx).store) == before:
            text = str(made.module)
            step.apply(made.ctx, made.module)
            assert str(made.module) == text, step.name
