"""Attributes and shapes checked with Python integers: every rule has a node that breaks it."""

from typing import Any

import numpy as np
import pytest
from frontend_models import array, assert_same, floats, ints, model, node, run, value
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto
from spcc.compiler.frontend.onnx import import_model
from spcc.isa.errors import FrontendError, SpccError, UnsupportedError

WEIGHTS = floats("w", 4, 3, 3, 3)


def conv(*constants: TensorProto, shape: tuple[int, ...] = (1, 3, 8, 8), **attributes: Any):
    constants = constants or (WEIGHTS,)
    names = [c.name for c in constants]
    return model(
        [node("Conv", ["x", *names], ["y"], "conv", **attributes)],
        [value("x", shape)],
        constants=constants,
    )


def pool(op_type: str = "MaxPool", shape: tuple[int, ...] = (1, 2, 6, 6), **attributes: Any):
    return model([node(op_type, ["x"], ["y"], "pool", **attributes)], [value("x", shape)])


def transposed(*constants: TensorProto, **attributes: Any) -> ModelProto:
    names = [c.name for c in constants]
    return model(
        [node("ConvTranspose", ["x", *names], ["y"], "conv", **attributes)],
        [value("x", (1, 4, 5, 5))],
        constants=constants,
    )


def one(op: NodeProto, *constants: TensorProto, shape: tuple[int, ...] = (2, 3, 4)) -> ModelProto:
    return model([op], [value("x", shape)], constants=constants)


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        (conv(strides=[0, 1]), r"strides = \[0, 1\] must be positive"),
        (conv(strides=[-2, 1]), r"strides = \[-2, 1\] must be positive"),
        (conv(dilations=[1, 0]), r"dilations = \[1, 0\] must be positive"),
        (conv(group=0), "group = 0 must be positive"),
        (conv(kernel_shape=[0, 3]), "kernel_shape = .* must be positive"),
        (conv(pads=[0, 0, -1, 0]), "pads = .* must not be negative"),
        (conv(dilations=[10**9, 1]), "a window of 2000000001 .* larger than the padded input of 8"),
        (conv(dilations=[1 << 40, 1]), "dilations = .* is beyond 31 bits"),
        (conv(pads=[1 << 40] * 4), "pads = .* is beyond 31 bits"),
        (conv(auto_pad="SAME"), "auto_pad = .* is none of NOTSET"),
        (conv(shape=(1, 3, 2, 8)), r"a window of 3 \(kernel 3, dilation 1\) is larger .* of 2"),
        (conv(shape=(1, 4, 8, 8)), r"input has 4 channels, but weights .* group = 1 take 3"),
        (conv(group=2, shape=(1, 6, 8, 8)), None),
        (conv(floats("w", 5, 3, 3, 3), group=2, shape=(1, 6, 8, 8)), "5 output channels are not a"),
        (conv(kernel_shape=[3, 2]), r"kernel_shape = \[3, 2\] does not match weights"),
        (conv(WEIGHTS, floats("b", 3)), r"bias has shape \(3,\), but there are 4 output channels"),
        (conv(strides=[1]), r"strides = \[1\] needs 2 entries"),
        (conv(dilations=[1, 1, 1]), "dilations = .* needs 2 entries"),
        (conv(pads=[1, 1]), r"pads = \[1, 1\] needs 4 entries"),
        (conv(floats("w", 4, 3, 3)), "must have one rank, at least 3"),
        (conv(floats("w", 4, 3), shape=(1, 3)), "must have one rank, at least 3"),
        (conv(floats("w", 4, 3, 0, 3)), "are empty"),
        (conv(pads=[1 << 30, 1, 1, 1]), "elements, more than 2147483648"),
    ],
)
def test_conv(proto: ModelProto, text: str | None) -> None:
    expect(proto, text)


