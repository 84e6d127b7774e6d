"""Constant folding: what goes, what stays, and that nothing large is made by a small file."""

import numpy as np
import pytest
from frontend_models import array, assert_same, floats, ints, model, node, value
from onnx import ModelProto, NodeProto, TensorProto, helper
from spcc.compiler.frontend import fold
from spcc.compiler.frontend.onnx import Imported, import_model
from spcc.isa.errors import FrontendError, UnsupportedError
from spcc.runtime.reference import Reference


def op_names(imported: Imported) -> list[str]:
    """The node ops of a module."""
    ops = [op.name.removeprefix("onnx.") for op in imported.module.walk() if "onnx." in op.name]
    return [name for name in ops if name not in ("Initializer", "NoValue")]


def folded(nodes: list[NodeProto], constants: list[TensorProto], elem: int = 1) -> np.ndarray:
    """The constant that nodes without graph inputs become."""
    imported = import_model(model(nodes, [], [value("y", None, elem)], constants))
    assert op_names(imported) == []
    assert list(imported.store) == ["y"]
    return imported.store["y"]


@pytest.mark.parametrize(
    ("attribute", "dtype", "expected"),
    [
        ({"value": array("", [[1, 2]], "int8")}, "int8", [[1, 2]]),
        ({"value_int": 7}, "int64", 7),
        ({"value_ints": [7, -(1 << 62)]}, "int64", [7, -(1 << 62)]),
        ({"value_float": 0.5}, "float32", 0.5),
        ({"value_floats": [0.5, float("inf")]}, "float32", [0.5, float("inf")]),
    ],
)
def test_constant(attribute: dict, dtype: str, expected: object) -> None:
    elem = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    result = folded([node("Constant", [], ["y"], **attribute)], [], elem)
    assert result.dtype == dtype
    assert result.tolist() == expected


def test_constant_of_strings() -> None:
    proto = model([node("Constant", [], ["y"], value_string="s")], [])
    with pytest.raises(UnsupportedError, match="a constant given as 'value_string'"):
        import_model(proto)


def test_chain() -> None:
    result = folded(
        [
            node("Shape", ["w"], ["s"]),
            node("Gather", ["s", "i"], ["g"]),
            node("Mul", ["g", "two"], ["m"]),
            node("Range", ["zero", "m", "one"], ["y"]),
        ],
        [
            floats("w", 2, 3),
            *(array(n, v, "int64") for n, v in (("i", 1), ("zero", 0), ("one", 1), ("two", 2))),
        ],
        TensorProto.INT64,
    )
    assert result.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, [2, 3, 4]),
        ({"start": 1}, [3, 4]),
        ({"start": -9, "end": -1}, [2, 3]),
        ({"end": 9}, [2, 3, 4]),
    ],
)
def test_shape_of_an_activation(bounds: dict[str, int], expected: list[int]) -> None:
    proto = model(
        [node("Relu", ["x"], ["r"]), node("Shape", ["r"], ["y"], **bounds)],
        [value("x", [2, 3, 4])],
        [value("y", None, TensorProto.INT64)],
    )
    imported = import_model(proto)
    assert imported.store["y"].tolist() == expected
    assert op_names(imported) == []


def test_size_and_data_dependent_shapes() -> None:
    result = folded(
        [node("NonZero", ["w"], ["n"]), node("Size", ["n"], ["y"])],
        [array("w", [[1, 0], [2, 3]])],
        TensorProto.INT64,
    )
    assert result == 6


def test_constant_of_shape_takes_no_memory() -> None:
    imported = import_model(
        model(
            [
                node("ConstantOfShape", ["s"], ["w"], value=array("", [0.5])),
                node("MatMul", ["x", "w"], ["y"]),
            ],
            [value("x", [1, 1 << 15])],
            constants=[ints("s", 1 << 15, 1 << 15)],
        )
    )
    weights = imported.store["w"]
    assert weights.shape == (1 << 15, 1 << 15)
    assert weights.strides == (0, 0)
    assert weights[5, 7] == 0.5


@pytest.mark.parametrize(
    ("dims", "fill", "text"),
    [
        ([1 << 40], [0.5], "elements, more than"),
        ([-1], [0.5], "negative dimension"),
        ([0, 1 << 62], [0.5], "elements, more than"),
        ([2], [0.5, 0.5], "its value has 2 elements, not 1"),
    ],
)
def test_constant_of_shape_of_nonsense(dims: list[int], fill: list[float], text: str) -> None:
    proto = model(
        [node("ConstantOfShape", ["s"], ["y"], value=array("", fill))],
        [],
        constants=[ints("s", *dims)],
    )
    with pytest.raises(FrontendError, match=text):
        import_model(proto)


