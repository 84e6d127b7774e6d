"""What a built network's densities really are, on images that it was not calibrated on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..session import Session
from .calibrate import image_count
from .densities import DensitySet
from .images import draw_images
from .networks import MATRIX_OPS

IMAGES_MIN, IMAGES_MAX = 16, 128
FRESH_SEED_STEP = 5_000_011  # apart from the images of the calibration and of small seeds
BATCH = 2


@dataclass(frozen=True)
class Achieved:
    """A density beside its target.

    Args:
        name: The node whose weights, or the tensor whose values were counted.
        wanted: The published density.
        found: Nonzeros over all elements.
    """

    name: str
    wanted: float
    found: float


def weight_densities(model: onnx.ModelProto, densities: DensitySet) -> list[Achieved]:
    """Count the nonzero weights of every conv, fc and lstm node."""
    found = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name.endswith(".weight")
    }
    rows: list[Achieved] = []
    for node in densities.network.nodes:
        if node.op in MATRIX_OPS:
            own = [found[name] for name in found if name.startswith(f"{node.name}.")]
            count = sum(int(np.count_nonzero(array)) for array in own)
            wanted = densities.weights[node.name].density
            rows.append(Achieved(node.name, wanted, count / node.weight_count))
    return rows


def fresh_count(densities: DensitySet) -> int:
    """How many fresh images are run: an even number, more where they take little time."""
    return max(IMAGES_MIN, min(IMAGES_MAX, image_count(densities.network))) // BATCH * BATCH


def activation_densities(
    model: onnx.ModelProto, densities: DensitySet, seed: int
) -> list[Achieved]:
    """Run fresh images and count the nonzeros of every tensor that has a target.

    Args:
        model: The network; it may have any batch.
        densities: Its set.
        seed: Of the build; the images are others than those behind it.

    Returns:
        One row per target, in graph order.
    """
    targets = {target.tensor: target.density for target in densities.targets.values()}
    count = fresh_count(densities)
    images = draw_images(densities, count, seed + FRESH_SEED_STEP)
    session = Session(_probed(model, targets))
    totals = dict.fromkeys(targets, 0)
    sizes = dict.fromkeys(targets, 0)
    for low in range(0, count, BATCH):
        feeds = {name: array[low : low + BATCH] for name, array in images.items()}
        for name, array in zip(targets, session.run(feeds, [*targets]), strict=True):
            totals[name] += int(np.count_nonzero(array))
            sizes[name] += array.size
    return [Achieved(name, targets[name], totals[name] / sizes[name]) for name in targets]


def _probed(model: onnx.ModelProto, tensors: Iterable[str]) -> bytes:
    """Serialise a model with an open batch and the tensors named as outputs; leave it as it was."""
    graph = model.graph
    kept = list(graph.input), list(graph.output)
    wanted = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors]
    opened = [
        helper.make_tensor_value_info(
            value.name,
            TensorProto.FLOAT,
            ["N", *(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])],
        )
        for value in kept[0]
    ]
    _replace(graph, opened, wanted)
    try:
        return model.SerializeToString()
    finally:
        _replace(graph, *kept)


def _replace(
    graph: onnx.GraphProto,
    inputs: Iterable[onnx.ValueInfoProto],
    outputs: Iterable[onnx.ValueInfoProto],
) -> None:
    del graph.input[:], graph.output[:]
    graph.input.extend(inputs)
    graph.output.extend(outputs)
