"""Batch statistics of every layer, in one onnxruntime run that normalises as it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from .session import run

Floats = npt.NDArray[np.float32]

OPSET, IR_VERSION = 17, 8
EPSILON = 1e-5  # added to a variance before its root is taken


@dataclass(frozen=True)
class LayerStatistics:
    """What a normalised layer's result looked like over a batch, before it was normalised."""

    node: (
        onnx.NodeProto
    )  # BatchNormalization, or Conv or Gemm with a bias (left out of the figures)
    mean: Floats  # [K], over images and positions
    variance: Floats  # [K], over images and positions

    @property
    def deviation(self) -> np.float32:
        """Root of the variance's mean over channels: the scale of the layer as a whole."""
        return np.float32(np.sqrt(self.variance.mean(dtype=np.float64) + EPSILON))


def forward_statistics(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, npt.NDArray[Any]],
    images: Mapping[str, npt.NDArray[Any]],
    probe: str,
) -> tuple[list[LayerStatistics], Floats]:
    """Run a network, normalising each layer by its own batch statistics, and return these.

    A BatchNormalization takes the batch's mean and variance per channel instead of its running
    ones. A Conv or Gemm with a bias that no BatchNormalization follows gets mean 0 per channel and
    variance 1 over all channels before the bias is added. The rest computes as it stands.
    The constants are fed rather than stored in the model, so no copy of them is made.

    Args:
        nodes: The network in topological order, opset 17.
        constants: Weights and integer tables by name.
        images: Network inputs by name, [N, C, H, W] float32.
        probe: A tensor of the network to return.

    Returns:
        The statistics in the order of `nodes`, and the value of `probe`.
    """
    normalised_later = {node.input[0] for node in nodes if node.op_type == "BatchNormalization"}
    feeds = {**constants, **images, "::flat": np.array([-1], np.int64)}
    graph_nodes: list[onnx.NodeProto] = []
    layers: list[onnx.NodeProto] = []
    for node in nodes:
        is_layer = (
            node.op_type in ("Conv", "Gemm")
            and len(node.input) == 3
            and node.output[0] not in normalised_later
        )
        if is_layer or node.op_type == "BatchNormalization":
            layers.append(node)
            graph_nodes += _observed(node, feeds)
        else:
            graph_nodes.append(node)
    wanted = [f"{node.output[0]}::{part}" for node in layers for part in ("mean", "variance")]
    values = _run(graph_nodes, feeds, [*wanted, probe])
    statistics = [
        LayerStatistics(node, values[2 * index].ravel(), values[2 * index + 1].ravel())
        for index, node in enumerate(layers)
    ]
    return statistics, values[-1]


def _observed(node: onnx.NodeProto, feeds: dict[str, Any]) -> list[onnx.NodeProto]:
    """Write a layer as: compute, measure mean and variance, normalise by these, scale and shift.

    A BatchNormalization in inference mode does the normalising, its statistics computed in place.
    """
    output = node.output[0]
    raw, mean, centred, square, variance = (
        f"{output}::{part}" for part in ("raw", "wide_mean", "centred", "square", "variance")
    )
    is_batch_norm = node.op_type == "BatchNormalization"
    raw = node.input[0] if is_batch_norm else raw
    axes = [0] if node.op_type == "Gemm" else [0, 2, 3]
    nodes = [
        helper.make_node("ReduceMean", [raw], [mean], axes=axes, keepdims=1),
        helper.make_node("Sub", [raw, mean], [centred]),
        helper.make_node("Mul", [centred, centred], [square]),
        helper.make_node("ReduceMean", [square], [variance], axes=axes, keepdims=0),
        helper.make_node("Reshape", [mean, "::flat"], [f"{output}::mean"]),
    ]
    if is_batch_norm:
        norm = helper.make_node("BatchNormalization", node.input[:3], [output])
        norm.input.extend([f"{output}::mean", variance])
        norm.attribute.extend(node.attribute)
        return [*nodes, norm]
    plain = helper.make_node(node.op_type, node.input[:2], [raw])
    plain.attribute.extend(node.attribute)
    ones, power, shared = f"{output}::ones", f"{output}::power", f"{output}::shared"
    feeds[ones] = np.ones_like(feeds[node.input[2]])
    statistics = [raw, ones, node.input[2], f"{output}::mean", shared]
    return [
        plain,
        *nodes,
        helper.make_node("ReduceMean", [variance], [power], axes=[0], keepdims=1),
        helper.make_node("Mul", [power, ones], [shared]),
        helper.make_node("BatchNormalization", statistics, [output], epsilon=EPSILON),
    ]


def _run(
    nodes: list[onnx.NodeProto], feeds: Mapping[str, npt.NDArray[Any]], wanted: list[str]
) -> list[Floats]:
    """Run nodes in onnxruntime, every constant an input, and return the tensors wanted."""
    inputs = [
        helper.make_tensor_value_info(
            key, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for key, value in feeds.items()
    ]
    outputs = [helper.make_tensor_value_info(key, onnx.TensorProto.FLOAT, None) for key in wanted]
    model = helper.make_model(
        helper.make_graph(nodes, "statistics", inputs, outputs),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    return run(model.SerializeToString(), feeds, wanted)
