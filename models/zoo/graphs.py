"""From a network of the zoo to ONNX: nodes, and the model with its weights."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from . import lstm
from .networks import INPUT, Network, Node

OPSET, IR_VERSION = 17, 8

Arrays = Mapping[str, npt.NDArray[Any]]


def before_relu(node: Node) -> str:
    """Name of the tensor that a node computes before its ReLU."""
    return f"{node.name}.linear" if node.has_relu else node.name


def operators(node: Node) -> list[onnx.NodeProto]:
    """Write a node without its ReLU in ONNX.

    Its tensors: the sources by their names, NODE.weight, NODE.bias and the like, and
    `before_relu(node)`. ONNX nodes are called as the zoo's, helpers NODE.something.
    """
    out, name, sources = before_relu(node), node.name, list(node.sources)
    weight, bias = f"{name}.weight", f"{name}.bias"
    window: dict[str, Any] = {"strides": [node.stride] * 2, "pads": [node.pad] * 4}
    pooling: dict[str, Any] = {
        "kernel_shape": list(node.kernel),
        "ceil_mode": int(node.is_ceil),
        **window,
    }
    match node.op:
        case "conv":
            inputs = [*sources, weight, bias]
            return [helper.make_node("Conv", inputs, [out], name, group=node.groups, **window)]
        case "fc":
            flat = f"{name}.flat"
            return [
                helper.make_node("Flatten", sources, [flat], flat),
                helper.make_node("Gemm", [flat, weight, bias], [out], name, transB=1),
            ]
        case "maxpool":
            return [helper.make_node("MaxPool", sources, [out], name, **pooling)]
        case "avgpool":
            return [helper.make_node("AveragePool", sources, [out], name, **pooling)]
        case "gap":
            return [helper.make_node("GlobalAveragePool", sources, [out], name)]
        case "concat":
            return [helper.make_node("Concat", sources, [out], name, axis=1)]
        case "add":
            return [helper.make_node("Add", sources, [out], name)]
        case "affine":
            inputs = [*sources, f"{name}.scale", bias, f"{name}.mean", f"{name}.variance"]
            return [helper.make_node("BatchNormalization", inputs, [out], name, epsilon=0.0)]
        case _:
            return lstm.operators(node)


def constant_shapes(node: Node) -> dict[str, tuple[int, ...]]:
    """Shapes of the float32 constants that a node reads, by name."""
    name, K = node.name, node.output_shape[0]
    match node.op:
        case "conv" | "fc":
            return {f"{name}.weight": node.weight_shapes[0], f"{name}.bias": (K,)}
        case "affine":
            return {f"{name}.{part}": (K,) for part in ("scale", "bias", "mean", "variance")}
        case "lstm":
            return lstm.constant_shapes(node)
        case _:
            return {}


def with_relu(node: Node) -> list[onnx.NodeProto]:
    """Write a node in ONNX, its ReLU included."""
    if not node.has_relu:
        return operators(node)
    relu = helper.make_node("Relu", [before_relu(node)], [node.name], f"{node.name}.relu")
    return [*operators(node), relu]


def model(
    name: str, network: Network, constants: Arrays, batch: int | str, properties: Mapping[str, str]
) -> onnx.ModelProto:
    """Assemble a network with its constants.

    Args:
        name: Of the graph.
        network: The network.
        constants: Every array of `constant_shapes`, and integer tables.
        batch: First dimension of the input, a number or a symbol.
        properties: The model's metadata.

    Returns:
        An opset 17 model with input "input" [batch, C, H, W] float32; its output has the name of
        the last node.
    """
    last = network.nodes[-1]
    shape = [batch, *last.output_shape] if last.op != "fc" else [batch, last.output_shape[0]]
    graph = helper.make_graph(
        [operator for node in network.nodes for operator in with_relu(node)],
        name,
        inputs(network, batch),
        [helper.make_tensor_value_info(last.name, TensorProto.FLOAT, shape)],
    )
    made = helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="spcc",
    )
    for key, array in constants.items():
        tensor = made.graph.initializer.add(name=key, dims=array.shape)
        tensor.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor.raw_data = array.tobytes()
    helper.set_model_props(made, dict(properties))
    return made


def inputs(network: Network, batch: int | str) -> list[onnx.ValueInfoProto]:
    """Declare the graph inputs of a network: the image, and an LSTM's first hidden state."""
    shapes = {INPUT: network.input_shape}
    for node in network.nodes:
        if node.op == "lstm":
            shapes[lstm.state(node)] = (node.output_shape[0], 1, 1)
    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape])
        for name, shape in shapes.items()
    ]
