"""Scales and biases that give the activations of a network their published densities.

Every layer is scaled to unit variance. Where a density is asked for, the bias of each channel is
the quantile of what the channel computes over some seeded images: of the pool behind it, where the
density is the pool's, because max pooling and ReLU both commute with what follows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from ..session import run
from . import lstm
from .densities import Target
from .graphs import IR_VERSION, OPSET, before_relu, constant_shapes, operators
from .images import draw_images
from .names import FLAT, Choice
from .networks import MATRIX_OPS, Network, Node
from .weights import draw_weights

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]

IMAGE_SEED_STEP = 2_000_003  # keeps the images here apart from those of small seeds
DEFAULT_DENSITY = 0.5  # of a ReLU about which nothing is published
SCALE_BITS, BIAS_BITS = 8, 11  # rounding hides what processors add up differently
SAMPLES_MIN = 64  # values per channel from which its own quantile is taken
EPSILON = 1e-12
IMAGES_MAX, IMAGES_COST, MACS_PER_VALUE = 512, 1.5e12, 100  # see `image_count`


def image_count(network: Network) -> int:
    """How many images a network is calibrated on: fewer where they take long, by the square root.

    An output value takes as long as some multiply-accumulates.
    """
    values = sum(math.prod(node.output_shape) for node in network.nodes)
    cost = network.macs(*MATRIX_OPS) + MACS_PER_VALUE * values
    return min(IMAGES_MAX, math.isqrt(int(IMAGES_COST) // cost))


def calibrated(choice: Choice, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Make every float32 constant of a network.

    onnxruntime computes on one thread: the number of processors changes nothing. Another make of
    processor may, in rare last digits of a bias.

    Args:
        choice: The density set, and the spread over channels.
        seed: Of weights, images and channel densities.

    Returns:
        Name -> array, see `graphs.constant_shapes`.
    """
    network = choice.densities.network
    values: dict[str, Floats] = {}
    images = draw_images(choice.densities, image_count(network), seed + IMAGE_SEED_STEP)
    values.update(images)
    pass_ = _Pass(choice, seed, values)
    for node in network.nodes:
        pass_.step(node)
        pass_.forget(node)
    return pass_.constants


@dataclass
class _Pass:
    """Walks a network once, in graph order.

    Args:
        choice: What to calibrate for.
        seed: See `calibrated`.
        values: Tensors computed and still to be read.
    """

    choice: Choice
    seed: int
    values: dict[str, Floats]
    constants: dict[str, Floats] = field(default_factory=dict[str, Floats])

    @property
    def network(self) -> Network:
        return self.choice.densities.network

    def step(self, node: Node) -> None:
        """Choose a node's constants and compute its output."""
        if node.op == "lstm":
            self.constants.update(_lstm_constants(node, self.choice, self.seed))
            return
        constants = self._draw(node)
        self.constants.update(constants)
        output = self._run(node, constants)
        if node.op in ("conv", "fc") and not self.choice.densities.given_weights:
            scale = _unit_scale(output, is_centred=node.has_relu)
            constants[f"{node.name}.weight"] *= scale
            output *= scale
        self._shift(node, output)
        self.values[node.name] = np.maximum(output, 0, out=output) if node.has_relu else output

    def forget(self, node: Node) -> None:
        """Drop the tensors that nothing below this node reads."""
        for source in node.sources:
            if all(reader.index <= node.index for reader in self.network.readers(source)):
                self.values.pop(source, None)

    def _draw(self, node: Node) -> dict[str, Floats]:
        constants = {
            name: np.zeros(shape, np.float32) for name, shape in constant_shapes(node).items()
        }
        match node.op:
            case "conv" | "fc":
                drawn = draw_weights(node, self.choice.densities, self.seed)
                constants[f"{node.name}.weight"] = drawn[0]
            case "affine":
                rng = np.random.default_rng([self.seed, node.index])
                normal = rng.standard_normal(node.output_shape[0], np.float32)
                constants[f"{node.name}.scale"] = np.float32(1) + np.float32(0.1) * normal
                constants[f"{node.name}.variance"] += 1
            case _:
                pass
        return constants

    def _run(self, node: Node, constants: Mapping[str, Floats]) -> Floats:
        feeds = {**{name: self.values[name] for name in node.sources}, **constants}
        return _compute(node, feeds)

    def _shift(self, node: Node, output: Floats) -> None:
        """Add to a node's output, in place, the bias that gives it its density."""
        if not node.has_relu:
            return
        default = Target(node.name, DEFAULT_DENSITY)
        target = self.choice.densities.targets.get(node.name, default)
        seen = output
        if target.tensor != node.name:
            pool = self.network.node(target.tensor)
            seen = _compute(pool, {pool.sources[0]: output, node.name: output})
        K = node.output_shape[0]
        wanted = channel_densities(target.density, K, self.choice.concentration, self._rng(node))
        bias = _rounded(channel_biases(seen, wanted))
        self.constants[f"{self._biased(node).name}.bias"] += bias
        output += bias.reshape(1, K, *(1 for _ in output.shape[2:]))

    def _rng(self, node: Node) -> np.random.Generator:
        return np.random.default_rng([self.seed, node.index, 1])

    def _biased(self, node: Node) -> Node:
        """The node whose bias shifts this one: of an addition the last convolution it reads."""
        if node.op != "add":
            return node
        branches = [self.network.node(source) for source in node.sources if source != "input"]
        last = [branch for branch in branches if branch.op == "conv" and not branch.has_relu][-1]
        assert len(self.network.readers(last.name)) == 1, last.name
        return last


