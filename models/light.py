"""The nine `light` networks inside the onnx package: real topologies, given weights worth running.

onnx ships AlexNet, VGG-19 and others as test data in which a `ConstantOfShape` stands for each
weight, so that every output is one repeated value. `build` puts seeded He-normal weights there and
normalises each layer by the statistics of a seeded batch, so that activations keep unit scale,
about half of them are zero behind a ReLU, and outputs differ between inputs and classes.
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.backend.test
from onnx import helper, numpy_helper

from ..isa.errors import FrontendError
from ..isa.files import replacing
from .inputs import generator, seeded_inputs
from .layer_statistics import LayerStatistics, forward_statistics

Floats = npt.NDArray[np.float32]

OPSET, IR_VERSION = 17, 8
STATISTICS_BATCH = 4  # images behind the statistics; more change the networks little
STATISTICS_SEED_STEP = 1_000_003  # keeps the statistics' images apart from those of small seeds
LOGIT_DEVIATION = 2.0  # of the logits over classes and images: top-1 near 0.1 in 1000 classes

NAMES = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


def names() -> tuple[str, ...]:
    """Return the names that `build` knows."""
    return NAMES


def require(name: str) -> None:
    """Refuse what is no name of `names()`.

    Raises:
        FrontendError: No light network has that name.
    """
    if name not in NAMES:
        raise FrontendError(
            f"no light network is called '{name}'", hint=f"the names are {', '.join(NAMES)}"
        )


def build(name: str, seed: int = 0, batch: int | str = 1) -> onnx.ModelProto:
    """Build a light network with seeded weights; the same seed gives the same bytes.

    Statistics come from onnxruntime in float32, so another processor may round them otherwise.

    Args:
        name: One of `names()`.
        seed: Seed of the weights and of the images behind the statistics.
        batch: First dimension of the input, a number or a symbol; nothing else depends on it.

    Returns:
        An opset 17 model with one image input [batch, 3, 224, 224] float32 and one output: class
        probabilities, or logits for densenet121.

    Raises:
        FrontendError: No light network has that name.
    """
    network = _topology(name)
    weights = _draw_weights(network, seed)
    _normalise(network, weights, seed)
    return _model(name, network, weights, batch)


def save(name: str, path: str | os.PathLike[str], seed: int = 0, batch: int | str = 1) -> None:
    """Build a light network into an ONNX file, which appears whole or not at all.

    Args:
        name: One of `names()`.
        path: File to write.
        seed: See `build`.
        batch: See `build`.

    Raises:
        FrontendError: No light network has that name.
        OSError: The file cannot be written.
    """
    payload = build(name, seed, batch).SerializeToString(deterministic=True)
    with replacing(path) as temporary:
        temporary.write_bytes(payload)


@dataclass
class _Network:
    """A topology without weights: its nodes, the shapes they want, constants that are none."""

    nodes: list[onnx.NodeProto]
    input: str
    output: str
    output_shape: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    integers: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict[str, Any])


def _topology(name: str) -> _Network:
    """Read a light network, fold what computes from weights alone, and bring it to opset 17."""
    require(name)
    folder = Path(onnx.backend.test.__file__).parent / "data" / "light"
    graph = onnx.load_model_from_string((folder / f"light_{name}.onnx").read_bytes()).graph
    tables = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    free = [value.name for value in graph.input if value.name not in tables]
    result = graph.output[0]
    result_shape = tuple(dim.dim_value for dim in result.type.tensor_type.shape.dim)
    network = _Network([], free[0], result.name, result_shape)
    floats = {key: table.shape for key, table in tables.items() if table.dtype == np.float32}
    renamed: dict[str, str] = {}
    for node in graph.node:
        node.input[:] = [renamed.get(key, key) for key in node.input]
        match node.op_type:
            case "ConstantOfShape":
                floats[node.output[0]] = tuple(tables[node.input[0]].tolist())
            case "Unsqueeze" | "Reshape" if node.input[0] in floats:
                floats[node.input[0]] = _folded_shape(node, floats[node.input[0]], tables)
                renamed[node.output[0]] = node.input[0]
            case _:
                network.nodes.append(_upgraded(node))
    read = {key for node in network.nodes for key in node.input}
    network.shapes = {key: shape for key, shape in floats.items() if key in read}
    network.integers = {
        key: _free_batch(table)
        for key, table in tables.items()
        if key in read and table.dtype == np.int64
    }
    return network


def _folded_shape(
    node: onnx.NodeProto, shape: tuple[int, ...], tables: dict[str, npt.NDArray[Any]]
) -> tuple[int, ...]:
    """Return the shape of a weight behind an Unsqueeze (opset 9) or Reshape of it."""
    if node.op_type == "Reshape":
        return tuple(tables[node.input[1]].tolist())
    widened = list(shape)
    for axis in sorted(helper.get_node_attr_value(node, "axes")):
        widened.insert(axis, 1)
    return tuple(widened)


def _free_batch(target: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Let a Reshape target take its first dimension from the data: [1, 9216] -> [0, 9216]."""
    freed = target.copy()
    freed[0] = 0
    return freed


