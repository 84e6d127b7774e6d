"""Give every constant and every tensor its place in the DRAM image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...isa.errors import PassError
from ..context import context_of, main_of, target_of
from ..dialects.encoding import encoding_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import ConcatOp, ElementwiseOp, ReshapeOp, SumsOp, WeightOp, shape_of
from ..layer_weights import weight_op
from ..layout import (
    ALIGNMENT,
    DRAM,
    IMAGE,
    View,
    compact_strides,
    element_bytes,
    is_row_major,
)
from ..requirements import require
from ..weights import WeightStore
from .pack_weights import PACKED

PACKED_DRAM = "packed_dram"


@dataclass(frozen=True)
class AllocatePass(ModulePass):
    """Assign DRAM addresses: constants, then tensors; concat by address, reshape as a view."""

    name = "allocate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Place constants, then activations."""
        main = main_of(op)
        target, spec = target_of(ctx, op)
        constants = _place_constants(main, context_of(ctx).store)
        total = _Placement(main, constants, partial(target.strides, spec)).run()
        op.attributes[IMAGE] = to_attribute({"constants": constants, "bytes": total})


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _place_constants(main: FuncOp, store: WeightStore) -> int:
    """Place packed weights and biases; returns the end."""
    offset, placed = 0, set[WeightOp]()
    for op in main.body.block.ops:
        if isinstance(op, SumsOp):
            image = op.attributes.get(PACKED)
            require(image is not None, "weights are not packed", op.label, "pack-weights")
            assert isinstance(image, StringAttr)
            op.attributes[PACKED_DRAM] = IntegerAttr(offset, i64)
            offset = _align(offset + store[image.data].nbytes)
            if op.bias is not None and (bias := weight_op(op.bias)) not in placed:
                placed.add(bias)
                bias.attributes[DRAM] = IntegerAttr(offset, i64)
                offset = _align(offset + store[bias.key.data].nbytes)
    return offset


@dataclass
class _Placement:
    """Places activations behind the constants."""

    main: FuncOp
    end: int
    strides: Callable[[tuple[int, ...]], tuple[int, ...]]
    views: dict[SSAValue, View] = field(default_factory=dict[SSAValue, View])

    def run(self) -> int:
        """Place every value and write the views into the IR; returns the end of the image."""
        block = self.main.body.block
        holders = {value: op for op in block.ops if isinstance(op, ConcatOp) for value in op.inputs}
        for argument in block.args:
            self._place(argument, holders)
        self.main.attributes[DRAM] = ArrayAttr([self.views[a].to_attribute() for a in block.args])
        for op in block.ops:
            if isinstance(op, WeightOp) or not op.results:
                continue
            for result in op.results:
                self._place(result, holders, op)
            op.attributes[DRAM] = ArrayAttr([self.views[r].to_attribute() for r in op.results])
        return self.end

    def _place(
        self, value: SSAValue, holders: dict[SSAValue, ConcatOp], op: Operation | None = None
    ) -> View:
        """The view of a value: inside its concat, over its input, or a new buffer."""
        if value in self.views:
            return self.views[value]
        if value in holders:
            view = self._member(value, holders)
        elif isinstance(op, ReshapeOp):
            view = self._reshaped(op)
        else:
            shape, itemsize = shape_of(value), element_bytes(value)
            is_fixed = encoding_of(value) is not None and len(shape) > 1
            strides = self.strides(shape) if is_fixed else compact_strides(shape, itemsize)
            if isinstance(op, ElementwiseOp) and op.image_bytes is not None:
                strides = (op.image_bytes.value.data, *compact_strides(shape, itemsize)[1:])
            view = View(_align(self.end), strides)
            self.end = view.offset + (shape[0] * strides[0] if shape else itemsize)
        self.views[value] = view
        return view

    def _member(self, value: SSAValue, holders: dict[SSAValue, ConcatOp]) -> View:
        concat = holders[value]
        whole = self._place(concat.result, holders, concat)
        channel = 0
        for part in concat.inputs:
            if part is value:
                break
            channel += shape_of(part)[1]
        return View(whole.offset + channel * whole.strides[1], whole.strides)

    def _reshaped(self, op: ReshapeOp) -> View:
        source, before, shape = self.views[op.input], shape_of(op.input), shape_of(op.result)
        itemsize = element_bytes(op.result)
        keeps_images = bool(shape) and before[:1] == shape[:1]
        if not is_row_major(source, before, itemsize, joined=not keeps_images):
            raise PassError(
                f"{list(before)} as the target lays it out cannot be seen as {list(shape)}",
                op.label,
                "assign-layout runs first",
            )
        strides = compact_strides(shape, itemsize)
        if keeps_images:
            strides = (source.strides[0], *strides[1:])
        return View(source.offset, strides)
