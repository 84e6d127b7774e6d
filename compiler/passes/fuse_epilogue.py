"""Let the PPU finish a layer: residual add, ReLU or clip, and the model's own requantisation."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i16
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ..context import main_of
from ..dialects.encoding import EncodingAttr, encoding_of
from ..dialects.sparse_tensor import (
    Conv2dOp,
    ElementwiseOp,
    MatmulOp,
    PoolOp,
    RequantizeOp,
    shape_of,
)
from ..layer_properties import merged_properties
from ..signature import update_signature

_PRODUCERS = (Conv2dOp, MatmulOp, PoolOp, ElementwiseOp)


@dataclass(frozen=True)
class FuseEpiloguePass(ModulePass):
    """Move elementwise ops and requantisations into their producers.

    Ensures that no requantize is left.

    Args:
        residual: Whether a layer's epilogue can add a residual; if not, adds stay layers.
    """

    name = "fuse-epilogue"
    residual: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fuse to a fixed point."""
        patterns = (FuseElementwise(self.residual), FuseRequantize())
        for pattern in patterns:
            PatternRewriteWalker(pattern).rewrite_module(op)
        update_signature(main_of(op))


@dataclass
class FuseElementwise(RewritePattern):
    """elementwise(layer(x), residual) -> layer(x) residual(...), if the layer has no other use."""

    adds: bool

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ElementwiseOp, rewriter: PatternRewriter) -> None:
        """Fuse one elementwise op into the producer of one of its operands."""
        for value, other in _choices(op):
            layer = value.owner
            if not isinstance(layer, _PRODUCERS) or not value.has_one_use():
                continue
            if other is not None and not self.adds:
                continue
            if encoding_of(value) is not None:
                continue  # the model asks for these very integers: they must be made
            if other is not None and (layer.residual is not None or layer.clip is not None):
                continue
            residual = layer.residual if other is None else other
            fused = type(layer)(
                operands=[*_sources(layer), residual],
                result_types=[op.result.type],
                properties=merged_properties(layer, op),
            )
            rewriter.replace(op, fused)
            rewriter.erase(layer)
            return


def _choices(op: ElementwiseOp) -> list[tuple[SSAValue, SSAValue | None]]:
    """Which operand could be the sum, and which the residual; the one computed last first."""
    if op.residual is None:
        return [(op.input, None)]
    if op.residual is op.input:
        return []
    pairs: list[tuple[SSAValue, SSAValue | None]] = [
        (op.input, op.residual),
        (op.residual, op.input),
    ]
    order = {o: i for i, o in enumerate(op.parent.ops)} if op.parent else {}
    rank = [order.get(v.owner, -1) if isinstance(v.owner, Operation) else -1 for v, _ in pairs]
    return pairs if rank[0] >= rank[1] else pairs[::-1]


def _sources(layer: Operation) -> list[SSAValue | None]:
    """The operands of a layer without the residual."""
    match layer:
        case Conv2dOp() | MatmulOp():
            return [layer.input, layer.weight, layer.bias]
        case PoolOp() | ElementwiseOp():
            return [layer.input]
        case _:
            raise AssertionError(layer.name)


@dataclass
class FuseRequantize(RewritePattern):
    """requantize(layer(x)) -> layer(x) with the model's encoding; a copy where that cannot be."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantizeOp, rewriter: PatternRewriter) -> None:
        """Absorb one requantize."""
        encoding = EncodingAttr.of(op.frac.value.data, op.bits.value.data)
        wanted = TensorType(i16, shape_of(op.input), encoding)
        source, only = op.input, op.input.has_one_use()
        if isinstance(source, BlockArgument) and only and encoding_of(source) is None:
            rewriter.replace_value_with_new_type(source, wanted)
            rewriter.replace(op, [], [op.input])
        elif isinstance(source.owner, _PRODUCERS) and only and encoding_of(source) is None:
            layer = source.owner
            fused = type(layer)(
                operands=[*_sources(layer), layer.residual],
                result_types=[wanted],
                properties=merged_properties(layer, op),
            )
            rewriter.replace(op, fused)
            rewriter.erase(layer)
        else:
            properties = {k: v for k, v in op.properties.items() if k not in ("frac", "bits")}
            copy = ElementwiseOp(
                operands=[source, None], result_types=[wanted], properties=properties
            )
            rewriter.replace(op, copy)
