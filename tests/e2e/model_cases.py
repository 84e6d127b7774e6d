"""Small models of every shape for the command-line tests."""

from itertools import pairwise
from typing import Any

from onnx import GraphProto, ModelProto, TensorProto, helper
from spcc.tests.e2e.cli_cases import constant, conv_relu, model, node, normal, value

F16, F64, I32, I64, U8, BOOL = (
    getattr(TensorProto, name) for name in ("FLOAT16", "DOUBLE", "INT32", "INT64", "UINT8", "BOOL")
)
X, Y = [value("x", [2, 3])], [value("y", [2, 3])]
IMAGE, MAP = [value("x", [1, 3, 8, 8])], [value("y", None)]


def branch(name: str) -> GraphProto:
    """A branch of If that is a constant."""
    made = node("Constant", [], [name], value=constant("v", normal(2, 3, seed=len(name))))
    return helper.make_graph([made], name, [], [value(name, [2, 3])])


def body() -> GraphProto:
    """A body of Loop that adds a value to itself."""
    nodes = [node("Identity", ["go"], ["going"]), node("Add", ["a", "a"], ["b"])]
    inputs = [value("i", [], I64), value("go", [], BOOL), value("a", [2, 3])]
    return helper.make_graph(nodes, "body", inputs, [value("going", [], BOOL), value("b", [2, 3])])


def typed(elem: int, dtype: str) -> ModelProto:
    proto = conv_relu(w=normal(4, 3, 3, 3).astype(dtype), b=normal(4).astype(dtype))
    for each in (proto.graph.input[0], proto.graph.output[0]):
        each.type.tensor_type.elem_type = elem
    return proto


def gemm(c: Any, **attributes: Any) -> ModelProto:
    b = normal(7, 5) if attributes.get("transB") else normal(5, 7)
    shape = [5, 2] if attributes.get("transA") else [2, 5]
    call = node("Gemm", ["x", "b", "c"], ["y"], **attributes)
    constants = [constant("b", b), constant("c", c)]
    return model([call], [value("x", shape)], [value("y", [2, 7])], constants)


def chain(count: int, op_type: str = "Relu") -> ModelProto:
    names = ["x", *(f"t{i}" for i in range(1, count)), "y"]
    nodes = [node(op_type, [a], [b]) for a, b in pairwise(names)]
    return model(nodes, X, Y)


def fan(count: int) -> ModelProto:
    outputs = [value(f"y{i}", [2, 3]) for i in range(count)]
    return model([node("Relu", ["x"], [o.name]) for o in outputs], X, outputs)


def classifier(opset: int) -> ModelProto:
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4, kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v", "d"], ["y"], transB=1),
    ]
    arrays = {"w": normal(4, 3, 3, 3), "b": normal(4), "v": normal(5, 64), "d": normal(5)}
    constants = [constant(name, array) for name, array in arrays.items()]
    return model(nodes, IMAGE, [value("y", [1, 5])], constants, opset, 4 if opset < 11 else 8)


def shared() -> ModelProto:
    """Two layers with one weight."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], "first", pads=[1] * 4),
        node("Conv", ["a", "w"], ["y"], "second", pads=[1] * 4),
    ]
    return model(nodes, [value("x", [1, 4, 8, 8])], MAP, [constant("w", normal(4, 4, 3, 3))])


def old_inputs() -> ModelProto:
    """IR version 3: initializers are graph inputs too."""
    proto = conv_relu()
    proto.ir_version = 3
    proto.opset_import[0].version = 8
    proto.graph.input.extend(value(t.name, t.dims) for t in proto.graph.initializer)
    return proto
