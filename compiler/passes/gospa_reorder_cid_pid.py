"""Reorder a layer's work by position ID, then convolution ID (gospa sheet, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.errors import PassError
from ...isa.targets.gospa import GospaSpec
from ..context import context_of, target_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import SumsOp
from ..layer_weights import tiled_layers, weight_key
from ..targets.gospa_layers import (
    ORDER,
    Flags,
    filter_groups,
    mapping_of,
    order_attribute,
    pack_streams,
    static_filters,
)
from ..targets.gospa_mapping import (
    Layer,
    OutputTile,
    Weights,
    dense_pairs,
    generated_pairs,
    tiles_of,
)
from ..targets.gospa_order import find_order
from ..weights import WeightStore
from .pack_weights import attach_packed

ARRAYS, SUMMARY, LISTING = "gospa_arrays", "gospa_summary", "gospa_listing"
"""Attributes of a layer: the keys of its arrays, what the reordering found, and every stream."""


@dataclass(frozen=True)
class GospaReorderCidPidPass(ModulePass):
    """Turn output-major convolutions into streams of activations by position ID.

    Requires tiling; ensures each layer's order and its packed streams: of every filter and channel
    a bitmap and the non-zero weights by position ID. The store gets the tile list, the filter
    groups, their static sparsity filters and the channels that these skip.

    Args:
        listing: Layers with at most so many weights also list every stream.
    """

    name = "gospa-reorder-cid-pid"
    listing: int = 256

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Reorder layer after layer."""
        _, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in tiled_layers(op):
            _reorder(spec, layer, store, self.listing)


def _reorder(spec: GospaSpec, op: SumsOp, store: WeightStore, most_listed: int) -> None:
    key = weight_key(op.weight)
    layer, mapping, weights = Layer.of(op), mapping_of(op), store[key]
    is_set = layer.by_position(weights) != 0
    order = find_order(spec, layer, mapping, np.count_nonzero(is_set, axis=2), op.label)
    op.attributes[ORDER] = order_attribute(order)
    tiles = tiles_of(layer, mapping)
    _check_pairs(layer, tiles, op.label)
    groups = filter_groups(spec, order)
    filters = static_filters(is_set, groups)
    skipped = np.argwhere(~filters.any(axis=2)).astype(np.int32)
    arrays: dict[str, npt.NDArray[Any]] = {
        "tiles": np.array(tiles, np.int32),
        "groups": np.concatenate([np.array(group, np.int32) for group in groups]),
        "filters": np.packbits(filters, axis=2, bitorder="little"),
        "skipped": skipped,
    }
    op.attributes[ARRAYS] = to_attribute(
        {name: store.add(store.fresh_key(key, f"gospa_{name}"), a) for name, a in arrays.items()}
    )
    op.attributes[SUMMARY] = to_attribute(
        {
            "tiles": len(tiles),
            "tile_sets": -(-len(tiles) // mapping.a_s),
            "groups": len(groups),
            "channels": layer.Cg,
            "positions": int(np.count_nonzero(filters)),
            "skipped_channels": len(skipped),
            "nonzeros": int(np.count_nonzero(is_set)),
        }
    )
    if is_set.size <= most_listed:
        listed = list(_listing(layer.by_position(weights), groups, filters))
        op.attributes[LISTING] = to_attribute(listed)
    attach_packed(op, pack_streams(op, weights), store)


def _listing(weights: Weights, groups: Sequence[Sequence[int]], filters: Flags) -> Iterator[str]:
    """Every filter group's channels in words: `group 0 channel 1: {0 1}, filter 0: 0:5 1:-2`."""
    for g, group in enumerate(groups):
        for c, positions in enumerate(filters[g]):
            parts = [" ".join(map(str, np.flatnonzero(positions).tolist())).join("{}")]
            for k in group:
                stream = [f"{p}:{w}" for p, w in enumerate(weights[k, c].tolist()) if w]
                parts += [f"filter {k}: {' '.join(stream)}"] if stream else []
            yield f"group {g} channel {c}: {', '.join(parts)}"


def _check_pairs(layer: Layer, tiles: list[OutputTile], label: str) -> None:
    """Hold the expansion to the dense products (section 6).

    Raises:
        PassError: A tile's pairs are not its MACs less those on padding.
    """
    for tile in {tile._replace(image=0) for tile in tiles}:
        generated, dense = generated_pairs(layer, tile), dense_pairs(layer, tile)
        if generated != dense:
            raise PassError(
                f"the tile of rows {tile.e0}..{tile.e1 - 1}, columns {tile.f0}..{tile.f1 - 1} owns "
                f"{generated} pairs, but has {dense} MACs off the padding",
                label,
            )
