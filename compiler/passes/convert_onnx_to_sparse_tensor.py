"""Turn ONNX nodes into layers where the target's limits allow it; the rest becomes host calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ...isa.errors import PassError
from ..context import context_of, main_of, target_of
from ..dialects.onnx import (
    DOMAINS_ATTRIBUTE,
    OPSET_ATTRIBUTE,
    InitializerOp,
    NodeOp,
    NoValueOp,
    tensor_name,
)
from ..dialects.onnx_values import to_text
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import HostCallOp, WeightOp, names
from ..frontend.export import to_model
from ..frontend.layer_builder import Builder, NotALayer, is_constant_dequantize
from ..frontend.lowerings import LOWERINGS, requantize
from ..targets.base import TargetCompiler
from ..weights import WeightStore

_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class ConvertOnnxToSparseTensorPass(ModulePass):
    """Convert @main. Requires onnx and a target; ensures that only sparse_tensor ops are left."""

    name = "convert-onnx-to-sparse-tensor"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Replace the function by its converted form."""
        target, _ = target_of(ctx, op)
        main = main_of(op)
        if OPSET_ATTRIBUTE not in op.attributes:
            raise PassError(f"the module has no {OPSET_ATTRIBUTE}", "module")
        versions = {"": from_attribute(op.attributes[OPSET_ATTRIBUTE])}
        if (others := op.attributes.get(DOMAINS_ATTRIBUTE)) is not None:
            versions |= from_attribute(others)
        conversion = _Conversion(target, context_of(ctx).store, main, versions)
        converted = conversion.run()
        main.detach()
        op.body.block.add_op(converted)
        main.erase()


