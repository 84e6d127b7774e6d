"""Make concatenation by address possible: copy operands that cannot be written into the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, TensorType, f32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, BlockArgument, OpResult, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..context import main_of
from ..dialects.encoding import encoding_of
from ..dialects.onnx import INPUTS_ATTRIBUTE
from ..dialects.sparse_tensor import (
    COPY,
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    HostCallOp,
    LayerOp,
    MatmulOp,
    PoolOp,
    ReshapeOp,
    shape_of,
)
from ..layer_properties import layer_properties

_WRITERS = (Conv2dOp, MatmulOp, PoolOp, ElementwiseOp, HostCallOp, ConcatOp)


@dataclass(frozen=True)
class InsertCopiesPass(ModulePass):
    """Copy what concat cannot place.

    Ensures that one op writes each operand, for one concat alone.
    """

    name = "insert-copies"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Walk the concats, then the views of placed tensors."""
        placed: set[SSAValue] = set()
        main = main_of(op)
        for concat in [o for o in main.body.block.ops if isinstance(o, ConcatOp)]:
            for at, value in enumerate(concat.inputs):
                if value in placed or not _is_placeable(value):
                    value = _copy(concat, at)
                placed.add(value)
        apart = {value for value in placed if shape_of(value)[0] > 1}  # images with gaps between
        for view in [o for o in main.body.block.ops if isinstance(o, ReshapeOp)]:
            if view.input not in apart:
                continue
            if shape_of(view.input)[:1] == shape_of(view.result)[:1]:
                apart.add(view.result)
            else:
                _copy(view, 0)


def _is_placeable(value: SSAValue) -> bool:
    return isinstance(value.owner, _WRITERS) and encoding_of(value) is None


def _copy(user: LayerOp, at: int) -> SSAValue:
    """Insert a copy of an operand before its user."""
    value = user.operands[at]
    copy = ElementwiseOp(
        operands=[value, None],
        result_types=[TensorType(f32, shape_of(value))],
        properties=layer_properties((), user.tensor.data, COPY, "lowered")
        | {"nodes": ArrayAttr(user.nodes.data), "tensor": StringAttr(source_tensor(value))},
    )
    Rewriter.insert_op(copy, InsertPoint.before(user))
    user.operands[at] = copy.result
    return copy.result


def source_tensor(value: SSAValue) -> str:
    """The ONNX tensor a value equals; empty for a constant."""
    match value:
        case OpResult(op=LayerOp() as layer):
            return layer.tensor.data
        case OpResult(op=HostCallOp() as call, index=index):
            return call.tensors.data[index].data
        case BlockArgument(block=Block() as block, index=index):
            main = block.parent_op()
            assert isinstance(main, FuncOp)
            return cast("ArrayAttr[StringAttr]", main.attributes[INPUTS_ATTRIBUTE]).data[index].data
        case _:
            return ""
