"""One opset for all that follows: conversion, its known gaps, and local functions."""

import numpy as np
import onnx
import pytest
from frontend_models import array, assert_same, floats, ints, model, node, value
from onnx import FunctionProto, ModelProto, helper, version_converter
from spcc.compiler.frontend import worker
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import FrontendError, UnsupportedError


def opset_of(proto: ModelProto) -> int:
    module = import_model(proto).module
    return module.attributes["onnx.opset"].value.data  # type: ignore[attr-defined]


@pytest.mark.parametrize(("before", "after"), [(9, 17), (16, 17), (17, 17), (21, 21), (26, 26)])
def test_opset_17_or_later(before: int, after: int) -> None:
    assert opset_of(model([node("Relu", ["x"], ["y"])], opset=before)) == after


def old(op_type: str, *constants: onnx.TensorProto, opset: int = 9, **attributes: object):
    names = ["x", *(c.name for c in constants)]
    return model(
        [node(op_type, names, ["y"], **attributes)],
        constants=constants,
        opset=opset,
        ir_version=4,
    )


@pytest.mark.parametrize(
    "proto",
    [
        old("Upsample", array("s", [1, 1, 2, 3]), mode="nearest"),
        old("Upsample", array("s", [1, 1, 2, 3]), mode="linear"),
        old("Upsample", array("s", [1, 1, 2.3, 1.7]), mode="nearest"),
        old("Upsample", opset=7, mode="linear", scales=[1.0, 1.0, 2.0, 2.0]),
        old("Resize", array("s", [1, 1, 0.5, 1.5]), opset=10, mode="linear"),
        old("Resize", array("s", [1, 1, 0.5, 1.5]), opset=10, mode="nearest"),
        old("Softmax", axis=1),
        old("Softmax", axis=3),
        old("LogSoftmax", axis=2),
        old("Dropout", ratio=0.5),
        old("Clip", min=-0.5, max=0.5),
        old("Slice", axes=[2, 3], starts=[1, 0], ends=[-1, 9223372036854775807]),
        old("Pad", pads=[0, 0, 1, 1, 0, 0, 2, 2], value=0.5),
        old("Pad", pads=[0, 0, 1, 1, 0, 0, 2, 2], mode="reflect"),
        old("ReduceMean", axes=[2, 3], keepdims=0),
        old("ReduceSum", axes=[1]),
        old("Squeeze", axes=[0]),
        old("Unsqueeze", axes=[0, 5]),
        old("MaxPool", kernel_shape=[3, 3], strides=[2, 2]),
        old("BatchNormalization", *[array(n, [1, 2, 3]) for n in "stmv"], opset=7),
        old("Flatten", axis=2),
    ],
)
def test_conversion_keeps_the_values(proto: ModelProto) -> None:
    assert_same(proto)


def test_the_converter_alone_would_change_a_resize() -> None:
    """The reason for our own step; when this fails, the library is mended and the step can go."""
    proto = old("Resize", array("s", [1, 1, 2, 2]), opset=10, mode="linear")
    proto.ir_version = 8
    (resize,) = [
        n for n in version_converter.convert_version(proto, 17).graph.node if n.op_type == "Resize"
    ]
    assert "coordinate_transformation_mode" not in {a.name for a in resize.attribute}


def test_resize_of_later_opsets_is_left_alone() -> None:
    proto = model(
        [node("Resize", ["x", "", "s"], ["y"], mode="linear")],
        constants=[array("s", [1, 1, 2, 2])],
        opset=13,
    )
    (op,) = [op for op in import_model(proto).module.walk() if op.name == "onnx.Resize"]
    assert set(op.attributes_.data) == {"mode"}  # type: ignore[attr-defined]
    assert_same(proto)


def test_old_weights_that_are_inputs() -> None:
    proto = model(
        [
            node("Conv", ["x", "w"], ["c"]),
            node("ConstantOfShape", ["s"], ["k"]),
            node("Add", ["c", "k"], ["y"]),
        ],
        [value("x", [1, 3, 8, 8]), value("w", [4, 3, 3, 3]), value("s", [1], 7)],
        constants=[floats("w", 4, 3, 3, 3), ints("s", 6)],
        opset=9,
        ir_version=3,
    )
    imported = assert_same(proto)
    assert list(imported.inputs) == ["x"]


