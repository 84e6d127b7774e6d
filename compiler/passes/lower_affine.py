"""Run a scale and shift that no convolution could take up as a depthwise 1x1 convolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, TensorType, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ..context import context_of
from ..dialects.sparse_tensor import AffineOp, Conv2dOp, ReshapeOp, ints, shape_of
from ..layer_properties import NO_TENSOR
from ..layer_weights import array_of, new_weight
from ..weights import WeightStore


@dataclass(frozen=True)
class LowerAffinePass(ModulePass):
    """Turn every affine into a depthwise 1x1 convolution. Ensures that no affine is left."""

    name = "lower-affine"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite them all."""
        PatternRewriteWalker(LowerAffine(context_of(ctx).store)).rewrite_module(op)


@dataclass
class LowerAffine(RewritePattern):
    """affine(x) -> conv2d(x) with groups = C, through a 4-D view where x has another rank."""

    store: WeightStore

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        """Rewrite one affine."""
        shape = shape_of(op.input)
        image = (shape[0], shape[1], 1, int(np.prod(shape[2:]))) if len(shape) != 4 else shape
        made: list[Operation] = []
        source = self._view(op, op.input, image, made, NO_TENSOR)
        scale, shift = (array_of(value, self.store) for value in (op.scale, op.shift))
        base = op.tensor.data
        weight = new_weight(self.store, base, "scale", scale.reshape(-1, 1, 1, 1))
        bias = new_weight(self.store, base, "shift", np.array(shift))
        conv = Conv2dOp(
            operands=[source, weight.result, bias.result, None],
            result_types=[TensorType(op.result.type.get_element_type(), image)],
            properties=op.properties
            | {
                "strides": ints(1, 1),
                "pads": ints(0, 0, 0, 0),
                "dilations": ints(1, 1),
                "groups": IntegerAttr(shape[1], i64),
                "placement": StringAttr("lowered"),
            },
        )
        made += [weight, bias, conv]
        rewriter.replace(op, made, [self._view(op, conv.result, shape, made, op.tensor)])

    @staticmethod
    def _view(
        op: AffineOp,
        value: SSAValue,
        shape: tuple[int, ...],
        made: list[Operation],
        tensor: StringAttr,
    ) -> SSAValue:
        if shape_of(value) == tuple(shape):
            return value
        kept = {k: v for k, v in op.properties.items() if k != "clip"}
        view = ReshapeOp(
            operands=[value],
            result_types=[TensorType(op.result.type.get_element_type(), shape)],
            properties=kept | {"tensor": tensor},
        )
        made.append(view)
        return view.result
