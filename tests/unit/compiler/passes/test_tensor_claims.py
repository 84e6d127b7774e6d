"""An op that names an ONNX tensor has its values; what lies between two of them names none."""

import numpy as np
import onnx
import pytest
from spcc.compiler.analysis.evaluate import evaluate
from spcc.compiler.dialects.onnx_values import from_text
from spcc.compiler.dialects.sparse_tensor import LayerOp
from spcc.models.builder import GraphBuilder
from spcc.models.small import BUILDERS
from spcc.runtime.reference import Reference
from spcc.tools import api
from spcc.tools.run_flow import check_run, run_program

CONVERT = "convert-onnx-to-sparse-tensor"
FLOAT_PASSES = (CONVERT, "fold-affine", "lower-affine", "fuse-epilogue", "insert-copies")


def sums() -> onnx.ModelProto:
    """Sums of three inputs, of a layer and two inputs, and of one."""
    build = GraphBuilder("sums")
    a, b, c = (build.input(1, 2, 4, 4, name=name) for name in "abc")
    layer = build.conv_same(a, 2, 2)
    return build.model(
        build.node("Sum", a, b, c), build.node("Sum", layer, b, c), build.node("Sum", c)
    )


def views() -> onnx.ModelProto:
    """Products and scales of tensors that are not two- or four-dimensional."""
    build = GraphBuilder("views")
    x = build.input(2, 3, 4)
    product = build.node("MatMul", x, build.constant(build.weights(4, 5)))
    scaled = build.node("Mul", x, build.constant(np.array([[2], [-1], [3]], np.float32)))
    return build.model(product, scaled, build.node("Relu", build.batch_norm(product, 3)))


MODELS = {name: BUILDERS[name] for name in ("residual_block", "concat_block", "shuffle", "matmul")}
MODELS |= {"sums": sums, "views": views}


@pytest.mark.parametrize("name", MODELS)
def test_every_claim_is_true(start, name: str) -> None:
    model = MODELS[name]()
    lowering, reference = start(model), Reference(model)
    for step in FLOAT_PASSES:
        lowering.run(step)
        runs = evaluate(lowering.main, lowering.ctx.store, lowering.feeds, lowering.input_names)
        claims = [
            (from_text(op.tensor), values[op.results[0]])
            for op, values in runs
            if isinstance(op, LayerOp) and op.tensor.data
        ]
        wanted = reference.run(lowering.feeds, [tensor for tensor, _ in claims])
        for tensor, found in claims:
            expected = wanted[tensor].reshape(-1)
            assert found.size == expected.size, f"{step}: {tensor}"
            np.testing.assert_allclose(found.reshape(-1), expected, 1e-4, 1e-4, err_msg=tensor)


@pytest.mark.parametrize("model", [sums(), views()], ids=["sums", "views"])
def test_what_names_no_tensor_is_not_compared(model: onnx.ModelProto) -> None:
    rng = np.random.default_rng(2)
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input
    }
    feeds = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    program = api.compile(model, inputs=feeds)
    ran = run_program(program, feeds)
    checked = check_run(ran, model, feeds)
    for result in (checked.outputs, checked.layers, checked.own):
        result.raise_on_mismatch()
    sources = [layer.source for layer in program.layers]
    assert set(ran.session.taps) == set(filter(None, sources))
    assert {value.name for value in model.graph.output} <= {
        tap.source for tap in checked.own.layers
    }
