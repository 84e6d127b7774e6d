"""Cut every layer into tiles that fit the target's memories."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.errors import SpccError, UnsupportedError
from ..context import context_of, main_of, target_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import PoolOp, SumsOp
from ..layer_weights import array_of, weight_encoding


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
            if not isinstance(layer, SumsOp | PoolOp):
                continue
            weights = None
            if not isinstance(layer, PoolOp):
                weight_encoding(layer)
                weights = array_of(layer.weight, store)
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
