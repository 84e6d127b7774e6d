"""Seeded inputs of a zoo network, as sparse as the published run's."""

import numpy as np
import numpy.typing as npt

from ..inputs import draw
from . import lstm
from .densities import DensitySet
from .networks import INPUT, Network

Floats = npt.NDArray[np.float32]


def input_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Shapes of the graph inputs for one image, without the batch."""
    states = {
        lstm.state(node): (node.output_shape[0], 1, 1)
        for node in network.nodes
        if node.op == "lstm"
    }
    return {INPUT: network.input_shape, **states}


def draw_images(densities: DensitySet, count: int, seed: int) -> dict[str, Floats]:
    """Draw inputs: 1/f noise where the input is an image, else normal noise.

    Where the published input is sparse, each image keeps its largest values, less the largest
    that goes: ink on an empty page, or a ReLU's output. Worked examples have their own zeros, or
    all of their values.

    Args:
        densities: The set whose input this is.
        count: Images.
        seed: Seed; the values depend on it and on the shape only.

    Returns:
        Input name -> [count, C, H, W] float32.
    """
    shapes = input_shapes(densities.network).items()
    found = {
        name: draw(name, (count, *shape), np.dtype(np.float32), seed) for name, shape in shapes
    }
    rows = found[INPUT].reshape(count, -1)
    if densities.given_inputs:
        rows[:] = np.array(densities.given_inputs, np.float32)
    elif densities.zero_inputs:
        rows[:, list(densities.zero_inputs)] = 0
    elif densities.input_density < 1:
        zero_count = rows.shape[1] - round(densities.input_density * rows.shape[1])
        bounds = np.partition(rows, zero_count - 1, axis=1)[:, zero_count - 1 : zero_count]
        rows[:] = np.maximum(rows - bounds, 0)
    return found