def _upgraded(node: onnx.NodeProto) -> onnx.NodeProto:
    """Bring a node from opset 9 to 17; of the operators used only two changed their meaning.

    Softmax flattened from axis 1 on, where only axis 1 is longer than 1; Dropout had its ratio as
    an attribute and is the identity here.
    """
    if node.op_type == "Softmax":
        return helper.make_node("Softmax", node.input, node.output, node.name, axis=1)
    if node.op_type == "Dropout":
        return helper.make_node("Dropout", node.input, node.output[:1], node.name)
    return node


def _draw_weights(network: _Network, seed: int) -> dict[str, Floats]:
    """Draw every parameter by its role: weights He-normal, scales near 1, shifts near 0."""
    weights: dict[str, Floats] = {}
    for node in network.nodes:
        for slot, key in enumerate(node.input):
            if key not in network.shapes:
                continue
            shape = network.shapes[key]
            centre, deviation = _distribution(node, slot, shape)
            values = generator(seed, key).standard_normal(shape, np.float32)
            values *= np.float32(deviation)
            if centre:
                values += np.float32(centre)
            weights[key] = values
    return weights


def _distribution(node: onnx.NodeProto, slot: int, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return mean and deviation of the parameter that a node reads as its input `slot`."""
    match node.op_type, slot:
        case (("Conv" | "Gemm"), 1):  # [K, C, R, S]; every Gemm has transB: [K, C]
            return 0.0, math.sqrt(2 / math.prod(shape[1:]))
        case (("Conv" | "Gemm"), _):
            return 0.0, 0.05
        case ("BatchNormalization", 1) | ("Mul", _):
            return 1.0, 0.1
        case _:
            return 0.0, 0.1


def _normalise(network: _Network, weights: dict[str, Floats], seed: int) -> None:
    """Run a seeded batch and give every layer the mean and scale that it shows there."""
    shape = (STATISTICS_BATCH, 3, 224, 224)
    images = seeded_inputs({network.input: shape}, seed + STATISTICS_SEED_STEP)
    layers, logits = forward_statistics(
        network.nodes, {**weights, **network.integers}, images, _logits(network)
    )
    for layer in layers:
        _apply(layer, weights)
    last = [node for node in network.nodes if node.op_type in ("Conv", "Gemm")][-1]
    gain = np.float32(LOGIT_DEVIATION / logits.std())
    for key in last.input[1:]:  # behind it only ReLU and average pooling, which scale alike
        weights[key] *= gain


def _apply(layer: LayerStatistics, weights: dict[str, Floats]) -> None:
    """Write a layer's statistics into its BatchNormalization, or into its weight and bias."""
    if layer.node.op_type == "BatchNormalization":
        weights[layer.node.input[3]], weights[layer.node.input[4]] = layer.mean, layer.variance
        return
    weight, bias = layer.node.input[1:]
    weights[weight] /= layer.deviation
    weights[bias] -= layer.mean / layer.deviation


def _logits(network: _Network) -> str:
    """Return the tensor that holds the logits: the input of the last Softmax, else the output."""
    last = network.nodes[-1]
    return last.input[0] if last.op_type == "Softmax" else network.output


def _model(
    name: str, network: _Network, weights: dict[str, Floats], batch: int | str
) -> onnx.ModelProto:
    """Assemble the model; takes each array out of `weights` as it goes, to hold few copies."""
    image = helper.make_tensor_value_info(network.input, 1, [batch, 3, 224, 224])
    output_shape = [batch, *network.output_shape[1:]]
    output = helper.make_tensor_value_info(network.output, 1, output_shape)
    model = helper.make_model(
        helper.make_graph(network.nodes, f"light_{name}", [image], [output]),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="spcc",
    )
    for key in list(weights):
        _add_constant(model.graph, key, weights.pop(key))
    for key, values in network.integers.items():
        _add_constant(model.graph, key, values)
    return model


def _add_constant(graph: onnx.GraphProto, name: str, values: npt.NDArray[Any]) -> None:
    """Append an initializer, without the second copy that building it apart would cost."""
    tensor = graph.initializer.add(name=name, dims=values.shape)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor.raw_data = values.tobytes()
