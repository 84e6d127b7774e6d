"""What GoSPA's passes leave on a layer, read back: mapping, order, groups, packed streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr

from ...isa.formats import gospa_vectors
from ...isa.targets.gospa import GospaSpec
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import SumsOp, ints
from ..requirements import require
from .base import PackedWeights
from .gospa_mapping import Layer, Mapping, Weights
from .gospa_order import Order

ORDER = "gospa_order"
"""Attribute of a layer: its `Order`."""
Flags = npt.NDArray[np.bool_]


def to_plain(mapping: Mapping) -> list[dict[str, int]]:
    """A mapping as the layer's tiling."""
    return [asdict(mapping)]


def mapping_of(op: SumsOp) -> Mapping:
    """A tiled layer's mapping."""
    (plain,) = from_attribute(op.properties["tiling"])
    return Mapping(**plain)


def order_attribute(order: Order) -> DictionaryAttr:
    """An order for the IR; long lists of numbers in short form."""
    blocks = ArrayAttr([ints(*numbers) for numbers in order.block_numbers()])
    filters = ints(*order.filters)
    behind = {"behind": ints(*order.behind)} if order.behind else {}
    loops = StringAttr(order.loops)
    return DictionaryAttr({"loops": loops, "filters": filters, "blocks": blocks, **behind})


def order_of(op: SumsOp) -> Order:
    """A reordered layer's order."""
    require(ORDER in op.attributes, "it is not reordered", op.label, "gospa-reorder-cid-pid")
    return Order.from_plain(from_attribute(op.attributes[ORDER]))


def filter_groups(spec: GospaSpec, order: Order) -> list[list[int]]:
    """The model's filters of each filter group, block after block."""
    groups: list[list[int]] = []
    for block in order:
        filters = order.true_filters(block)
        groups += [filters[at : at + spec.cols] for at in range(0, len(filters), spec.cols)]
    return groups


def static_filters(is_set: Flags, groups: Sequence[Sequence[int]]) -> Flags:
    """The static sparsity filters [groups, Cg, R*S] of weights [K, Cg, R*S]."""
    return np.stack([is_set[list(group)].any(axis=0) for group in groups])


def pack_streams(op: SumsOp, weights: Weights) -> PackedWeights:
    """The streams of every chunk of every k-block, in order (section 3)."""
    layer, order = Layer.of(op), order_of(op)
    by_position = layer.by_position(weights)
    images: list[npt.NDArray[np.uint16]] = []
    for block in order:
        mine = by_position[order.true_filters(block)]
        for chunk in block.chunks:
            channels = mine[:, chunk.c0 : chunk.c1].reshape(-1, layer.taps)
            images.append(gospa_vectors.encode(channels))
    return PackedWeights.of(images)