def test_identities_go_and_names_stay() -> None:
    proto = model(
        [
            node("Identity", ["x"], ["a"]),
            node("Relu", ["a"], ["b"], "relu"),
            node("Dropout", ["b"], ["c"]),
            node("Identity", ["c"], ["y"]),
            node("Identity", ["c"], ["z"]),
        ],
        outputs=[value("y", None), value("z", None), value("x2", None)],
    )
    proto.graph.node.append(node("Identity", ["x"], ["x2"]))
    imported = assert_same(proto)
    assert op_names(imported) == ["Relu"]
    assert list(imported.outputs) == ["y", "z", "x2"]


@pytest.mark.parametrize(
    "dropout",
    [
        node("Dropout", ["x", "", "yes"], ["y"]),
        node("Dropout", ["x"], ["y", "mask"]),
        node("Dropout", ["x", "", "ask"], ["y"]),
    ],
)
def test_dropout_that_does_something_stays(dropout: NodeProto) -> None:
    outputs = [value("y", None)]
    if "mask" in dropout.output:
        outputs.append(value("mask", None, TensorProto.BOOL))
    proto = model(
        [dropout],
        [value("x", [4]), value("ask", [], TensorProto.BOOL)],
        outputs,
        [array("yes", True, "bool")],
    )
    assert op_names(import_model(proto)) == ["Dropout"]


def test_dropout_with_training_switched_off() -> None:
    proto = model(
        [node("Dropout", ["x", "", "no"], ["d"]), node("Relu", ["d"], ["y"])],
        constants=[array("no", False, "bool")],
    )
    assert op_names(assert_same(proto)) == ["Relu"]


def test_quantisers_stay_but_those_of_constants_become_integers() -> None:
    q = ["scale", "zero"]
    proto = model(
        [
            node("QuantizeLinear", ["x", *q], ["xq"]),
            node("DequantizeLinear", ["xq", *q], ["xd"]),
            node("DequantizeLinear", ["w", *q], ["wd"]),
            node("QuantizeLinear", ["f", *q], ["fq"]),
            node("DequantizeLinear", ["fq", *q], ["fd"]),
            node("Conv", ["xd", "wd"], ["c"]),
            node("Add", ["c", "fd"], ["y"]),
        ],
        constants=[
            array("w", np.arange(36).reshape(4, 3, 3, 1) - 18, "int8"),
            array("scale", 0.25),
            array("zero", 0, "int8"),
            array("f", [1.5]),
        ],
    )
    imported = assert_same(proto)
    stay = ("QuantizeLinear", *["DequantizeLinear"] * 3, "Conv", "Add")
    assert sorted(op_names(imported)) == sorted(stay)
    assert imported.store["w"].dtype == np.int8
    assert imported.store["fq"].dtype == np.int8
    assert set(imported.store) == {"w", "scale", "zero", "fq"}


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize(("dtype", "zero"), [("int8", 0), ("uint8", 7), ("int16", 0), ("int8", -3)])
def test_constants_are_quantised_as_onnxruntime_does(
    axis: int | None, dtype: str, zero: int
) -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal((4, 3, 2)).astype(np.float32)
    values.flat[:8] = [0.125, 0.375, 0.625, -0.125, 3e38, -3e38, np.inf, -np.inf]
    form = () if axis is None else (values.shape[axis],)
    scale = np.full(form, 0.25) if axis is None else rng.uniform(0.01, 0.3, form)
    constants = [
        array("w", values),
        array("s", scale.astype(np.float32)),
        array("z", np.full(form, zero), dtype),
    ]
    more = {} if axis is None else {"axis": axis}
    elem = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [node("QuantizeLinear", ["w", "s", "z"], ["q"], **more), node("Relu", ["x"], ["y"])]
    wanted = [value("y", None), value("q", None, elem)]
    proto = model(nodes, [value("x", [2])], wanted, constants)
    reference = Reference(proto).run({"x": np.zeros(2, np.float32)})["q"]
    found = folded([node("QuantizeLinear", ["w", "s", "z"], ["y"], **more)], constants, elem)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, reference)


