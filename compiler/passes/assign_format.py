"""Store each layer's weights in the target's packed format."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i16
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..context import target_of
from ..dialects.sparse_tensor import shape_of
from ..layer_weights import sums_layers, weight_encoding


@dataclass(frozen=True)
class AssignFormatPass(ModulePass):
    """Put the packed format into the types of weights. Requires quantised weights."""

    name = "assign-format"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Retype the weights of every convolution and matmul."""
        target, spec = target_of(ctx, op)
        for layer in sums_layers(op):
            encoding = weight_encoding(layer)
            packed = target.weight_encoding(
                spec, encoding.frac.value.data, encoding.bits.value.data
            )
            kind = TensorType(i16, shape_of(layer.weight), packed)
            Rewriter.replace_value_with_new_type(layer.weight, kind)
