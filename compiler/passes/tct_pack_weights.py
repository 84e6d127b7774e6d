"""Pack each layer's scheduled entries into the images that its chunks are loaded from."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..context import context_of, target_of
from ..layer_weights import sums_layers
from ..targets.tct_layers import encode_layer
from .pack_weights import attach_packed
from .tct_schedule_weights import schedule_of


@dataclass(frozen=True)
class TctPackWeightsPass(ModulePass):
    """Add the packed image to the weights and its chunks' offsets to the op. Requires schedules."""

    name = "tct-pack-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Pack all layers."""
        _, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in sums_layers(op):
            attach_packed(layer, encode_layer(spec, schedule_of(spec, layer, store)), store)
