"""The module that an import makes: names, attributes, subgraphs, custom domains, printed form."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from frontend_models import array, assert_same, floats, ints, model, network, node, value
from onnx import TensorProto, helper
from spcc.compiler.dialects.onnx import InitializerOp, NodeOp, Onnx, names_of, tensor_name
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.weights import load_for_module
from spcc.isa.errors import UnsupportedError
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp, StringAttr
from xdsl.dialects.func import Func, FuncOp
from xdsl.parser import Parser
from xdsl.printer import Printer

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def text_of(module: ModuleOp, generic: bool = False) -> str:
    out = io.StringIO()
    Printer(out, print_generic_format=generic).print_op(module)
    return out.getvalue()


def parsed(text: str) -> ModuleOp:
    context = Context()
    for dialect in (Builtin, Func, Onnx):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()


def nodes_of(module: ModuleOp) -> list[NodeOp]:
    return [op for op in module.walk() if isinstance(op, NodeOp)]


def test_the_printed_module() -> None:
    proto = model(
        [
            node("Conv", ["x", "w", "b"], ["c"], "conv1", pads=[1, 1, 1, 1]),
            node("LeakyRelu", ["c"], ["y"], "act", alpha=0.1),
        ],
        constants=[floats("w", 4, 3, 3, 3), floats("b", 4)],
    )
    assert text_of(import_model(proto).module) == (
        'builtin.module attributes {onnx.model = "test", onnx.opset = 21 : i64} {\n'
        "  func.func @main(%x: tensor<1x3x8x8xf32>) -> tensor<1x4x8x8xf32> attributes "
        '{onnx.inputs = ["x"], onnx.outputs = ["y"]} {\n'
        '    %w = onnx.Initializer "w" : tensor<4x3x3x3xf32>\n'
        '    %b = onnx.Initializer "b" : tensor<4xf32>\n'
        '    %c = onnx.Conv(%x, %w, %b) {pads = [1, 1, 1, 1]} "conv1" -> "c" : '
        "(tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x4x8x8xf32>\n"
        '    %y = onnx.LeakyRelu(%c) {alpha = 0.1} "act" -> "y" : '
        "(tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>\n"
        "    func.return %y : tensor<1x4x8x8xf32>\n"
        "  }\n"
        "}"
    )


@pytest.mark.parametrize("generic", [False, True])
def test_text_and_weights_round_trip(tmp_path: Path, generic: bool) -> None:
    imported = import_model(network())
    imported.module.attributes["spcc.weights"] = StringAttr("m.npz")
    imported.store.save(tmp_path / "m.npz")
    text = text_of(imported.module, generic)
    module = parsed(text)
    module.verify()
    assert text_of(module, generic) == text
    store = load_for_module(module, tmp_path / "m.mlir")
    assert set(store) == set(imported.store)
    for key in store:
        assert np.array_equal(store[key], imported.store[key])


def test_names_that_are_no_identifiers() -> None:
    names = {"in": "1/x:0", "w": 'w"eird\\\n', "out": "グラフ/出力", "node": "nœud 1"}
    proto = model(
        [node("Add", [names["in"], names["w"]], [names["out"]], names["node"])],
        [value(names["in"], [2])],
        [value(names["out"], None)],
        [array(names["w"], [1.0, 2.0])],
    )
    imported = assert_same(proto)
    module = parsed(text_of(imported.module))
    module.verify()
    assert text_of(module) == text_of(imported.module)
    (op,) = nodes_of(module)
    assert [tensor_name(v) for v in (*op.operands, *op.results)] == [*list(names.values())[:3]]
    assert op.label == "node 'nœud 1' (Add)"
    (func,) = [f for f in module.ops if isinstance(f, FuncOp)]
    assert names_of(func, "onnx.inputs") == (names["in"],)
    assert names_of(func, "onnx.outputs") == (names["out"],)
    (weight,) = [o for o in module.walk() if isinstance(o, InitializerOp)]
    assert weight.key.data in imported.store


def test_nodes_without_names_and_with_the_same() -> None:
    proto = model(
        [
            node("Relu", ["x"], ["a"]),
            node("Neg", ["a"], ["b"], "same"),
            node("Abs", ["b"], ["c"], "same"),
            node("Exp", ["c"], ["y"], "a"),
        ]
    )
    names = [op.node_name.data for op in nodes_of(import_model(proto).module)]
    assert names == ["a", "same", "same_2", "a_2"]


def test_a_constant_is_there_once_and_before_its_first_use() -> None:
    proto = model(
        [node("Add", ["x", "w"], ["a"]), node("Mul", ["a", "w"], ["y"])],
        constants=[array("w", 2.0)],
    )
    ops = [op.name for op in import_model(proto).module.walk() if op.name.startswith("onnx.")]
    assert ops == ["onnx.Initializer", "onnx.Add", "onnx.Mul"]


def test_absent_inputs() -> None:
    proto = model(
        [node("Resize", ["x", "", "", "s"], ["y"], mode="nearest")],
        constants=[ints("s", 1, 3, 16, 16)],
    )
    imported = assert_same(proto)
    (op,) = nodes_of(imported.module)
    assert [tensor_name(v) for v in op.operands] == ["x", "", "", "s"]
    assert op.operands[1] is op.operands[2]


def test_outputs_that_are_inputs_or_constants() -> None:
    proto = model(
        [node("Identity", ["w"], ["y"]), node("Identity", ["x"], ["z"])],
        outputs=[value("y", [2]), value("z", None), value("x", [1, 3, 8, 8])],
        constants=[floats("w", 2)],
    )
    imported = assert_same(proto)
    assert nodes_of(imported.module) == []
    assert list(imported.outputs) == ["y", "z", "x"]


def test_an_input_that_nobody_uses() -> None:
    proto = model([node("Relu", ["x"], ["y"])], [value("x", [2]), value("spare", [3])])
    assert list(assert_same(proto).inputs) == ["x", "spare"]


def loop() -> onnx.GraphProto:
    return helper.make_graph(
        [node("Add", ["a", "a"], ["b"]), node("Identity", ["c"], ["d"])],
        "body",
        [value("i", [], 7), value("c", [], 9), value("a", [2])],
        [value("d", [], 9), value("b", [2])],
    )


def test_subgraphs_without_captures() -> None:
    proto = model(
        [node("Loop", ["n", "", "x"], ["y"], "twice", body=loop())],
        [value("x", [2])],
        [value("y", [2])],  # what a loop carries may change its shape: the model must say
        [array("n", 2, "int64")],
    )
    imported = assert_same(proto)
    (op,) = nodes_of(imported.module)
    key = op.attr_key("body")
    assert key == "twice.body.attribute"
    assert onnx.GraphProto.FromString(imported.store[key].tobytes()) == loop()
    with pytest.raises(KeyError):
        op.attr("body")


def test_tensor_attributes_lie_in_the_store() -> None:
    # A node of a custom domain may have a tensor attribute that nobody folds.
    sent = array("", [[1, 2]], "int16")
    proto = model(
        [node("Odd", ["x"], ["y"], "odd", domain="custom", table=sent, many=[1.5, float("nan")])],
        outputs=[value("y", [2, 3])],
        domains={"custom": 3},
    )
    imported = import_model(proto)
    (op,) = nodes_of(imported.module)
    assert (op.domain, op.op_type) == ("custom", "Odd")
    assert imported.store[op.attr_key("table")].tolist() == [[1, 2]]
    assert imported.outputs["y"].shape == (2, 3)
    assert str(imported.module.attributes["onnx.domains"]) == "{custom = 3 : i64}"
    again = imported.to_model()
    (back,) = again.graph.node
    assert {a.name: a.type for a in back.attribute} == {
        a.name: a.type for a in proto.graph.node[0].attribute
    }
    assert {o.domain: o.version for o in again.opset_import} == {"": 21, "custom": 3}


def test_a_custom_node_whose_shape_nobody_knows() -> None:
    nodes = [node("Odd", ["x"], ["t"], "odd", domain="custom"), node("Relu", ["t"], ["y"])]
    proto = model(nodes, domains={"custom": 1})
    with pytest.raises(UnsupportedError, match=r"node 'odd' \(Odd\): output 't' has an unknown"):
        import_model(proto)
    proto.graph.value_info.append(value("t", None))
    with pytest.raises(UnsupportedError, match="shape of output 't' depends on data"):
        import_model(proto)
    proto.graph.value_info[0].CopyFrom(value("t", ["N", 4]))
    proto.graph.input[0].CopyFrom(value("x", ["N", 4]))
    assert import_model(proto, batch=3).outputs["y"].shape == (3, 4)


def test_types_that_have_no_place() -> None:
    with pytest.raises(UnsupportedError, match="output 's' is a sequence, not a tensor"):
        import_model(
            model([node("SequenceConstruct", ["x"], ["s"]), node("SequenceLength", ["s"], ["y"])])
        )
    cast = node("Cast", ["x"], ["y"], to=TensorProto.STRING)
    with pytest.raises(UnsupportedError, match="output 'y' has elements of type STRING"):
        import_model(model([cast], outputs=[value("y", None, TensorProto.STRING)]))


def test_attributes_that_have_no_place() -> None:
    bad = node("Odd", ["x"], ["y"], "odd", domain="custom", word=b"\xff\xfe")
    with pytest.raises(UnsupportedError, match="attribute word is not UTF-8"):
        import_model(model([bad], outputs=[value("y", [1])], domains={"custom": 1}))
    kind = helper.make_tensor_type_proto(1, [1])
    bad = node("Odd", ["x"], ["y"], "odd", domain="custom", kind=kind)
    with pytest.raises(UnsupportedError, match="attribute kind of type TYPE_PROTO"):
        import_model(model([bad], outputs=[value("y", [1])], domains={"custom": 1}))


def test_import_is_deterministic() -> None:
    first, second = import_model(network()), import_model(network().SerializeToString())
    assert text_of(first.module) == text_of(second.module)


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "bvlc_alexnet"])
def test_light_networks(name: str) -> None:
    imported = import_model(LIGHT / f"light_{name}.onnx")
    imported.module.verify()
    assert imported.inputs[next(iter(imported.inputs))].shape == (1, 3, 224, 224)
    assert len(imported.inputs) == 1
    assert not imported.warnings


def test_a_light_network_computes_the_same() -> None:
    assert_same(onnx.load(LIGHT / "light_squeezenet.onnx"))
