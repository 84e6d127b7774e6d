"""ONNX models from onnx dialect ops: fragments for the host, single operators, whole modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from ...isa.errors import UnsupportedError
from ..dialects.onnx import (
    DOMAINS_ATTRIBUTE,
    MODEL_ATTRIBUTE,
    OPSET_ATTRIBUTE,
    OUTPUTS_ATTRIBUTE,
    InitializerOp,
    NodeOp,
    NoValueOp,
    names_of,
    tensor_name,
)
from ..dialects.onnx_values import (
    KeyAttr,
    decode_value,
    dtype_name,
    from_text,
    value_kind,
)
from ..weights import WeightStore
from .tensors import ELEM_TYPES, small_tensor

_MAX_BYTES = (1 << 31) - (1 << 20)  # protobuf ends at 2 GiB; the nodes need some of it


def to_model(
    ops: Sequence[Operation],
    inputs: Sequence[SSAValue],
    outputs: Sequence[SSAValue],
    store: WeightStore,
    opset: int,
    *,
    domains: Mapping[str, int] | None = None,
    output_names: Sequence[str] | None = None,
    name: str = "fragment",
) -> ModelProto:
    """Turn ops into a model that computes `outputs` from `inputs`.

    Args:
        ops: Node ops in order; Initializer and NoValue ops among them are taken as they are used.
        inputs: The values that become graph inputs, under their ONNX names. A constant among them
            becomes an input; every other constant that the ops use is embedded.
        outputs: The values that become graph outputs.
        store: Holds the constants.
        opset: Version of ai.onnx.
        domains: Versions of other domains.
        output_names: Names of the graph outputs, where they are not the values' own.
        name: The graph's name.

    Raises:
        UnsupportedError: The constants do not fit into a protobuf message.
        ValueError: An op uses a value that is neither input, constant nor another op's result.
    """
    exporter = _Exporter(store, inputs)
    for op in ops:
        if isinstance(op, NodeOp):
            exporter.add(op)
    results = [
        exporter.output(value, given)
        for value, given in zip(outputs, output_names or map(tensor_name, outputs), strict=True)
    ]
    graph = helper.make_graph(
        exporter.nodes,
        name,
        [_value_info(exporter.names[value], value) for value in inputs],
        results,
        exporter.constants,
    )
    return _model(graph, {"": opset, **(domains or {})})


def _model(graph: GraphProto, versions: Mapping[str, int]) -> ModelProto:
    """A graph with the versions of its domains, in the oldest format that has them."""
    opsets = [helper.make_opsetid(d, v) for d, v in versions.items()]
    lowest = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=max(8, lowest), producer_name="spcc"
    )


def module_to_model(module: ModuleOp, store: WeightStore) -> ModelProto:
    """Turn a whole module back into a model with the original input and output names."""
    func = next(op for op in module.ops if isinstance(op, FuncOp))
    block = func.body.block
    end = block.last_op
    assert isinstance(end, ReturnOp)
    opset = cast("IntegerAttr[Any]", module.attributes[OPSET_ATTRIBUTE]).value.data
    others = module.attributes.get(DOMAINS_ATTRIBUTE)
    domains = cast("Mapping[str, Any]", others.data if isinstance(others, DictionaryAttr) else {})
    return to_model(
        list(block.ops),
        block.args,
        list(end.arguments),
        store,
        opset,
        domains={d: v.value.data for d, v in domains.items()},
        output_names=names_of(func, OUTPUTS_ATTRIBUTE),
        name=from_text(cast(Any, module.attributes[MODEL_ATTRIBUTE])),
    )


class _Exporter:
    """Collects nodes and the constants that they use."""

    def __init__(self, store: WeightStore, inputs: Sequence[SSAValue]) -> None:
        self.store = store
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.names = {value: tensor_name(value) for value in inputs}
        self.total_bytes = 0

    def add(self, op: NodeOp) -> None:
        """Append one node."""
        inputs = [self._name(value) for value in op.operands]
        outputs = [from_text(name) for name in op.output_names]
        self.names.update(zip(op.results, outputs, strict=True))
        node = helper.make_node(
            op.op_type, inputs, outputs, from_text(op.node_name), domain=op.domain or None
        )
        for name, value in op.attributes_.data.items():
            node.attribute.append(self._attribute(name, value))
        self.nodes.append(node)

    def output(self, value: SSAValue, name: str) -> ValueInfoProto:
        """A graph output; an Identity gives a value its second name."""
        if (source := self._name(value)) != name:
            self.nodes.append(helper.make_node("Identity", [source], [name], name=f"{name}_copy"))
        return _value_info(name, value)

    def _name(self, value: SSAValue) -> str:
        """The ONNX name of an operand; a constant is embedded at its first use."""
        if value in self.names:
            return self.names[value]
        match value:
            case OpResult(op=InitializerOp() as constant):
                name = tensor_name(value)
                self._embed(name, constant.key.data)
            case OpResult(op=NoValueOp()):
                name = ""
            case _:
                raise ValueError(f"'{tensor_name(value)}' is neither input, constant nor result")
        self.names[value] = name
        return name

    def _embed(self, name: str, key: str) -> None:
        array = self.store[key]
        self.total_bytes += array.nbytes
        if self.total_bytes > _MAX_BYTES:
            raise UnsupportedError(
                f"its constants have {self.total_bytes} bytes or more, but a model ends at 2 GiB",
                f"initializer '{name}'",
            )
        self.constants.append(small_tensor(name, array))

    def _attribute(self, name: str, value: Attribute) -> AttributeProto:
        kind = value_kind(value)
        match kind:
            case "TENSOR" | "GRAPH":
                return helper.make_attribute(name, self._message(value))
            case "TENSORS" | "GRAPHS":
                items = cast("ArrayAttr[Attribute]", value)
                return helper.make_attribute(name, [self._message(v) for v in items])
            case _:
                elem_type = AttributeProto.AttributeType.Value(kind)
                return helper.make_attribute(name, decode_value(value), attr_type=elem_type)

    def _message(self, value: Attribute) -> TensorProto | GraphProto:
        assert isinstance(value, KeyAttr)
        array = self.store[value.key.data]
        if value_kind(value) == "TENSOR":
            return small_tensor("", array)
        return GraphProto.FromString(array.tobytes())


def _value_info(name: str, value: SSAValue) -> ValueInfoProto:
    kind = cast("TensorType[Attribute]", value.type)
    return helper.make_tensor_value_info(name, ELEM_TYPES[dtype_name(kind)], kind.get_shape())
