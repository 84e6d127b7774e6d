"""Cut every layer into tiles that fit the target's memories."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.errors import SpccError, UnsupportedError
from ..context import context_of, main_of, target_of
from ..dialects.encoding import encoding_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import Conv2dOp, MatmulOp, PoolOp, WeightOp
from ..requirements import require


@dataclass(frozen=True)
class TilePass(ModulePass):
    """Write each layer's `tiling`, as the target says (its sheet, section 6).

    Requires assigned formats.
    """

    name = "tile"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Tile all layers; what does not fit is reported for all layers at once."""
        target, spec = target_of(ctx, op)
        store = context_of(ctx).store
        problems: list[SpccError] = []
        for layer in main_of(op).body.block.ops:
            if not isinstance(layer, Conv2dOp | MatmulOp | PoolOp):
                continue
            weights = None
            if not isinstance(layer, PoolOp):
                is_fixed = encoding_of(layer.weight) is not None
                require(is_fixed, "weights are not quantised", layer.label, "quantize")
                assert isinstance(layer.weight.owner, WeightOp)
                weights = store[layer.weight.owner.key.data]
            try:
                layer.properties["tiling"] = to_attribute(target.tile(spec, layer, weights))
            except UnsupportedError as error:
                problems.append(error)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise UnsupportedError(
                f"{len(problems)} layers do not fit\n  " + "\n  ".join(map(str, problems))
            )