def expect(proto: ModelProto, text: str | None, kind: type[SpccError] = FrontendError) -> None:
    """Check that a model is refused with a text, or taken when there is none."""
    if text is None:
        import_model(proto)
        return
    with pytest.raises(kind, match=text):
        import_model(proto)


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        (pool(kernel_shape=[7, 7]), "larger than the padded input of 6"),
        (pool(kernel_shape=[2]), r"kernel_shape = \[2\] needs 2 entries"),
        (pool(kernel_shape=[2, 2], pads=[2, 0, 0, 0]), "not smaller than the kernel"),
        (pool(kernel_shape=[2, 2], pads=[0, 0, 0, 2]), "not smaller than the kernel"),
        (pool(kernel_shape=[2, 2], pads=[1, 1, 1, 1]), None),
        (pool(kernel_shape=[2, 2], dilations=[6, 1]), "larger than the padded input of 6"),
        (pool(kernel_shape=[2, 2], ceil_mode=-1), "ceil_mode = -1 must not be negative"),
        (pool(kernel_shape=[1], shape=(1, 2)), "needs at least 3 axes"),
        (pool("AveragePool", kernel_shape=[2, 2], strides=[0, 0]), "must be positive"),
        (pool("LpPool", kernel_shape=[9, 9]), "larger than the padded input"),
        (pool("GlobalAveragePool", shape=(1, 2)), "needs at least 3 axes"),
        (pool("GlobalMaxPool"), None),
    ],
)
def test_pools(proto: ModelProto, text: str | None) -> None:
    expect(proto, text)


W = floats("w", 4, 2, 3, 3)


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        (transposed(floats("w", 3, 2, 3, 3)), "other channels than weights"),
        (transposed(W, group=3), "group = 3 does not divide"),
        (transposed(floats("w", 4, 2, 3)), "must have one rank"),
        (transposed(W, strides=[1]), "needs 2 entries"),
        (transposed(W, output_padding=[1]), "need 2 entries"),
        (transposed(W, output_shape=[3]), "need 2 entries"),
        (transposed(W, pads=[4, 4, 4, 4]), r"spatial sizes \[-1, -1\]"),
        (transposed(W, output_padding=[-1, 0]), "must not be negative"),
        (transposed(W, strides=[1 << 30, 1 << 30]), "elements, more than"),
    ],
)
def test_conv_transpose(proto: ModelProto, text: str) -> None:
    expect(proto, text)


