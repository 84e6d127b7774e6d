"""Writes the digits network as ONNX, node by node."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8


def digits_model(weights: Mapping[str, npt.NDArray[Any]]) -> onnx.ModelProto:
    """Build the model: two convolutions, a residual one, and a classifier.

    Args:
        weights: conv1.weight [32, 1, 3, 3], conv2.weight [64, 32, 3, 3], conv3.weight
            [64, 64, 3, 3], classifier.weight [10, 256], and the .bias of each.

    Returns:
        Opset 17, "image" [N, 1, 8, 8] float32 in 0..1 -> "logits" [N, 10] float32.
    """
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        *_conv_relu("conv1", "image"),
        *_conv_relu("conv2", "conv1.relu"),
        _node("MaxPool", "pool1", ["conv2.relu"], **window),
        _conv("conv3", "pool1"),
        _node("Add", "residual", ["conv3", "pool1"]),
        _node("Relu", "residual.relu", ["residual"]),
        _node("MaxPool", "pool2", ["residual.relu"], **window),
        _node("Flatten", "flatten", ["pool2"], axis=1),
        helper.make_node(
            "Gemm",
            ["flatten", "classifier.weight", "classifier.bias"],
            ["logits"],
            name="classifier",
            transB=1,
        ),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
        for name, value in weights.items()
    ]
    graph = helper.make_graph(nodes, "digits", [image], [logits], constants)
    model = helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="spcc",
    )
    # Its stub has a bare PathLike:
    onnx.checker.check_model(model, full_check=True)  # pyright: ignore[reportUnknownMemberType]
    return model


def _node(op_type: str, name: str, inputs: list[str], **attributes: Any) -> onnx.NodeProto:
    """Make a node whose only output carries the node's name."""
    return helper.make_node(op_type, inputs, [name], name=name, **attributes)


def _conv(name: str, source: str) -> onnx.NodeProto:
    """Make a 3x3 convolution that keeps the map's size."""
    inputs = [source, f"{name}.weight", f"{name}.bias"]
    return _node("Conv", name, inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def _conv_relu(name: str, source: str) -> list[onnx.NodeProto]:
    """Make a convolution and the ReLU behind it, NAME.relu."""
    return [_conv(name, source), _node("Relu", f"{name}.relu", [name])]
