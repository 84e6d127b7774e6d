"""Bring activations into the target's layout: copy where no view and no address will do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Protocol

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.dialects.func import ReturnOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..context import main_of, target_of
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import (
    COPY,
    ConcatOp,
    ElementwiseOp,
    HostCallOp,
    LayerOp,
    ReshapeOp,
    shape_of,
)
from ..layer_properties import layer_properties
from ..layout import View, compact_strides, is_row_major
from .insert_copies import source_tensor


class _Strides(Protocol):
    def __call__(self, shape: tuple[int, ...], /) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class AssignLayoutPass(ModulePass):
    """Copy what a reshape or a concatenation cannot place in the target's layout.

    A reshape is a view of row-major images; before and behind it, fixed-point values that lie
    otherwise are copied. Operands of a concatenation are written word by word: one that shares a
    block of channels with its neighbour is copied, element by element. A target whose layout is
    row-major and whose words hold one element needs no copies.

    Requires quantised values.
    """

    name = "assign-layout"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Walk the reshapes, then the concatenations."""
        target, spec = target_of(ctx, op)
        strides, main = partial(target.strides, spec), main_of(op)
        for reshape in [o for o in main.body.block.ops if isinstance(o, ReshapeOp)]:
            if encoding_of(reshape.input) is not None:
                _place_reshape(reshape, strides)
        channels = target.channel_block
        features = target.feature_block or channels
        for concat in [o for o in main.body.block.ops if isinstance(o, ConcatOp)]:
            if encoding_of(concat.result) is not None:
                has_maps = len(shape_of(concat.result)) > 2
                _place_operands(concat, channels(spec) if has_maps else features(spec))


def _place_reshape(op: ReshapeOp, strides: _Strides) -> None:
    """Make the operand's images row-major, and the result what its layers expect."""
    before, after = shape_of(op.input), shape_of(op.result)
    keeps_images = bool(after) and before[:1] == after[:1]
    source, wanted = strides(before), strides(after)
    is_row_major_now = is_row_major(View(0, source), before, joined=not keeps_images)
    if keeps_images:
        image_bytes = max(wanted[0], 2 * prod(after[1:]))
        is_view = is_row_major_now and source[0] == image_bytes
    else:
        image_bytes = 2 * prod(before[1:])
        is_view = is_row_major_now
    if not is_view:
        _copy_operand(op, image_bytes)
    seen = compact_strides(after, 2)
    if keeps_images:
        seen = (image_bytes, *seen[1:])
    if not _serves(after, seen, wanted) and _has_layers(op.result):
        _copy_result(op)


def _serves(shape: tuple[int, ...], seen: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a layer can read a value at these strides, the last image's padding included."""
    steps = zip(shape, seen, wanted, strict=True)
    return seen[:1] >= wanted[:1] and all(a == b for count, a, b in steps if count > 1)


def _has_layers(value: SSAValue) -> bool:
    """Whether the target itself reads a value; hosts and outputs take any strides."""
    return any(not isinstance(u.operation, HostCallOp | ReturnOp) for u in value.uses)


def _place_operands(op: ConcatOp, block: int) -> None:
    channel, last = 0, len(op.inputs) - 1
    for at, value in enumerate(op.inputs):
        count = shape_of(value)[1]
        shares = channel % block or (count % block and at < last)
        if shares and not _is_copy(value):
            _copy_operand(op, None, at)
        channel += count


def _is_copy(value: SSAValue) -> bool:
    """Whether the PPU writes a value, element by element."""
    return isinstance(value.owner, ElementwiseOp)


def _copy_operand(user: LayerOp, image_bytes: int | None, at: int = 0) -> None:
    """Insert a copy of an operand before its user."""
    value = user.operands[at]
    copy = _copy(value, user.nodes, source_tensor(value), image_bytes)
    Rewriter.insert_op(copy, InsertPoint.before(user))
    user.operands[at] = copy.result


def _copy_result(op: LayerOp) -> None:
    """Insert a copy of a result for the layers that read it."""
    result = op.results[0]
    copy = _copy(result, op.nodes, op.tensor.data, None)
    Rewriter.insert_op(copy, InsertPoint.after(op))
    for use in list(result.uses):
        if use.operation is not copy and not isinstance(use.operation, HostCallOp | ReturnOp):
            use.operation.operands[use.index] = copy.result


def _copy(
    value: SSAValue, nodes: ArrayAttr[StringAttr], tensor: str, image_bytes: int | None
) -> ElementwiseOp:
    place = {} if image_bytes is None else {"image_bytes": IntegerAttr(image_bytes, i64)}
    return ElementwiseOp(
        operands=[value, None],
        result_types=[value.type],
        properties=layer_properties((), tensor, COPY, "lowered")
        | {"nodes": nodes, "tensor": StringAttr(tensor)}
        | place,
    )
