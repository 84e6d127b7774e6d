"""Pack each layer's weights into the byte image that its tiles are loaded from."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.passes import ModulePass

from ..context import context_of, target_of
from ..dialects.sparse_tensor import SumsOp, ints
from ..layer_weights import array_of, tiled_layers, weight_key
from ..targets.base import PackedWeights
from ..weights import WeightStore

PACKED, OFFSETS, SIZE = "packed", "tile_offsets", "packed_bytes"


@dataclass(frozen=True)
class PackWeightsPass(ModulePass):
    """Add the packed image to the weights and its tile offsets to the op. Requires tiling."""

    name = "pack-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Pack all layers."""
        target, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in tiled_layers(op):
            packed = target.pack(spec, layer, array_of(layer.weight, store))
            attach_packed(layer, packed, store)


def attach_packed(layer: SumsOp, packed: PackedWeights, store: WeightStore) -> None:
    """Add a packed image to the store, and what the lowering must know of it to the layer."""
    key = store.fresh_key(weight_key(layer.weight), "packed")
    layer.attributes[PACKED] = StringAttr(store.add(key, packed.image))
    layer.attributes[OFFSETS] = ints(*packed.offsets)
    layer.attributes[SIZE] = IntegerAttr(packed.image.size, i64)
