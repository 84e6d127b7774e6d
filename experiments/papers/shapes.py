"""Measures of networks alone: layers, MACs, elements, weights, counted on the zoo's graphs."""

from __future__ import annotations

from math import prod

from ...isa.errors import UsageError
from ...models.zoo.densities import density_sets
from ...models.zoo.names import parse
from ...models.zoo.networks import INPUT, MATRIX_OPS, Network, Node
from .figures import Figure
from .verdicts import Measured


def _network(figure: Figure) -> Network:
    return parse(figure.networks[0]).densities.network


def _layer(figure: Figure) -> Node:
    """The figure's layer.

    Raises:
        UsageError: The network has no node of that name.
    """
    nodes = _network(figure).nodes
    found = next((node for node in nodes if node.name == figure.layer), None)
    if found is None:
        hint = f"its nodes are {', '.join(node.name for node in nodes)}"
        sentence = f"{figure.networks[0]} has no node '{figure.layer}'"
        raise UsageError(sentence, f"figure {figure.id}", hint)
    return found


def layer_count(figure: Figure) -> Measured:
    """Nodes of the kinds that `of` names."""
    return Measured((sum(node.op in figure.of for node in _network(figure).nodes),))


def macs(figure: Figure) -> Measured:
    """MACs of one image in the kinds of nodes that `of` names."""
    return Measured((_network(figure).macs(*figure.of) * figure.scale,))


def elements(figure: Figure) -> Measured:
    """Elements of a layer's output, of the input, or of all tensors."""
    network = _network(figure)
    if figure.layer == INPUT:
        return Measured((prod(network.input_shape),))
    if figure.layer:
        return Measured((prod(_layer(figure).output_shape),))
    count = sum(prod(node.output_shape) for node in network.nodes)
    return Measured((count + prod(network.input_shape),), "input and every layer's output")


def weights(figure: Figure) -> Measured:
    """Weights of a layer, or of all, without biases."""
    network = _network(figure)
    nodes = [_layer(figure)] if figure.layer else network.nodes
    return Measured((sum(node.weight_count for node in nodes),))


def nonzero_weights(figure: Figure) -> Measured:
    """Weights that a density set leaves."""
    return Measured((_nonzero(figure.networks[0]),))


def compression(figure: Figure) -> Measured:
    """All weights over those that a density set leaves."""
    left = _nonzero(figure.networks[0])
    every = sum(node.weight_count for node in _network(figure).nodes)
    return Measured((every / left,), f"{every:,} weights, {left:,} left")


def _nonzero(name: str) -> int:
    densities = density_sets()[parse(name).densities.name]
    rows = densities.weights

    def left(node: Node) -> int:
        return sum(round(rows[node.name].density * prod(shape)) for shape in node.weight_shapes)

    return sum(left(node) for node in densities.network.nodes if node.op in MATRIX_OPS)
