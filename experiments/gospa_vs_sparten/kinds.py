"""Kinds of convolutions, on which the two machines do differently well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...models.zoo.densities import density_sets
from ...models.zoo.networks import Node
from .ratios import Pair, total

FIRST = "first layer"
DEPTHWISE = "depthwise layers"
GROUPED = "grouped layers"
STRIDED = "1x1 layers with strides"
POINTWISE = "1x1 layers"
LARGER = "layers of larger kernels"
KINDS = (FIRST, DEPTHWISE, GROUPED, STRIDED, POINTWISE, LARGER)
_TOWERS = 2
"""AlexNet's groups are two networks side by side, not groups of few channels."""
_COLOURS = 3


def kind_of(node: Node) -> str:
    """The kind of a convolution."""
    channels = node.input_shape[0]
    if channels <= _COLOURS:
        return FIRST
    if node.groups == channels:
        return DEPTHWISE
    if node.groups > _TOWERS:
        return GROUPED
    if node.kernel != (1, 1):
        return LARGER
    return STRIDED if node.stride > 1 else POINTWISE


def by_kind(name: str, layers: Sequence[Pair]) -> Mapping[str, Pair]:
    """The layers of a network of the zoo, those of each kind together, in the order of `KINDS`."""
    network = density_sets()[name].network
    kinds = {pair.name: kind_of(network.node(pair.name)) for pair in layers}
    groups = {kind: [pair for pair in layers if kinds[pair.name] == kind] for kind in KINDS}
    return {kind: total(kind, group) for kind, group in groups.items() if group}