def _compute(node: Node, feeds: Mapping[str, Floats]) -> Floats:
    """Run a node without its ReLU in onnxruntime."""
    graph_nodes = operators(node)
    read = {name for graph_node in graph_nodes for name in graph_node.input} & feeds.keys()
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, feeds[name].shape)
        for name in sorted(read)
    ]
    result = helper.make_tensor_value_info(before_relu(node), TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph(graph_nodes, node.name, inputs, [result]),
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    wanted = {name: feeds[name] for name in read}
    return run(model.SerializeToString(), wanted, [before_relu(node)], threads=1)[0]


def _unit_scale(output: Floats, is_centred: bool) -> np.float32:
    """The factor that gives a layer unit power, rounded.

    Power counts around the channels' means where a bias will take these away, else around 0:
    a classifier sees nearly the same mean features in all images, and would grow out of bounds.
    """
    axes = (0, *range(2, output.ndim))
    power = output.var(axis=axes, dtype=np.float64)
    if not is_centred:
        power += np.square(output.mean(axis=axes, dtype=np.float64))
    variance = float(power.mean())
    mantissa, exponent = math.frexp(1 / math.sqrt(variance + EPSILON))
    return np.float32(math.ldexp(round(math.ldexp(mantissa, SCALE_BITS)), exponent - SCALE_BITS))


def _rounded(biases: npt.NDArray[np.float64]) -> Floats:
    return np.ldexp(np.rint(np.ldexp(biases, BIAS_BITS)), -BIAS_BITS).astype(np.float32)


def channel_densities(
    mean: float, count: int, concentration: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Choose the density of each channel.

    Args:
        mean: Of all channels, exactly.
        count: Channels.
        concentration: K of Beta(K mean, K (1 - mean)), or FLAT.
        rng: Where they come from.

    Returns:
        [count], each in 0..1.
    """
    if concentration == FLAT or not 0 < mean < 1:
        return np.full(count, mean)
    drawn = rng.beta(concentration * mean, concentration * (1 - mean), count)
    found = float(drawn.mean())
    if found > mean:
        return drawn * (mean / found)
    return 1 - (1 - drawn) * ((1 - mean) / (1 - found))


def channel_biases(values: Floats, densities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Find what to add to each channel so that its share of positive values is as wanted.

    A channel with enough values gets the quantile of its own, between two steps of a grid so that
    rounding moves no value to the other side. One with few (a fully connected
    layer has one per image) is centred at its mean, and then takes the quantile that all channels
    have together, widened by what the mean of few values misses.

    Args:
        values: [N, K] or [N, K, E, F].
        densities: [K].

    Returns:
        [K].
    """
    K = values.shape[1]
    samples = np.moveaxis(values, 1, 0).reshape(K, -1)
    count = samples.shape[1]
    if count >= SAMPLES_MIN:
        steps = np.ldexp(samples, BIAS_BITS - 1)
        ordered = np.sort(np.rint(steps, out=steps), axis=1)
        return -np.ldexp(_own_bounds(ordered, densities), 1 - BIAS_BITS)
    means = samples.mean(axis=1, dtype=np.float64)
    pooled = np.sort((samples - means[:, None]).reshape(-1))
    bounds = np.array([_between(pooled, _rank(pooled, density)) for density in densities])
    return -means - math.sqrt((count + 1) / max(1, count - 1)) * bounds


def _own_bounds(ordered: Floats, densities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Find a bound in each row that the wanted share of its values lie above.

    Equal values stay together: a sparse input has many empty patches, which all give 0. Whether
    they count is decided so that what the rows before got too much or too little evens out.
    """
    owed, bounds = 0.0, list[float]()
    for row, density in zip(ordered, densities, strict=True):
        rank = _rank(row, density)
        if 0 < rank < row.size and row[rank - 1] == row[rank]:
            first = int(np.count_nonzero(row < row[rank]))
            last = int(np.count_nonzero(row <= row[rank]))
            wanted = row.size * (1 - density) - owed
            rank = first if wanted - first <= last - wanted else last
            owed = rank - wanted
        bounds.append(_between(row, rank))
    return np.array(bounds)


def _rank(ordered: Values, density: float) -> int:
    """How many of the values are to lie below the bound."""
    return min(max(ordered.size - round(density * ordered.size), 0), ordered.size)


def _between(ordered: Values, rank: int) -> float:
    """Return a bound with `rank` values below it: half way between two of them."""
    low = float(ordered[rank - 1]) if rank else float(ordered[0]) - 1
    high = float(ordered[rank]) if rank < ordered.size else float(ordered[-1]) + 1
    return (low + high) / 2


def _lstm_constants(node: Node, choice: Choice, seed: int) -> dict[str, Floats]:
    """Draw an LSTM's matrices, each of unit gain for inputs of unit variance."""
    constants = {name: np.zeros(s, np.float32) for name, s in constant_shapes(node).items()}
    names = [f"{node.name}.weight", *(f"{node.name}.{d}.weight" for d in lstm.DIRECTIONS)]
    for name, weights in zip(names, draw_weights(node, choice.densities, seed), strict=True):
        power = np.square(weights, dtype=np.float64).sum() / weights.shape[0]
        constants[name] = weights * np.float32(1 / np.sqrt(power))
    return constants
