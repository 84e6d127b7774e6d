"""The onnx dialect from what the frontend found out: one op per node that stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    NoneType,
    i64,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from ..dialects.onnx import (
    DOMAINS_ATTRIBUTE,
    INPUTS_ATTRIBUTE,
    MODEL_ATTRIBUTE,
    NODE_OPS,
    OPSET_ATTRIBUTE,
    OUTPUTS_ATTRIBUTE,
    CustomOp,
    InitializerOp,
    NodeOp,
    NoValueOp,
    hint_name,
)
from ..dialects.onnx_values import (
    GraphKeyAttr,
    TensorKeyAttr,
    encode_value,
    from_text,
    tensor_type,
    to_text,
)
from ..weights import WeightStore
from .problems import Problems
from .propagate import LiveNode
from .structure import is_default, node_place
from .tensors import Array, TensorKind, tensor_to_array


@dataclass
class Builder:
    """Builds the module.

    Args:
        inputs: Kind of every graph input, by name, in order.
        outputs: Name of every graph output and of the value it stands for, in order.
        constants: Arrays by ONNX name; those that are used go into the store.
        problems: Takes what has no place in the IR.
    """

    inputs: Mapping[str, TensorKind]
    outputs: Sequence[tuple[str, str]]
    constants: Mapping[str, Array]
    problems: Problems
    store: WeightStore = field(default_factory=WeightStore)
    block: Block = field(default_factory=Block)
    values: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    names: set[str] = field(default_factory=set[str])

    def build(self, model: str, versions: Mapping[str, int], nodes: Sequence[LiveNode]) -> ModuleOp:
        """Build the module of a model with this name, these opset versions and these nodes."""
        types = [tensor_type(*kind) for kind in self.inputs.values()]
        self.block = Block(arg_types=types)
        for name, argument in zip(self.inputs, self.block.args, strict=True):
            self.values[name] = argument
            hint_name(argument, name)
        self._reserve_keys(nodes)
        for node in nodes:
            self._add_node(node)
        results = [self._value(source) for _, source in self.outputs]
        self.block.add_op(ReturnOp(*results))
        func = FuncOp("main", (types, [r.type for r in results]), Region(self.block))
        func.attributes[INPUTS_ATTRIBUTE] = ArrayAttr([to_text(n) for n in self.inputs])
        func.attributes[OUTPUTS_ATTRIBUTE] = ArrayAttr([to_text(n) for n, _ in self.outputs])
        attributes: dict[str, Attribute] = {
            MODEL_ATTRIBUTE: to_text(model),
            OPSET_ATTRIBUTE: IntegerAttr(versions[""], i64),
        }
        used = {n.proto.domain for n in nodes if not is_default(n.proto.domain)}
        others = {d: IntegerAttr(versions[d], i64) for d in sorted(used)}
        if others:
            attributes[DOMAINS_ATTRIBUTE] = DictionaryAttr(others)
        return ModuleOp([func], attributes)

    def _reserve_keys(self, nodes: Sequence[LiveNode]) -> None:
        """Put the constants that are used into the store first: their keys are their names."""
        used = {name for n in nodes for name in n.proto.input} | {s for _, s in self.outputs}
        for name, array in self.constants.items():
            if name in used:
                self.store.add(to_text(name).data, array)

    def _add_node(self, node: LiveNode) -> None:
        proto, name = node.proto, self._unique_name(node.proto)
        operands = [self._value(n) for n in proto.input]
        outputs = [
            (n, NoneType() if kind is None else tensor_type(*kind))
            for n, kind in zip(proto.output, node.outputs, strict=True)
        ]
        attributes = {a.name: self._attribute(a, proto, name) for a in proto.attribute}
        present = {n: v for n, v in attributes.items() if v is not None}
        if is_default(proto.domain):
            op = NODE_OPS[proto.op_type].of(name, operands, outputs, present)
        else:
            what = {"domain": to_text(proto.domain), "op_type": to_text(proto.op_type)}
            op = CustomOp.of(name, operands, outputs, present, **what)
        self._append(op)

    def _append(self, op: NodeOp) -> None:
        self.block.add_op(op)
        for result, name in zip(op.results, op.output_names, strict=True):
            if name.data:
                self.values[from_text(name)] = result

    def _value(self, name: str) -> SSAValue:
        """The SSA value of a tensor; a constant's op is made at its first use, as is NoValue."""
        if name not in self.values:
            if name:
                array = self.constants[name]
                op = InitializerOp.of(name, tensor_type(array.dtype, array.shape))
            else:
                op = NoValueOp.create(result_types=[NoneType()])
            self.block.add_op(op)
            self.values[name] = op.results[0]
        return self.values[name]

    def _unique_name(self, node: NodeProto) -> str:
        """The node's name; its first output's where it has none; numbered where it is taken."""
        base = node.name or next(n for n in node.output if n)
        name, count = base, 1
        while name in self.names:
            count += 1
            name = f"{base}_{count}"
        self.names.add(name)
        return name

    def _attribute(
        self, attribute: AttributeProto, node: NodeProto, owner: str
    ) -> Attribute | None:
        """An ONNX attribute encoded; arrays and graphs go into the store."""
        where, base = node_place(node), to_text(f"{owner}.{attribute.name}").data
        match AttributeProto.AttributeType.Name(attribute.type):
            case "INT" | "INTS" | "FLOAT" | "FLOATS" as kind:
                field_name = {"INT": "i", "INTS": "ints", "FLOAT": "f", "FLOATS": "floats"}[kind]
                return encode_value(getattr(attribute, field_name), kind)
            case "STRING" | "STRINGS" as kind:
                return self._strings(attribute, kind, where)
            case "TENSOR":
                return self._tensor(attribute.t, where, base)
            case "TENSORS":
                keys = [self._tensor(t, where, base) for t in attribute.tensors]
                return ArrayAttr([k for k in keys if k is not None])
            case "GRAPH":
                return self._graph(attribute.g.SerializeToString(deterministic=True), base)
            case "GRAPHS":
                parts = [g.SerializeToString(deterministic=True) for g in attribute.graphs]
                return ArrayAttr([self._graph(part, base) for part in parts])
            case kind:
                self.problems.unsupported(where, f"attribute {attribute.name} of type {kind}")
                return None

    def _strings(self, attribute: AttributeProto, kind: str, where: str) -> Attribute | None:
        try:
            if kind == "STRING":
                return encode_value(attribute.s.decode(), kind)
            return encode_value([s.decode() for s in attribute.strings], kind)
        except UnicodeDecodeError:
            self.problems.unsupported(where, f"attribute {attribute.name} is not UTF-8 text")
            return None

    def _tensor(self, tensor: TensorProto, where: str, base: str) -> Attribute | None:
        array = tensor_to_array(tensor, where, None, self.problems)
        if array is None:
            return None
        return TensorKeyAttr.of(self._keep(base, array))

    def _graph(self, data: bytes, base: str) -> Attribute:
        return GraphKeyAttr.of(self._keep(base, np.frombuffer(data, np.uint8)))

    def _keep(self, base: str, array: Array) -> str:
        return self.store.add(self.store.fresh_key(base, "attribute"), array)
