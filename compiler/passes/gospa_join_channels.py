"""Let channels of scales and shifts share filter groups on GoSPA."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, i16, i64
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...isa.targets.gospa import GospaSpec
from ..context import context_of, main_of, target_of
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import Conv2dOp, WeightOp, shape_of
from ..layer_properties import NOMINAL_MACS
from ..requirements import require
from ..weight_update import WeightUpdate


@dataclass(frozen=True)
class GospaJoinChannelsPass(ModulePass):
    """Make the depthwise convolutions that `lower-affine` left convolutions of fewer groups.

    A depthwise convolution keeps one PE of a row busy, and takes a run per channel. With a diagonal
    of weights over the channels of a filter group every PE has its own, and the zeros beside it
    cost nothing but their bits. Requires quantised weights.
    """

    name = "gospa-join-channels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite their weights and groups."""
        _, spec = target_of(ctx, op)
        main = main_of(op)
        update = WeightUpdate.of(main, context_of(ctx).store)
        for layer in main.body.block.ops:
            if isinstance(layer, Conv2dOp) and layer.placement.data == "lowered":
                _join(spec, layer, update)


def _join(spec: GospaSpec, op: Conv2dOp, update: WeightUpdate) -> None:
    K, channels, *kernel = shape_of(op.weight)
    if channels != 1 or prod(kernel) != 1 or op.groups.value.data != K:
        return
    joined = max(count for count in range(1, spec.cols + 1) if K % count == 0)
    encoding, weight = encoding_of(op.weight), op.weight.owner
    require(encoding is not None, "weights are not quantised", op.label, "quantize")
    assert encoding is not None
    assert isinstance(weight, WeightOp)
    if joined == 1 or op.weight.has_more_than_one_use():
        return
    result = shape_of(op.result)
    op.attributes[NOMINAL_MACS] = IntegerAttr(prod(result), i64)
    diagonal = np.zeros((K, joined, 1, 1), np.int16)
    every = np.arange(K)
    diagonal[every, every % joined] = update.store[weight.key.data][:, 0]
    update.replace(weight, "joined", diagonal)
    op.properties["groups"] = IntegerAttr(K // joined, i64)
    kind = TensorType(i16, diagonal.shape, encoding)
    Rewriter.replace_value_with_new_type(weight.result, kind)
