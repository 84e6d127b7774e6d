"""Input shapes: dynamic dimensions, symbols, batches and what the user may not ask for."""

import pytest
from frontend_models import assert_same, floats, model, network, node, value
from onnx import ModelProto, TensorProto, helper
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import FrontendError, UnsupportedError, UsageError


def add(first: list, second: list | None) -> ModelProto:
    inputs = [value("x", first), value("z", second)]
    return model([node("Add", ["x", "z"], ["y"])], inputs)


def test_dynamic_batch_becomes_one() -> None:
    imported = assert_same(network())
    assert imported.inputs["x"].shape == (1, 3, 8, 8)
    assert imported.outputs["y"].shape == (1, 5)
    assert imported.warnings == ("input 'x': the dynamic batch dimension ('N') is taken as 1",)


def test_batch() -> None:
    imported = assert_same(network(), batch=3)
    assert imported.outputs["y"].shape == (3, 5)
    assert imported.warnings == ()


def test_shape() -> None:
    imported = assert_same(network(), shapes={"x": (2, 3, 8, 8)})
    assert imported.outputs["y"].shape == (2, 5)
    assert imported.warnings == ()


def test_a_nameless_dynamic_dimension() -> None:
    imported = import_model(model([node("Relu", ["x"], ["y"])], [value("x", [None, 4])]))
    assert imported.inputs["x"].shape == (1, 4)
    assert imported.warnings == ("input 'x': the dynamic batch dimension is taken as 1",)


def test_a_symbol_is_one_size_everywhere() -> None:
    imported = import_model(add(["N", "T"], ["N", "T"]), shapes={"x": (2, 7)})
    assert imported.inputs["z"].shape == (2, 7)
    imported = import_model(add(["N", 4], [4, "N"]), batch=4)
    assert imported.inputs["z"].shape == (4, 4)


def test_scalar_input() -> None:
    assert import_model(add([2], [])).inputs["z"].shape == ()


@pytest.mark.parametrize(
    ("proto", "kwargs", "text"),
    [
        (add([1, "H", "W"], [1]), {}, r"input 'x': dynamic dimensions H \(axis 1\), W \(axis 2\)"),
        (add([1, "H", "W"], [1]), {}, "hint: --shape x=1xNxN"),
        (add([1, None], [1]), {}, r"dynamic dimensions \? \(axis 1\)"),
        (add([1], None), {}, "input 'z': has no shape\n  hint: --shape z=1x3x224x224"),
        (add([-4], [1]), {}, r"its shape \(-4,\) has a negative dimension"),
        (add([1] * 33, [1]), {}, "has 33 axes, more than 32"),
        (add([1 << 20, 1 << 20], [1]), {}, "has 1099511627776 elements"),
        (add([1, 2], [1]), {"shapes": {"q": (1,)}}, "given for 'q'; the inputs are 'x', 'z'"),
        (add([1, 2], [1]), {"shapes": {"x": (1,)}}, "has shape 1x2, but the shape given is 1"),
        (add([1, 2], [1]), {"shapes": {"x": (1, 3)}}, "has shape 1x2, but the shape given is 1x3"),
        (add(["N"], ["N"]), {"shapes": {"x": (2,), "z": (3,)}}, "'N' is 2 elsewhere, 3 here"),
        (add([2, 2], [1]), {"batch": 4}, "input 'x': its batch dimension is fixed at 2"),
    ],
)
def test_wrong_shapes(proto: ModelProto, kwargs: dict, text: str) -> None:
    with pytest.raises(FrontendError, match=text):
        import_model(proto, **kwargs)


def test_a_wrong_shape_is_one_problem() -> None:
    with pytest.raises(FrontendError) as caught:
        import_model(add(["N", 3, 4, 5], [1]), shapes={"x": (2, 6, 7, 8)})
    assert caught.value.where.endswith(":input 'x'")
    assert caught.value.message == "has shape Nx3x4x5, but the shape given is 2x6x7x8"
    assert "leaves open" in caught.value.hint


def test_a_model_without_rank_takes_the_shape_given() -> None:
    imported = import_model(add([2, 3], None), shapes={"z": (2, 1)})
    assert imported.inputs["z"].shape == (2, 1)


def test_a_batch_that_the_model_has_already() -> None:
    assert import_model(add([4, 2], [1]), batch=4).inputs["x"].shape == (4, 2)


@pytest.mark.parametrize(
    "kwargs",
    [{"batch": 0}, {"batch": -1}, {"shapes": {"x": (0, 2)}}, {"shapes": {"x": (1 << 30, 4)}}],
)
def test_nonsense_from_the_user(kwargs: dict) -> None:
    with pytest.raises(UsageError):
        import_model(add(["N", 2], [1]), **kwargs)


def test_empty_input() -> None:
    with pytest.raises(UnsupportedError, match="shape 1x0 has no elements"):
        import_model(add([1, 0], [1]))


def test_inputs_that_are_no_tensors() -> None:
    tensor = helper.make_tensor_type_proto(1, [1])
    sequence = helper.make_value_info("x", helper.make_sequence_type_proto(tensor))
    with pytest.raises(UnsupportedError, match="input 'x': is a sequence, not a tensor"):
        import_model(model([node("SequenceLength", ["x"], ["y"])], [sequence]))
    text = value("x", [1], TensorProto.STRING)
    with pytest.raises(UnsupportedError, match="elements of type STRING"):
        import_model(model([node("Identity", ["x"], ["y"])], [text]))
    nothing = value("x", [1])
    nothing.ClearField("type")
    with pytest.raises(FrontendError, match="input 'x': has no type"):
        import_model(model([node("Identity", ["x"], ["y"])], [nothing]))


def test_an_initializer_that_is_also_an_input() -> None:
    proto = model(
        [node("Add", ["x", "w"], ["y"])],
        [value("x", [1, 4]), value("w", ["N"])],
        constants=[floats("w", 4)],
        ir_version=8,
    )
    imported = import_model(proto)
    assert list(imported.inputs) == ["x"]
    assert list(imported.store) == ["w"]
    proto.graph.input[1].CopyFrom(value("w", [5]))
    with pytest.raises(FrontendError, match=r"is float32 of shape \(4,\), unlike the graph input"):
        import_model(proto)
    proto.graph.input[1].CopyFrom(value("w", [4], TensorProto.INT32))
    with pytest.raises(FrontendError, match="unlike the graph input"):
        import_model(proto)
