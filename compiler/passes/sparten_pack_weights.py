"""Pack each layer's balanced filters into the tables and records that its runs load."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..context import context_of, main_of, target_of
from ..dialects.sparse_tensor import Conv2dOp, MatmulOp, WeightOp
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
        for layer in main_of(op).body.block.ops:
            if not isinstance(layer, Conv2dOp | MatmulOp):
                continue
            is_balanced = ARRAYS in layer.attributes
            require(is_balanced, "it is not balanced", layer.label, "sparten-balance-filters")
            assert isinstance(layer.weight.owner, WeightOp)
            bias = None
            if layer.bias is not None:
                assert isinstance(layer.bias.owner, WeightOp)
                bias = store[layer.bias.owner.key.data]
            weights = store[layer.weight.owner.key.data]
            packed = encode_layer(spec, layer, weights, bias, balance_of(layer, store))
            attach_packed(layer, packed, store)
