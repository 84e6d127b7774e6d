"""Turn tiled and allocated layers into the target's instructions and the program's frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import onnx
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...isa.base import Halt, Host
from ...isa.program import LayerInfo
from ..backend.schedule import Schedule
from ..context import CompilerContext, context_of, main_of, target_of
from ..dialects import program
from ..dialects.onnx import INPUTS_ATTRIBUTE, OUTPUTS_ATTRIBUTE, names_of
from ..dialects.onnx_values import from_text
from ..dialects.program import from_attribute, layer_attribute, tensor_attribute
from ..dialects.sparse_tensor import (
    COPY,
    ConcatOp,
    Conv2dOp,
    HostCallOp,
    LayerOp,
    MatmulOp,
    ReshapeOp,
    SumsOp,
    WeightOp,
    shape_of,
)
from ..layer_properties import NOMINAL_MACS
from ..layout import DRAM, IMAGE, tensor_info_of
from ..requirements import require
from ..targets.base import TargetCompiler
from .allocate import PACKED_DRAM
from .pack_weights import PACKED

Placement = Literal["native", "lowered", "host"]


@dataclass(frozen=True)
class ConvertSparseTensorToTargetPass(ModulePass):
    """Replace @main by instructions.

    Requires tiling, packing and allocation; ensures program order.
    """

    name = "convert-sparse-tensor-to-target"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower all layers in order."""
        target, spec = target_of(ctx, op)
        main = main_of(op)
        lowering = _Lowering(context_of(ctx), target, spec, Schedule(target.isa, spec))
        lowering.frame(op, main)
        for layer in main.body.block.ops:
            lowering.lower(layer)
        lowering.schedule.layer = None
        lowering.schedule.emit(Halt())
        main.detach()
        op.body.block.add_ops([*lowering.frame_ops, *lowering.schedule.ops])
        main.erase()


@dataclass
class _Lowering:
    ctx: CompilerContext
    target: TargetCompiler
    spec: Any
    schedule: Schedule
    frame_ops: list[Operation] = field(default_factory=list[Operation])
    layer_count: int = 0
    fragment_count: int = 0
    taken: set[str] = field(default_factory=set[str])

    def frame(self, module: ModuleOp, main: FuncOp) -> None:
        """The sizes of the image, its constants, and the network's inputs and outputs."""
        has_places = IMAGE in module.attributes
        require(has_places, f"tensors have no place ({IMAGE})", "module", "allocate")
        sizes = from_attribute(module.attributes[IMAGE])
        self.frame_ops.append(
            program.ImageOp(properties={k: IntegerAttr(v, i64) for k, v in sizes.items()})
        )
        block = main.body.block
        for op in block.ops:
            if isinstance(op, WeightOp) and DRAM in op.attributes:
                self._segment(op.key, op.attributes[DRAM])
            if PACKED in op.attributes:
                self._segment(op.attributes[PACKED], op.attributes[PACKED_DRAM])
        returned = block.last_op
        assert isinstance(returned, ReturnOp)
        for kind, values, attribute in (
            (program.InputOp, block.args, INPUTS_ATTRIBUTE),
            (program.OutputOp, returned.operands, OUTPUTS_ATTRIBUTE),
        ):
            for value, name in zip(values, names_of(main, attribute), strict=True):
                info = tensor_attribute(tensor_info_of(value, name))
                self.frame_ops.append(kind(properties={"info": info}))

    def _segment(self, key: Any, dram: Any) -> None:
        self.frame_ops.append(program.SegmentOp(properties={"key": key, "dram": dram}))

    def lower(self, op: Operation) -> None:
        """Append one layer's instructions."""
        match op:
            case HostCallOp():
                self._layer(
                    op.nodes.data, from_text(op.op_type), "host", op.results[0], op.tensors.data[0]
                )
                self._host_call(op)
            case ConcatOp() | ReshapeOp() | WeightOp() | ReturnOp():
                pass  # by address, or data
            case LayerOp():
                placement: Placement = "lowered" if op.placement.data == "lowered" else "native"
                self._layer(
                    op.nodes.data, op.op_type.data, placement, _as_in_model(op),
                    op.tensor, _nominal_macs(op), self.target.expanded_macs(self.spec, op),
                    _product_shift(op), self.target.static_counts(self.spec, op),
                )  # fmt: skip
                self.target.lower(self.schedule, self.spec, op)
            case _:
                raise AssertionError(f"{op.name} has no lowering")

    def _layer(
        self,
        nodes: tuple[StringAttr, ...],
        op_type: str,
        placement: Placement,
        result: SSAValue,
        tensor: StringAttr,
        macs: int = 0,
        expanded: int = 0,
        product_shift: int | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        source = from_text(tensor)
        name = from_text(nodes[0]) if nodes else source
        name = self._unique(f"{name}.copy" if op_type == COPY else name)
        info = LayerInfo(
            name=name,
            op=op_type,
            placement=placement,
            nodes=tuple(map(from_text, nodes)),
            source=source,
            nominal_macs=macs,
            expanded_macs=expanded,
            product_shift=product_shift,
            static_counts=dict(counts or {}),
        )
        output = tensor_attribute(tensor_info_of(result, source or name))
        attribute = layer_attribute(info)
        self.frame_ops.append(program.LayerOp(properties={"info": attribute, "output": output}))
        self.schedule.layer = self.layer_count
        self.layer_count += 1

    def _unique(self, name: str) -> str:
        unique, count = name, 0
        while unique in self.taken:
            count += 1
            unique = f"{name}.{count}"
        self.taken.add(unique)
        return unique

    def _host_call(self, op: HostCallOp) -> None:
        graph = onnx.load_model_from_string(self.ctx.store[op.fragment.data].tobytes()).graph
        inputs: list[DictionaryAttr] = [
            tensor_attribute(tensor_info_of(v, port.name))
            for v, port in zip(op.inputs, graph.input, strict=True)
        ]
        outputs = [
            tensor_attribute(tensor_info_of(v, port.name))
            for v, port in zip(op.results, graph.output, strict=True)
        ]
        self.frame_ops.append(
            program.FragmentOp(
                properties={
                    "key": op.fragment,
                    "inputs": ArrayAttr(inputs),
                    "outputs": ArrayAttr(outputs),
                }
            )
        )
        self.schedule.emit(Host(fragment=self.fragment_count))
        self.fragment_count += 1


def _as_in_model(op: LayerOp) -> SSAValue:
    """A layer's result in the shape of its ONNX tensor: itself, or the view that has its name."""
    for use in op.results[0].uses:
        view = use.operation
        if isinstance(view, ReshapeOp) and view.tensor == op.tensor:
            return view.result
    return op.results[0]


def _nominal_macs(op: LayerOp) -> int:
    """MACs of a layer as the model states it, padding included."""
    if isinstance(nominal := op.attributes.get(NOMINAL_MACS), IntegerAttr):
        return nominal.value.data
    match op:
        case Conv2dOp():
            result = shape_of(op.result)
            return result[0] * prod(result[2:]) * prod(shape_of(op.weight))
        case MatmulOp():
            return shape_of(op.result)[0] * prod(shape_of(op.weight))
        case _:
            return 0


def _product_shift(op: LayerOp) -> int | None:
    """The shift of a layer's products, None where it has none."""
    shift = op.product_shift if isinstance(op, SumsOp) else None
    return None if shift is None else shift.value.data
