"""Make concatenation by address possible: an operand that cannot be written into the result is copied."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, TensorType, f32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..context import main_of
from ..dialects.sparse_tensor import (
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    HostCallOp,
    LayerOp,
    MatmulOp,
    PoolOp,
    ReshapeOp,
    encoding_of,
    layer_properties,
    shape_of,
)

_WRITERS = (Conv2dOp, MatmulOp, PoolOp, ElementwiseOp, HostCallOp, ConcatOp)


@dataclass(frozen=True)
class InsertCopiesPass(ModulePass):
    """Copy what concat cannot place. Ensures that each concat operand is written by one op, for it alone."""

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
        for view in [o for o in main.body.block.ops if isinstance(o, ReshapeOp)]:
            before, after = shape_of(view.input), shape_of(view.result)
            if view.input in placed and before[0] not in (1, after[:1] and after[0]):
                _copy(view, 0)


def _is_placeable(value: SSAValue) -> bool:
    return isinstance(value.owner, _WRITERS) and encoding_of(value) is None


def _copy(user: LayerOp, at: int) -> SSAValue:
    """Insert a copy of an operand before its user."""
    value = user.operands[at]
    copy = ElementwiseOp(
        operands=[value, None],
        result_types=[TensorType(f32, shape_of(value))],
        properties=layer_properties((), user.tensor.data, "Copy", "lowered")
        | {"nodes": ArrayAttr(user.nodes.data), "tensor": StringAttr(source_tensor(value))},
    )
    Rewriter.insert_op(copy, InsertPoint.before(user))
    user.operands[at] = copy.result
    return copy.result


def source_tensor(value: SSAValue) -> str:
    """The ONNX tensor a value equals; empty for a graph input."""
    match value.owner:
        case LayerOp():
            return value.owner.tensor.data
        case HostCallOp() as call:
            return call.tensors.data[list(call.results).index(value)].data
        case Operation():
            return ""
        case _:
            return ""