NORM = [floats(n, 4) for n in "stmv"]


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        (
            one(node("Gemm", ["x", "b"], ["y"]), floats("b", 4, 5), shape=(2, 3)),
            "dimensions 3 and 4",
        ),
        (one(node("Gemm", ["x", "b"], ["y"]), floats("b", 3, 5, 1), shape=(2, 3)), "two matrices"),
        (
            one(
                node("Gemm", ["x", "b", "c"], ["y"]),
                floats("b", 3, 5),
                floats("c", 4),
                shape=(2, 3),
            ),
            r"bias of shape \(4,\) does not spread to \(2, 5\)",
        ),
        (one(node("Gemm", ["x", "b"], ["y"], transA=1), floats("b", 2, 5), shape=(2, 3)), None),
        (one(node("Transpose", ["x"], ["y"], perm=[0, 1])), "no permutation of 3 axes"),
        (one(node("Transpose", ["x"], ["y"], perm=[0, 1, 1])), "no permutation of 3 axes"),
        (
            one(node("Softmax", ["x"], ["y"], axis=3)),
            r"axis = 3 does not exist in shape \(2, 3, 4\)",
        ),
        (one(node("Flatten", ["x"], ["y"], axis=3)), None),
        (one(node("Flatten", ["x"], ["y"], axis=4)), "axis = 4 does not exist"),
        (one(node("Concat", ["x", "b"], ["y"], axis=5), floats("b", 2, 3, 4)), "axis = 5"),
        (one(node("LRN", ["x"], ["y"], size=0), shape=(1, 2, 3, 3)), "size = 0 must be positive"),
        (
            one(node("BatchNormalization", ["x", *"stmv"], ["y"]), *NORM),
            r"input 's' has shape \(4,\), but there are 3 channels",
        ),
        (
            one(node("BatchNormalization", ["x", *"stmv"], ["y"]), *NORM, shape=(4,)),
            "has no channel axis",
        ),
        (
            one(
                node("BatchNormalization", ["x", *"stmv"], ["y"], epsilon=-1.0), *NORM, shape=(1, 4)
            ),
            "epsilon = -1.0 must be",
        ),
        (
            one(
                node("BatchNormalization", ["x", *"stmv"], ["y"], epsilon=float("nan")),
                *NORM,
                shape=(1, 4),
            ),
            "epsilon = nan must be",
        ),
        (
            one(node("InstanceNormalization", ["x", *"st"], ["y"]), *NORM[:2]),
            r"input 's' has shape \(4,\), but there are 3 channels",
        ),
        (
            one(node("Reshape", ["x", "s"], ["y"]), ints("s", 5, 5)),
            "shape inference fails|elements",
        ),
        (one(node("Reshape", ["x", "s"], ["y"]), ints("s", 1 << 40, -1)), "beyond 31 bits"),
        (
            one(node("Expand", ["x", "s"], ["y"]), ints("s", 1 << 30, 1, 1, 1)),
            "elements, more than",
        ),
        (one(node("Tile", ["x", "s"], ["y"]), ints("s", 1 << 62, 4, 1)), "beyond 31 bits"),
        (one(node("Tile", ["x", "s"], ["y"]), ints("s", -1, 1, 1)), "must not contain negative"),
        (one(node("Pad", ["x", "s"], ["y"]), ints("s", 0, 0, -9, 0, 0, 0)), "negative dimension"),
        (one(node("Pad", ["x", "s"], ["y"]), ints("s", 0, 0, -1, 0, 0, 0)), None),
        (
            one(node("DepthToSpace", ["x"], ["y"], blocksize=1 << 20), shape=(1, 4, 2, 2)),
            "another number of elements|shape inference fails",
        ),
        (one(node("SpaceToDepth", ["x"], ["y"], blocksize=0), shape=(1, 4, 2, 2)), "blocksize = 0"),
        (one(node("Squeeze", ["x", "a"], ["y"]), ints("a")), "its list of axes is empty"),
        (one(node("Add", ["x", "b"], ["y"]), floats("b", 5)), "shape inference fails"),
        (one(node("MatMul", ["x", "b"], ["y"]), floats("b", 5, 2)), "shape inference fails"),
        (
            one(node("Unsqueeze", ["x", "a"], ["y"]), ints("a", *range(33))),
            "the shape of output 'y' has 36 axes",
        ),
        (one(node("Cast", ["x"], ["y"], to=1 << 33)), "to = 8589934592 is beyond 31 bits"),
    ],
)
def test_other_operators(proto: ModelProto, text: str | None) -> None:
    expect(proto, text)


def test_concat_that_does_not_join() -> None:
    proto = one(node("Concat", ["x", "b"], ["y"], axis=1), floats("b", 2, 3, 5))
    expect(proto, "do not join along axis 1|shape inference fails")


def test_empty_results_are_unsupported() -> None:
    ends = [ints(n, v) for n, v in (("a", 1), ("b", 1), ("c", 0))]
    proto = one(node("Slice", ["x", "a", "b", "c"], ["y"]), *ends)
    expect(proto, r"output 'y' of shape \(0, 3, 4\) has no elements", UnsupportedError)


def test_shapes_that_depend_on_data() -> None:
    proto = model([node("NonZero", ["x"], ["y"])], outputs=[value("y", None, TensorProto.INT64)])
    expect(proto, r"shape of output 'y' depends on data \(\[4, \?\]\)", UnsupportedError)


