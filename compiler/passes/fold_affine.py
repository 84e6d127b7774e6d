"""Fold per-channel scale and shift into the convolution or matmul that feeds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ..context import context_of
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import AffineOp, RequantizeOp, ReshapeOp, SumsOp, WeightOp
from ..layer_properties import merged_properties
from ..layer_weights import array_of, new_weight, weight_op
from ..weights import WeightStore

BIAS_BITS = 31
"""Of a bias' magnitude, in steps of the products."""


@dataclass(frozen=True)
class FoldAffinePass(ModulePass):
    """Multiply weights and bias by the scale of a following affine (BatchNormalization).

    Zeros stay zeros. Weights that came as integers stay as they are: only a shift joins them.
    """

    name = "fold-affine"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold until nothing changes."""
        PatternRewriteWalker(FoldAffine(context_of(ctx).store)).rewrite_module(op)


@dataclass
class FoldAffine(RewritePattern):
    """affine(conv(x)) -> conv'(x), affine(affine(x)) -> affine'(x); the first has no other use."""

    store: WeightStore

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AffineOp, rewriter: PatternRewriter) -> None:
        """Fold one affine."""
        layer = op.input.owner
        if isinstance(layer, AffineOp) and layer.result.has_one_use() and layer.clip is None:
            self._merge(layer, op, rewriter)
            return
        if not isinstance(layer, SumsOp) or not _foldable(layer):
            return
        weight = weight_op(layer.weight)
        scale, shift = (array_of(value, self.store) for value in (op.scale, op.shift))
        bias = array_of(layer.bias, self.store) if layer.bias else np.zeros(len(scale), np.float32)
        folded = (bias * scale + shift).astype(np.float32)
        if encoding_of(weight.result) is None:
            scaled = self._scaled(weight, scale)
        elif (scale == 1).all() and _has_room(layer, folded):
            scaled = weight
        else:
            return
        new_bias = new_weight(self.store, f"{weight.key.data}.bias", "folded", folded)
        merged = type(layer)(
            operands=[layer.input, scaled.result, new_bias.result, None],
            result_types=[op.result.type],
            properties=merged_properties(layer, op),
        )
        new_weights = [scaled] if scaled is not weight else []
        rewriter.replace(op, [*new_weights, new_bias, merged])
        rewriter.erase(layer)

    def _scaled(self, weight: WeightOp, scale: np.ndarray) -> WeightOp:
        """The weights of a layer whose results are multiplied by one scale per filter."""
        old = self.store[weight.key.data]
        scaled = old * scale.reshape(-1, *[1] * (old.ndim - 1))
        made = new_weight(self.store, weight.key.data, "folded", scaled.astype(np.float32))
        for name in ("source", "transposed"):
            if name in weight.properties:
                made.properties[name] = weight.properties[name]
        return made

    def _merge(self, first: AffineOp, second: AffineOp, rewriter: PatternRewriter) -> None:
        """affine(affine(x)) -> affine'(x)."""
        scale1, shift1 = (array_of(v, self.store) for v in (first.scale, first.shift))
        scale2, shift2 = (array_of(v, self.store) for v in (second.scale, second.shift))
        base = second.tensor.data
        scale = new_weight(self.store, base, "scale", scale1 * scale2)
        shift = new_weight(self.store, base, "shift", shift1 * scale2 + shift2)
        merged = AffineOp(
            operands=[first.input, scale.result, shift.result],
            result_types=[second.result.type],
            properties=merged_properties(first, second),
        )
        rewriter.replace(second, [scale, shift, merged])
        rewriter.erase(first)


def _foldable(layer: SumsOp) -> bool:
    single_use = layer.result.has_one_use()
    plain = layer.clip is None and layer.residual is None
    quantised = encoding_of(layer.result) is not None
    return single_use and plain and not quantised and isinstance(layer.weight.owner, WeightOp)


def _has_room(layer: SumsOp, bias: np.ndarray) -> bool:
    """Whether a bias has 32 bits in steps of the products, as far as the model fixes their scale.

    Where quantize chooses the input's scale, it says itself what does not fit.
    """
    encoding, made = encoding_of(layer.weight), layer.input.owner
    while isinstance(made, ReshapeOp):
        made = made.input.owner
    if encoding is None or not isinstance(made, RequantizeOp):
        return True
    frac = encoding.frac.value.data + made.frac.value.data
    return float(np.abs(bias).max(initial=0.0)) < 2.0 ** (BIAS_BITS - frac)
