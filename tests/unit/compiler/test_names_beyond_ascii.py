"""Names with letters beyond ASCII: plain keys inside, the model's own names outside."""

import onnx
import pytest
from spcc.compiler.dialects.sparse_tensor import names
from spcc.compiler.driver import Compilation, Prune, new_context, pipeline_text
from spcc.compiler.dumps import DumpFolder, read_module
from spcc.compiler.layer_weights import sums_layers
from spcc.isa.errors import PassError
from spcc.isa.targets.spots import SpotsSpec
from spcc.models.builder import GraphBuilder
from spcc.tools.targets import TARGETS
from xdsl.utils.exceptions import VerifyException

SPOTS = TARGETS["spots"].compiler()
PRUNE = Prune("magnitude", 0.5)


def named() -> onnx.ModelProto:
    build = GraphBuilder("names")
    x = build.input(2, 6, name="Bild_ä")
    product = build.node("MatMul", x, build.constant(build.weights(6, 4), name="Gewicht\\ö"))
    return build.model(
        build.node("Gemm", product, build.constant(build.weights(4, 3), name="重み"))
    )


def begin(lowering, **options) -> Compilation:
    made = Compilation(lowering.ctx, lowering.module, **options)
    made.start(SPOTS, SpotsSpec(), pipeline_text(SPOTS, PRUNE), {})
    return made


def test_every_key_is_ascii(start):
    lowering = start(named()).run("convert-onnx-to-sparse-tensor")
    assert all(map(str.isascii, lowering.ctx.store))
    assert str(lowering.module).isascii()


def test_what_was_pruned_has_the_models_names(start):
    compiled = begin(start(named())).run()
    assert {n: a.shape for n, a in compiled.pruned.items()} == {
        "Gewicht\\ö": (6, 4),
        "重み": (4, 3),
    }
    assert all((array == 0).mean() == 0.5 for array in compiled.pruned.values())
    assert [*compiled.calibration] == ["Bild_ä"]


def test_host_calls_are_told_by_the_models_names(start):
    build = GraphBuilder("names")
    (node,) = (model := build.model(build.node("Tan", build.input(4)))).graph.node
    node.name = "Wurzel_ü"
    assert [name for name, _, _ in begin(start(model)).run().host_calls] == ["Wurzel_ü"]


def test_labels_are_the_models_names(start):
    (model := named()).graph.node[0].name = "Schicht_ß"
    lowering = start(model).run("convert-onnx-to-sparse-tensor")
    (first, _) = sums_layers(lowering.module)
    assert first.label == "node 'Schicht_ß'"
    first.properties["nodes"] = names("\\xf")
    with pytest.raises(VerifyException, match="malformed escape"):
        first.verify()


def test_a_source_that_is_no_name_is_the_files_fault(start, tmp_path):
    dump = DumpFolder(tmp_path)
    begin(start(named()), keep_weights=True, observers=[dump]).run()
    dump.close()
    stage = tmp_path / "01-convert-onnx-to-sparse-tensor.mlir"
    text = stage.read_text()
    stage.write_text(text.replace(r'"Gewicht\\\\\\xf6"', r'"Gewicht\\xf"'))
    assert stage.read_text() != text
    ctx = new_context(lambda _: SPOTS, SPOTS)
    resumed = Compilation(ctx, read_module(stage, ctx), origin=stage)
    with pytest.raises(PassError, match=r"01-convert.*prune-weights.*makes no sense here"):
        resumed.run()