def test_only_the_first_of_a_row_of_failures_is_told() -> None:
    proto = model(
        [
            node("Conv", ["x", "w"], ["c"], "conv", strides=[3, 3], dilations=[9, 9]),
            node("Relu", ["c"], ["r"], "after"),
            node("MaxPool", ["x"], ["p"], "pool", kernel_shape=[20, 1]),
            node("Add", ["r", "p"], ["y"], "join"),
        ],
        constants=[WEIGHTS],
    )
    with pytest.raises(FrontendError) as caught:
        import_model(proto)
    text = str(caught.value)
    assert "2 problems" in text
    assert "'conv'" in text
    assert "'pool'" in text
    assert "'after'" not in text
    assert "'join'" not in text


def test_declared_outputs() -> None:
    proto = pool(kernel_shape=[2, 2])
    proto.graph.output[0].CopyFrom(value("y", None, TensorProto.INT8))
    expect(proto, "graph output 'y': is declared int8, but it is float32")
    proto.graph.output[0].CopyFrom(value("y", ["N", 2, 9, 5]))
    (warning,) = import_model(proto).warnings
    assert warning == ("graph output 'y' has shape (1, 2, 5, 5), declared was ['N', 2, 9, 5]")


@pytest.mark.parametrize("opset", [17, 22])
def test_a_pool_drops_windows_that_start_in_the_padding(opset: int) -> None:
    """Onnx's inference says 3 x 3 here before opset 22; onnxruntime computes 2 x 2."""
    proto = pool(shape=(1, 1, 4, 4), kernel_shape=[1, 1], strides=[2, 2], ceil_mode=1)
    proto.opset_import[0].version = opset
    imported = import_model(proto)
    assert imported.outputs["y"].shape == (1, 1, 2, 2)
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    assert run(proto, {"x": x})[0].shape == (1, 1, 2, 2)


SMALL = st.integers(1, 3)


@settings(max_examples=60, deadline=None)
@given(
    op_type=st.sampled_from(["Conv", "MaxPool", "AveragePool", "ConvTranspose"]),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    kernel=st.tuples(SMALL, SMALL),
    strides=st.tuples(SMALL, SMALL),
    dilations=st.tuples(SMALL, SMALL),
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    auto_pad=st.sampled_from(["NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]),
    ceil=st.booleans(),
)
@example("MaxPool", (4, 4), (1, 1), (2, 2), (1, 1), [0, 0, 0, 0], "NOTSET", True)
def test_windows_agree_with_onnxruntime(
    op_type: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    pads: list[int],
    auto_pad: str,
    ceil: bool,
) -> None:
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": strides,
        "dilations": dilations,
        "auto_pad": auto_pad,
    }
    if auto_pad == "NOTSET":
        attributes["pads"] = pads
    is_pool = op_type.endswith("Pool")
    if is_pool:
        attributes["ceil_mode"] = int(ceil)
    inputs = ["x"] if is_pool else ["x", "w"]
    proto = model(
        [node(op_type, inputs, ["y"], **attributes)],
        [value("x", (1, 2, *size))],
        constants=[] if is_pool else [floats("w", 2, 2, *kernel)],
    )
    x = np.random.default_rng(0).standard_normal((1, 2, *size)).astype(np.float32)
    if auto_pad.startswith("SAME"):  # onnxruntime refuses dilations, and strides beyond the kernel
        assume(dilations == (1, 1) and strides[0] <= kernel[0] and strides[1] <= kernel[1])
    try:
        shape = import_model(proto).outputs["y"].shape
    except FrontendError:
        return  # refused: the tables above say when that is right
    assert run(proto, {"x": x})[0].shape == shape


def test_accepted_nodes_compute_the_same() -> None:
    assert_same(transposed(W, strides=[2, 2], output_padding=[1, 1], pads=[1, 1, 1, 1]))
    assert_same(transposed(W, strides=[2, 2], output_shape=[10, 10]))
    assert_same(transposed(W, group=2, strides=[3, 2], auto_pad="SAME_UPPER"))
    assert_same(conv(group=1, strides=[2, 1], auto_pad="SAME_LOWER"))
    assert_same(
        one(node("Gemm", ["x", "b", "c"], ["y"]), floats("b", 3, 5), array("c", 2.0), shape=(2, 3))
    )