@pytest.mark.parametrize(
    ("values", "scale"),
    [([np.nan], 1.0), ([0.0], 0.0), ([[1.0, 2.0]], [[0.5, 0.5]])],
    ids=["not a number", "scale 0", "scales per block"],
)
def test_constants_without_such_integers_stay(values: list, scale: object) -> None:
    block = {"block_size": 1} if np.ndim(scale) == 2 else {}
    proto = model(
        [node("QuantizeLinear", ["w", "s", "z"], ["y"], **block)],
        [],
        [value("y", None, TensorProto.INT8)],
        [array("w", values), array("s", scale), array("z", np.zeros(np.shape(scale)), "int8")],
    )
    assert op_names(import_model(proto)) == ["QuantizeLinear"]


def test_random_operators_stay() -> None:
    proto = model(
        [node("RandomNormal", [], ["r"], shape=[1, 3, 8, 8]), node("Add", ["x", "r"], ["y"])]
    )
    assert op_names(import_model(proto)) == ["RandomNormal", "Add"]


def test_dead_nodes_and_unused_constants_go() -> None:
    proto = model(
        [
            node("Neg", ["x"], ["dead"]),
            node("Exp", ["dead"], ["deader"]),
            node("Split", ["x"], ["y", "unused"], axis=1, num_outputs=2),
        ],
        constants=[floats("w", 3)],
    )
    imported = import_model(proto)
    assert op_names(imported) == ["Split"]
    assert list(imported.store) == []


def test_unused_optional_outputs_go() -> None:
    """Only optional ones: onnxruntime crashes when another output has no name."""
    proto = model(
        [
            node("MaxPool", ["x"], ["p", "indices"], kernel_shape=[2, 2]),
            node("Split", ["p"], ["unused", "y"], axis=1, num_outputs=2),
        ]
    )
    imported = assert_same(proto)
    kinds = {op.name: [str(r.type) for r in op.results] for op in imported.module.walk()}
    assert kinds["onnx.MaxPool"] == ["tensor<1x3x7x7xf32>"]
    assert kinds["onnx.Split"] == ["tensor<1x2x7x7xf32>", "tensor<1x1x7x7xf32>"]


def test_unused_optional_outputs_before_used_ones() -> None:
    proto = model(
        [node("LSTM", ["x", "w", "r"], ["all", "y"], hidden_size=2)],
        [value("x", [3, 1, 2])],
        constants=[floats("w", 1, 8, 2), floats("r", 1, 8, 2)],
    )
    imported = assert_same(proto)
    (lstm,) = [op for op in imported.module.walk() if op.name == "onnx.LSTM"]
    assert [str(r.type) for r in lstm.results] == ["none", "tensor<1x1x2xf32>"]


def test_an_optional_output_that_only_folded_nodes_used() -> None:
    proto = model(
        [
            node("MaxPool", ["x"], ["y", "indices"], kernel_shape=[2, 2]),
            node("Shape", ["indices"], ["z"]),
        ],
        outputs=[value("y", None), value("z", None, TensorProto.INT64)],
    )
    imported = assert_same(proto)
    assert imported.store["z"].tolist() == [1, 3, 7, 7]
    assert op_names(imported) == ["MaxPool"]


def huge_sum() -> ModelProto:
    return model(
        [
            node("Expand", ["one", "s"], ["e"]),
            node("ReduceSum", ["e"], ["r"], keepdims=0),
            node("Add", ["x", "r"], ["y"]),
        ],
        constants=[array("one", [1.0]), ints("s", 1 << 27)],
    )


def test_folding_is_bounded_in_size() -> None:
    assert op_names(import_model(huge_sum())) == ["Expand", "ReduceSum", "Add"]


def test_folding_is_bounded_in_total(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [node("Neg", ["w"], ["a"]), node("Abs", ["a"], ["b"]), node("Mul", ["x", "b"], ["y"])]
    proto = model(nodes, constants=[floats("w", 8)])
    assert op_names(import_model(proto)) == ["Mul"]
    monkeypatch.setattr(fold, "MAX_TOTAL_BYTES", 40)
    assert op_names(import_model(proto)) == ["Abs", "Mul"]


def test_evaluation_that_fails_leaves_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(fold, "ReferenceEvaluator", fail)
    proto = model(
        [node("Neg", ["w"], ["a"]), node("Mul", ["x", "a"], ["y"])], constants=[floats("w", 8)]
    )
    assert op_names(assert_same(proto)) == ["Neg", "Mul"]


def test_division_by_zero_is_silent() -> None:
    result = folded(
        [node("Div", ["a", "b"], ["y"])], [array("a", [1.0, 0.0]), array("b", [0.0, 0.0])]
    )
    assert result[0] == np.inf
    assert np.isnan(result[1])
