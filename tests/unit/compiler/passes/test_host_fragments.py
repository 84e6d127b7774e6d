"""The models of host calls: valid ONNX of their own, that compute what the nodes did."""

import numpy as np
import onnx
import pytest
from onnx import helper
from spcc.compiler.analysis.evaluate import run_model
from spcc.compiler.dialects.sparse_tensor import HostCallOp
from spcc.models.builder import IR_VERSION, OPSET, GraphBuilder
from spcc.models.small import BUILDERS
from spcc.runtime.reference import Reference

CONVERT = "convert-onnx-to-sparse-tensor"


def fragments(lowering) -> list[tuple[HostCallOp, onnx.ModelProto]]:
    return [
        (op, onnx.load_model_from_string(lowering.ctx.store[op.fragment.data].tobytes()))
        for op in lowering.ops(HostCallOp)
    ]


@pytest.mark.parametrize("name", ["lrn_softmax", "shuffle", "everything"])
def test_a_fragment_computes_its_nodes(start, name: str):
    model = BUILDERS[name]()
    lowering, reference = start(model), Reference(model)
    found = fragments(lowering.run(CONVERT))
    assert found
    for op, fragment in found:
        onnx.checker.check_model(fragment)
        inputs = [port.name for port in fragment.graph.input]
        outputs = [name.data for name in op.tensors]
        assert [port.name for port in fragment.graph.output] == outputs
        assert len(inputs) == len(op.inputs)
        known = reference.run(lowering.feeds, [*inputs, *outputs])
        results = run_model(fragment.SerializeToString(), [known[n] for n in inputs], op.label)
        for output, result in zip(outputs, results, strict=True):
            np.testing.assert_allclose(result, known[output], rtol=1e-5, atol=1e-6)


def test_a_node_of_another_domain_brings_its_opset(start):
    build = GraphBuilder("domain")
    result = build.node(
        "Gelu", build.conv_same(build.input(1, 2, 4, 4), 2, 3), domain="com.microsoft"
    )
    output = helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, [1, 3, 4, 4])
    graph = helper.make_graph(build._nodes, "g", build._inputs, [output], build._constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets)
    ((op, fragment),) = fragments(start(model).run(CONVERT))
    assert op.reason.data == "spots has no kernel for com.microsoft.Gelu"
    assert {(o.domain, o.version) for o in fragment.opset_import} >= {("com.microsoft", 1)}
    (y,) = run_model(fragment.SerializeToString(), [np.zeros((1, 3, 4, 4), np.float32)], "gelu")
    assert (y == 0).all()


def test_a_constant_output_is_a_call_without_inputs(start):
    build = GraphBuilder("constant")
    build.constant(np.arange(4, dtype=np.float32), name="kept")
    model = build.model(build.node("Relu", build.input(1, 2)))
    kept = helper.make_tensor_value_info("kept", onnx.TensorProto.FLOAT, [4])
    model.graph.output.append(kept)
    ((op, fragment),) = fragments(start(model).run(CONVERT))
    assert (len(op.inputs), op.tensors.data[0].data) == (0, "kept")
    onnx.checker.check_model(fragment)
    assert run_model(fragment.SerializeToString(), [], "kept")[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("uses", [0, 1, 2])
def test_a_dropout_whose_mask_is_used_is_left_to_the_host(start, uses: int):
    build = GraphBuilder("mask")
    kept = build.node("Dropout", build.input(1, 2, 3, 3), outputs=2)
    total = build.node("Relu", kept)
    for _ in range(uses):
        total = build.node("Add", total, build.node("Cast", f"{kept}.1", to=onnx.TensorProto.FLOAT))
    reasons = {
        op.op_type.data: op.reason.data
        for op, _ in fragments(start(build.model(total)).run(CONVERT))
    }
    expected = {"Dropout", "Cast"} if uses else set()
    assert reasons.keys() == expected
    assert not uses or reasons["Dropout"] == "its second output is used"