@dataclass
class _Conversion:
    target: TargetCompiler
    store: WeightStore
    main: FuncOp
    versions: dict[str, int]
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    ops: list[Operation] = field(default_factory=list[Operation])

    def run(self) -> FuncOp:
        old = self.main.body.block
        block = Block(arg_types=[argument.type for argument in old.args])
        for before, after in zip(old.args, block.args, strict=True):
            self.values[before] = after
            copy_hint(before, after)
        for op in old.ops:
            match op:
                case InitializerOp() | NoValueOp():
                    pass
                case NodeOp() if not is_constant_dequantize(op):
                    self._node(op)
                case ReturnOp():
                    self.ops.append(ReturnOp(*[self._value(v) for v in op.operands]))
                case _:
                    pass
        block.add_ops(_without_dead_weights(self.ops))
        func = FuncOp("main", self.main.function_type, Region(block), self.main.sym_visibility)
        func.attributes.update(self.main.attributes)
        return func

    def _node(self, node: NodeOp) -> None:
        if not any(value.uses.get_length() for value in node.outputs):
            return
        try:
            self._layer(node)
        except NotALayer as reason:
            if node.op_type == "QuantizeLinear" and not node.domain:
                self._keep_integers(node)
            self._host_call([node], str(reason))

    def _keep_integers(self, node: NodeOp) -> None:
        """Let the layer before a quantiser of the host make its integers, if only it uses them."""
        source = node.inputs[0]
        if source not in self.values or not source.has_one_use():
            return
        builder = Builder(node, [self.values[source]], self.store)
        try:
            result = requantize(builder)
        except NotALayer:
            return
        producer = builder.ops[-1]
        producer.properties["tensor"] = to_text(tensor_name(source))
        self.ops += builder.ops
        self.values[source] = result

    def _layer(self, node: NodeOp) -> None:
        lowering = LOWERINGS.get(node.op_type) if not node.domain else None
        if lowering is None:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            raise NotALayer(f"{self.target.name} has no kernel for {name}")
        self._check_types(node)
        unknown = [v for v in node.inputs if v not in self.values and not _is_constant(v)]
        assert not unknown, "ops stand in order"
        operands = [self.values.get(v, v) for v in node.inputs]
        builder = Builder(node, operands, self.store)
        if node.inputs and node.inputs[0] not in self.values:
            if not any(v in self.values for v in node.inputs):
                raise NotALayer("all its inputs are constants")
            if node.op_type not in ("Add", "Sum", "Mul", "Sub", "Div"):
                raise NotALayer("its data input is a constant")
        try:
            result = lowering(builder)
            for op in builder.ops:
                self._check_limits(op)
        except NotALayer:
            # What was built so far must not stay among the users of its operands.
            for op in reversed(builder.ops):
                op.erase()
            raise
        self.ops += builder.ops
        self.values[node.outputs[0]] = result
        if result.name_hint is None:
            copy_hint(node.outputs[0], result)

    def _check_types(self, node: NodeOp) -> None:
        if node.op_type in _QUANTISERS:
            return
        for value in (*(v for v in node.inputs if v in self.values), node.outputs[0]):
            kind = getattr(value.type, "element_type", None)
            if kind != f32:
                raise NotALayer(f"it computes in {kind}, not float32")

    def _check_limits(self, op: Operation) -> None:
        if isinstance(op, WeightOp):
            return
        limits = self.target.limits.get(type(op))
        if limits is None:
            raise NotALayer(f"{self.target.name} has no {op.name}")
        for limit in limits:
            if not limit(op):
                sentence = (limit.__doc__ or "").strip().splitlines()[0].rstrip(".")
                raise NotALayer(f"{self.target.name} requires: {sentence}")

    def _host_call(self, nodes: list[NodeOp], reason: str, wanted: Sequence[SSAValue] = ()) -> None:
        node = nodes[-1]
        # Constants behind a DequantizeLinear have no value here: the fragment carries the node.
        unknown = [v.owner for v in node.inputs if v not in self.values and _is_dequantized(v)]
        extra = [op for op in unknown if isinstance(op, Operation)]
        inputs = list(dict.fromkeys(v for v in node.inputs if v in self.values))
        outputs = [v for v in node.outputs if v.uses.get_length() or v in wanted]
        model = to_model(
            [*extra, *nodes],
            inputs,
            outputs,
            self.store,
            self.versions[""],
            domains={n.domain: self.versions[n.domain] for n in nodes if n.domain},
        )
        key = self.store.fresh_key(node.output_names.data[0].data, "fragment")
        self.store.add(key, np.frombuffer(model.SerializeToString(), dtype=np.uint8))
        call = HostCallOp(
            operands=[[self.values[v] for v in inputs]],
            result_types=[[v.type for v in outputs]],
            properties={
                "nodes": names(node.node_name.data or node.output_names.data[0].data),
                "tensors": names(*[to_text(tensor_name(v)).data for v in outputs]),
                "op_type": to_text(node.op_type),
                "fragment": StringAttr(key),
                "reason": StringAttr(reason),
            },
        )
        self.ops.append(call)
        for before, after in zip(outputs, call.results, strict=True):
            self.values[before] = after
            copy_hint(before, after)

    def _value(self, value: SSAValue) -> SSAValue:
        """A graph output's value; a constant output comes from a host call."""
        if value not in self.values:
            self._constant_output(value)
        return self.values[value]

    def _constant_output(self, value: SSAValue) -> None:
        from ..dialects.onnx import NODE_OPS

        name = tensor_name(value)
        identity = NODE_OPS["Identity"].of(name, [value], [(f"{name}.output", value.type)])
        self._host_call([identity], "it is a constant output", identity.outputs)
        self.ops[-1].properties["tensors"] = names(to_text(name).data)
        self.values[value] = self.values[identity.outputs[0]]
        identity.erase()


def copy_hint(source: SSAValue, target: SSAValue) -> None:
    """Take over a name; what is left of names such as `_0` is not always one."""
    if source.name_hint:
        target.name_hint = source.name_hint


def _is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, InitializerOp | NoValueOp) or _is_dequantized(value)


def _is_dequantized(value: SSAValue) -> bool:
    return isinstance(value.owner, Operation) and is_constant_dequantize(value.owner)


def _without_dead_weights(ops: list[Operation]) -> list[Operation]:
    return [op for op in ops if not isinstance(op, WeightOp) or op.result.uses.get_length()]