@pytest.mark.parametrize(("op_type", "opset"), [("Hardmax", 12), ("Scan", 8)])
def test_operators_that_the_converter_gets_wrong(op_type: str, opset: int) -> None:
    attributes = {}
    if op_type == "Scan":
        body = helper.make_graph(
            [node("Identity", ["i"], ["o"])], "b", [value("i", [8])], [value("o", [8])]
        )
        attributes = {"body": body, "num_scan_inputs": 1}
        nodes = [node("Scan", ["", "x"], ["y"], **attributes)]
    else:
        nodes = [node(op_type, ["x"], ["y"])]
    with pytest.raises(UnsupportedError, match=f"{op_type} of opset {opset} means something else"):
        import_model(model(nodes, opset=opset, ir_version=4))


def test_a_conversion_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no adapter for Foo 9 -> 10\nmore")

    monkeypatch.setattr(worker.version_converter, "convert_version", fail)
    text = r"opset 9 cannot be converted to 17: no adapter for Foo 9 -> 10\n  hint"
    with pytest.raises(UnsupportedError, match=text):
        import_model(old("Softmax"))


def function(
    name: str, nodes: list[onnx.NodeProto], opset: int = 21, **kwargs: object
) -> FunctionProto:
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["a"], ["b"], nodes, opsets, **kwargs)


def calling(*functions: FunctionProto, name: str = "F") -> ModelProto:
    return model(
        [node(name, ["x"], ["t"], domain="local"), node(name, ["t"], ["y"], domain="local")],
        domains={"local": 1},
        functions=list(functions),
    )


def test_local_functions_are_inlined() -> None:
    body = [node("Neg", ["a"], ["c"]), node("Relu", ["c"], ["b"])]
    imported = assert_same(calling(function("F", body)))
    assert [op.name for op in imported.module.walk()].count("onnx.Neg") == 2
    assert "onnx.domains" not in imported.module.attributes


def test_functions_within_functions() -> None:
    inner = function("G", [node("Neg", ["a"], ["b"])])
    outer = function(
        "F", [node("G", ["a"], ["c"], domain="local"), node("G", ["c"], ["b"], domain="local")]
    )
    imported = assert_same(calling(inner, outer))
    assert [op.name for op in imported.module.walk()].count("onnx.Neg") == 4


def test_a_function_with_undefined_names() -> None:
    with pytest.raises(FrontendError, match=r"input '\w*ghost\w*' is no graph input"):
        import_model(calling(function("F", [node("Add", ["a", "ghost"], ["b"])])))


def test_a_function_that_calls_itself() -> None:
    with pytest.raises(FrontendError, match="unfold to"):
        import_model(calling(function("F", [node("F", ["a"], ["b"], domain="local")])))


def test_functions_that_explode() -> None:
    doubling = [function("F0", [node("Neg", ["a"], ["b"])])]
    for level in range(1, 40):
        call = f"F{level - 1}"
        body = [node(call, ["a"], ["c"], domain="local"), node(call, ["c"], ["b"], domain="local")]
        doubling.append(function(f"F{level}", body))
    with pytest.raises(FrontendError, match=r"unfold to \d{12,} nodes, more than"):
        import_model(calling(*doubling, name="F39"))


def test_a_function_of_another_opset() -> None:
    with pytest.raises(UnsupportedError, match=r"local functions local\.F follow another opset"):
        import_model(calling(function("F", [node("Neg", ["a"], ["b"])], opset=13)))


def test_large_constants_do_not_pass_through_the_converter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    convert = version_converter.convert_version

    def spy(proto: ModelProto, target: int) -> ModelProto:
        sizes.append(proto.ByteSize())
        return convert(proto, target)

    monkeypatch.setattr(worker.version_converter, "convert_version", spy)
    weights = floats("w", 64, 3, 8, 8)
    imported = import_model(
        model([node("Conv", ["x", "w"], ["y"])], constants=[weights], opset=9, ir_version=4)
    )
    assert sizes
    assert max(sizes) < 1000
    assert np.array_equal(imported.store["w"], onnx.numpy_helper.to_array(weights))
