"""ONNX models from ops: single nodes, fragments, attributes and limits."""

import numpy as np
import onnx
import pytest
from frontend_models import array, floats, model, network, node, run, value
from onnx import ModelProto, TensorProto, helper
from spcc.compiler.dialects.onnx import InitializerOp, NodeOp, tensor_name
from spcc.compiler.frontend import export
from spcc.compiler.frontend.export import to_model
from spcc.compiler.frontend.onnx import Imported, import_model
from spcc.isa.errors import UnsupportedError
from xdsl.ir import SSAValue


def nodes_by_name(imported: Imported) -> dict[str, NodeOp]:
    return {op.node_name.data: op for op in imported.module.walk() if isinstance(op, NodeOp)}


def test_one_operator() -> None:
    imported = import_model(network())
    op = nodes_by_name(imported)["conv"]
    proto = to_model([op], [op.operands[0]], list(op.results), imported.store, 21)
    onnx.checker.check_model(proto, full_check=True)
    assert [i.name for i in proto.graph.input] == ["x"]
    assert [o.name for o in proto.graph.output] == ["c"]
    assert {t.name for t in proto.graph.initializer} == {"w", "b"}
    assert proto.graph.node[0] == network().graph.node[0]
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    whole = network()
    whole.graph.output.append(value("c", None))
    assert np.array_equal(run(proto, {"x": x})[0], run(whole, {"x": x})[1])


def test_a_fragment_of_two() -> None:
    imported = import_model(network())
    ops = nodes_by_name(imported)
    first, last = ops["n"], ops["r"]
    proto = to_model([first, last], [first.operands[0]], list(last.results), imported.store, 21)
    onnx.checker.check_model(proto, full_check=True)
    assert [n.op_type for n in proto.graph.node] == ["BatchNormalization", "Relu"]


def test_a_constant_as_an_input() -> None:
    imported = import_model(network())
    op = nodes_by_name(imported)["conv"]
    inputs: list[SSAValue] = list(op.operands)
    proto = to_model([op], inputs, list(op.results), imported.store, 21)
    assert [i.name for i in proto.graph.input] == ["x", "w", "b"]
    assert not proto.graph.initializer


def test_outputs_under_other_names() -> None:
    imported = import_model(network())
    op = nodes_by_name(imported)["r"]
    x, y = op.operands[0], op.results[0]
    names = ["one", "two", "three", "r"]
    proto = to_model([op], [x], [x, y, y, y], imported.store, 21, output_names=names)
    onnx.checker.check_model(proto, full_check=True)
    data = np.random.default_rng(0).standard_normal((1, 4, 4, 4)).astype(np.float32)
    got = run(proto, {tensor_name(x): data})
    relu = np.maximum(data, 0)
    for result, wanted in zip(got, [data, relu, relu, relu], strict=True):
        assert np.array_equal(result, wanted)


def test_a_value_from_nowhere() -> None:
    imported = import_model(network())
    op = nodes_by_name(imported)["r"]
    with pytest.raises(ValueError, match="'n' is neither input, constant nor result"):
        to_model([op], [], list(op.results), imported.store, 21)


def test_opset_and_ir_version() -> None:
    imported = import_model(network())
    op = nodes_by_name(imported)["r"]
    proto = to_model(
        [op], list(op.operands), list(op.results), imported.store, 26, domains={"custom": 2}
    )
    assert {o.domain: o.version for o in proto.opset_import} == {"": 26, "custom": 2}
    assert 8 <= proto.ir_version <= 13, "onnxruntime 1.31 refuses later ones"


def test_constants_beyond_two_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = import_model(network())
    monkeypatch.setattr(export, "_MAX_BYTES", 500)
    with pytest.raises(UnsupportedError, match="initializer 'v': its constants have 512 bytes"):
        imported.to_model()


def test_every_kind_of_attribute_round_trips() -> None:
    body = helper.make_graph([node("Neg", ["a"], ["b"])], "g", [value("a", [1])], [value("b", [1])])
    attributes = {
        "i": -(1 << 30),
        "f": 0.1,
        "s": 'a "quoted" \\ line\n',
        "ints": [1, -2],
        "floats": [1e-45, float("inf"), -0.0],
        "strings": ["a", "β"],
        "t": array("", [1.5, 2.5], "float64"),
        "ts": [array("", 1, "int8"), array("", 2, "uint8")],
        "g": body,
        "gs": [body, body],
    }
    odd = node("Odd", ["x"], ["y"], "odd", domain="custom", **attributes)
    for name, kind in (("no_ints", "INTS"), ("no_floats", "FLOATS"), ("no_strings", "STRINGS")):
        empty = helper.make_attribute(
            name, [], attr_type=onnx.AttributeProto.AttributeType.Value(kind)
        )
        odd.attribute.append(empty)
    proto = model([odd], outputs=[value("y", [1])], domains={"custom": 1})
    (back,) = import_model(proto).to_model().graph.node
    assert sorted(back.attribute, key=lambda a: a.name) == sorted(
        odd.attribute, key=lambda a: a.name
    )


def test_attributes_are_read_as_python_values() -> None:
    proto = model(
        [node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), node("Elu", ["c"], ["y"], alpha=0.5)],
        constants=[floats("w", 4, 3, 3, 3)],
    )
    conv, elu = nodes_by_name(import_model(proto)).values()
    assert conv.attr("pads") == (1, 1, 1, 1)
    assert conv.attr("strides", (1, 1)) == (1, 1)
    assert conv.attr("group") is None
    assert conv.attr_key("pads") is None
    assert elu.attr("alpha", 1.0) == 0.5
    assert {op.name for op in (conv, elu)} == {"onnx.Conv", "onnx.Elu"}


def test_the_whole_model_again() -> None:
    """Importing what was exported gives the same module."""
    first = import_model(network())
    proto: ModelProto = first.to_model()
    onnx.checker.check_model(proto, full_check=True)
    second = import_model(proto)
    assert second.inputs == first.inputs
    assert second.outputs == first.outputs
    assert str(second.module) == str(first.module)
    assert set(first.store) == set(second.store)


def test_element_types_of_constants() -> None:
    proto = model(
        [node("Gather", ["x", "i"], ["y"], axis=1)],
        constants=[array("i", [2, 0], "int32")],
    )
    imported = import_model(proto)
    (op,) = [o for o in imported.module.walk() if isinstance(o, InitializerOp)]
    assert str(op.result.type) == "tensor<2xi32>"
    assert imported.to_model().graph.initializer[0].data_type == TensorProto.INT32
