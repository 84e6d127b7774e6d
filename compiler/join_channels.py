"""Diagonal filters: what `lower-affine` leaves, for machines whose units want filters side by side.

A depthwise convolution of a machine that takes filter groups one by one keeps one unit busy. With a
diagonal of weights over several channels every unit has a filter, and the zeros beside it are what
a sparse machine skips.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, i16, i64
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

from .context import context_of, main_of
from .dialects.sparse_tensor import Conv2dOp, shape_of
from .layer_properties import NOMINAL_MACS
from .layer_weights import array_of, weight_encoding, weight_op
from .weight_update import WeightUpdate


def join_channels(ctx: Context, module: ModuleOp, most: int) -> None:
    """Make the depthwise 1x1 convolutions that `lower-affine` left ones of fewer groups.

    Args:
        ctx: Has the weights, which are quantised.
        module: The network.
        most: Channels of a group, at most.

    Raises:
        PassError: The weights are not quantised.
    """
    main = main_of(module)
    update = WeightUpdate.of(main, context_of(ctx).store)
    for layer in main.body.block.ops:
        if isinstance(layer, Conv2dOp):
            _join(layer, most, update)


def _join(op: Conv2dOp, most: int, update: WeightUpdate) -> None:
    """Join the channels of one; any other convolution is left alone."""
    K, channels, *kernel = shape_of(op.weight)
    is_scale = op.placement.data == "lowered" and channels == 1 and prod(kernel) == 1
    if not is_scale or op.groups.value.data != K:
        return
    joined = max(count for count in range(1, min(most, K) + 1) if K % count == 0)
    encoding, weight = weight_encoding(op), weight_op(op.weight)
    if joined == 1 or op.weight.has_more_than_one_use():
        return
    op.attributes[NOMINAL_MACS] = IntegerAttr(prod(shape_of(op.result)), i64)
    diagonal = np.zeros((K, joined, 1, 1), np.int16)
    every = np.arange(K)
    diagonal[every, every % joined] = array_of(op.weight, update.store)[:, 0]
    update.replace(weight, "joined", diagonal)
    op.properties["groups"] = IntegerAttr(K // joined, i64)
    kind = TensorType(i16, diagonal.shape, encoding)
    Rewriter.replace_value_with_new_type(weight.result, kind)


def joined_macs(op: Operation) -> int:
    """Products with the zeros beside a layer's diagonal, if it has one."""
    if not isinstance(op, Conv2dOp) or NOMINAL_MACS not in op.attributes:
        return 0
    return prod(shape_of(op.result)) * (shape_of(op.weight)[1] - 1)
