"""Pack each layer's balanced filters into the tables and records that its runs load."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..context import context_of, target_of
from ..layer_weights import array_of, sums_layers
from ..requirements import require
from ..targets.sparten_layers import ARRAYS, balance_of, encode_layer
from .pack_weights import attach_packed


@dataclass(frozen=True)
class SpartenPackWeightsPass(ModulePass):
    """Add tables, records and ordered biases to the layers. Requires balanced filters."""

    name = "sparten-pack-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Pack all layers."""
        _, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in sums_layers(op):
            is_balanced = ARRAYS in layer.attributes
            require(is_balanced, "it is not balanced", layer.label, "sparten-balance-filters")
            bias = None if layer.bias is None else array_of(layer.bias, store)
            weights = array_of(layer.weight, store)
            packed = encode_layer(spec, layer, weights, bias, balance_of(layer, store))
            attach_packed(layer, packed, store)
