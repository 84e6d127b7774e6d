"""The onnx dialect: one op per ONNX node, with ONNX names and semantics.

    %conv1_y = onnx.Conv(%x, %w, %b) {kernel_shape = [3, 3]} "conv1" -> "conv1_y"
        : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x4x6x6xf32>

A model is a `builtin.module` {onnx.model, onnx.opset, onnx.domains, spcc.weights} with one
`func.func @main`, whose attributes `onnx.inputs` and `onnx.outputs` hold the exact ONNX names; SSA
names are only hints. The op classes are made from the operator schemas of the onnx library (domain
ai.onnx); `onnx.Custom` stands for every other domain. Constants are `onnx.Initializer`, whose array
lies in the WeightStore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast, overload

import onnx.defs
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, NoneType, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, BlockArgument, Dialect, Operation, OpResult, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .onnx_values import (
    FloatsAttr,
    GraphKeyAttr,
    KeyAttr,
    Tensor,
    TensorKeyAttr,
    Value,
    check_texts,
    decode_value,
    from_text,
    is_encoded,
    parse_entry,
    print_entry,
    to_text,
)

ValueT = TypeVar("ValueT", bound=Value)

MODEL_ATTRIBUTE, OPSET_ATTRIBUTE, DOMAINS_ATTRIBUTE = "onnx.model", "onnx.opset", "onnx.domains"
INPUTS_ATTRIBUTE, OUTPUTS_ATTRIBUTE = "onnx.inputs", "onnx.outputs"


class NodeOp(IRDLOperation):
    """What all node ops share.

    Absent optional inputs are `onnx.NoValue`; absent outputs are named "" and have type none.
    """

    inputs = var_operand_def(Tensor | NoneType)
    outputs = var_result_def(Tensor | NoneType)
    node_name = prop_def(StringAttr)
    output_names = prop_def(ArrayAttr[StringAttr])
    attributes_ = prop_def(DictionaryAttr, prop_name="attributes")

    @classmethod
    def of(
        cls,
        name: str,
        inputs: Sequence[SSAValue],
        outputs: Sequence[tuple[str, Attribute]],
        attributes: Mapping[str, Attribute] | None = None,
        **properties: Attribute,
    ) -> NodeOp:
        """Build a node.

        Args:
            name: The node's name.
            inputs: The operands.
            outputs: ONNX tensor name and type of each result.
            attributes: The encoded ONNX attributes.
            properties: Further properties of a subclass.
        """
        op = cls.create(
            operands=inputs,
            result_types=[kind for _, kind in outputs],
            properties={
                "node_name": to_text(name),
                "output_names": ArrayAttr([to_text(n) for n, _ in outputs]),
                "attributes": DictionaryAttr(dict(sorted((attributes or {}).items()))),
                **properties,
            },
        )
        for result, (tensor, _) in zip(op.results, outputs, strict=True):
            hint_name(result, tensor)
        return op

    @property
    def op_type(self) -> str:
        """The ONNX operator, such as `Conv`."""
        return self.name.removeprefix("onnx.")

    @property
    def domain(self) -> str:
        """The operator's domain; empty for ai.onnx."""
        return ""

    @property
    def label(self) -> str:
        """Where errors and reports say this node is."""
        return f"node '{from_text(self.node_name)}' ({self.op_type})"

    @overload
    def attr(self, name: str) -> Value | None: ...
    @overload
    def attr(self, name: str, default: ValueT) -> ValueT: ...
    def attr(self, name: str, default: Value | None = None) -> Value | None:
        """An ONNX attribute as a plain Python value; `default` where the node does not have it.

        Raises:
            KeyError: The attribute is a tensor or a graph: use `attr_key`.
        """
        encoded = self.attributes_.data.get(name)
        return default if encoded is None else decode_value(encoded)

    def attr_key(self, name: str) -> str | None:
        """The WeightStore key of a tensor or graph attribute, None where there is none."""
        encoded = self.attributes_.data.get(name)
        return encoded.key.data if isinstance(encoded, KeyAttr) else None

    def verify_(self) -> None:
        """Check that every result has a name and every attribute an ONNX encoding."""
        if len(self.output_names) != len(self.results):
            raise VerifyException(
                f"{self.name} has {len(self.results)} results but {len(self.output_names)} names"
            )
        check_texts(self.node_name, *self.output_names)
        for name, value in self.attributes_.data.items():
            if not is_encoded(value):
                raise VerifyException(
                    f"attribute {name} = {value} is not the encoding of an ONNX one"
                )

    def print(self, printer: Printer) -> None:
        """Print `(operands) {attributes} "node" -> "tensor" : type`."""
        self._print_kind(printer)
        with printer.in_parens():
            printer.print_list(self.operands, printer.print_ssa_value)
        if self.attributes_.data:
            printer.print_string(" ")
            with printer.in_braces():
                printer.print_list(
                    self.attributes_.data.items(), lambda i: print_entry(printer, *i)
                )
        printer.print_string(" ")
        printer.print_string_literal(self.node_name.data)
        printer.print_string(" -> ")
        printer.print_list(self.output_names, lambda n: printer.print_string_literal(n.data))
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" : ")
        printer.print_operation_type(self)

    @classmethod
    def parse(cls, parser: Parser) -> NodeOp:
        """Parse what `print` writes."""
        properties = cls._parse_kind(parser)
        start = parser.pos
        operands = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_unresolved_operand
        )
        entries = parser.parse_optional_comma_separated_list(
            parser.Delimiter.BRACES, lambda: parse_entry(parser)
        )
        if len(attributes := dict(entries or ())) != len(entries or ()):
            parser.raise_error("an attribute is there twice")
        name = parser.parse_str_literal()
        parser.parse_punctuation("->")
        names = [parser.parse_str_literal()]
        while parser.parse_optional_punctuation(","):
            names.append(parser.parse_str_literal())
        extra = parser.parse_optional_attr_dict_with_keyword()
        parser.parse_punctuation(":")
        kind = parser.parse_function_type()
        return cls.create(
            operands=parser.resolve_operands(operands, kind.inputs.data, start),
            result_types=kind.outputs.data,
            properties={
                "node_name": StringAttr(name),
                "output_names": ArrayAttr([StringAttr(n) for n in names]),
                "attributes": DictionaryAttr(attributes),
                **properties,
            },
            attributes=extra.data if extra else {},
        )

    def _print_kind(self, printer: Printer) -> None:
        """Print what is between the op name and the operands."""

    @classmethod
    def _parse_kind(cls, parser: Parser) -> dict[str, Attribute]:
        """Parse what `_print_kind` writes."""
        return {}


@irdl_op_definition
class CustomOp(NodeOp):
    """A node of another domain: `onnx.Custom "com.microsoft" "FusedConv"(%x, %w) ...`."""

    name = "onnx.Custom"
    domain_ = prop_def(StringAttr, prop_name="domain")
    op_type_ = prop_def(StringAttr, prop_name="op_type")

    @property
    def op_type(self) -> str:
        """The operator's name within its domain."""
        return from_text(self.op_type_)

    @property
    def domain(self) -> str:
        """The operator's domain."""
        return from_text(self.domain_)

    def verify_(self) -> None:
        """Check domain and operator too."""
        super().verify_()
        check_texts(self.domain_, self.op_type_)

    def _print_kind(self, printer: Printer) -> None:
        for part in (self.domain_, self.op_type_):
            printer.print_string(" ")
            printer.print_string_literal(part.data)

    @classmethod
    def _parse_kind(cls, parser: Parser) -> dict[str, Attribute]:
        domain, op_type = parser.parse_str_literal(), parser.parse_str_literal()
        return {"domain": StringAttr(domain), "op_type": StringAttr(op_type)}


@irdl_op_definition
class InitializerOp(IRDLOperation):
    """A constant tensor; `key` is both its ONNX name and its key in the WeightStore."""

    name = "onnx.Initializer"
    key = prop_def(StringAttr)
    result = result_def(Tensor)
    traits = traits_def(Pure())
    assembly_format = "$key attr-dict `:` type($result)"

    @classmethod
    def of(cls, key: str, kind: Tensor) -> InitializerOp:
        """Build from the ONNX name and the tensor's type; the array belongs under `key.data`."""
        op = cls.create(result_types=[kind], properties={"key": to_text(key)})
        hint_name(op.result, key)
        return op


@irdl_op_definition
class NoValueOp(IRDLOperation):
    """The absent value of an optional input (the empty name in ONNX)."""

    name = "onnx.NoValue"
    result = result_def(NoneType)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"


def _node_class(op_type: str) -> type[NodeOp]:
    doc = f"The ONNX operator {op_type}."
    members = {"name": f"onnx.{op_type}", "__doc__": doc, "__module__": __name__}
    return irdl_op_definition(type(f"{op_type}Op", (NodeOp,), members))


NODE_OPS: dict[str, type[NodeOp]] = {
    name: _node_class(name)
    for name in sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == ""})
}

Onnx = Dialect(
    "onnx",
    [*NODE_OPS.values(), CustomOp, InitializerOp, NoValueOp],
    [TensorKeyAttr, GraphKeyAttr, FloatsAttr],
)


def tensor_name(value: SSAValue) -> str:
    """The ONNX name of a value: a node's output, a constant or a graph input; "" for NoValue."""
    match value:
        case OpResult(op=NodeOp() as node, index=index):
            return from_text(node.output_names.data[index])
        case OpResult(op=InitializerOp() as constant):
            return from_text(constant.key)
        case _:
            pass
    block = value.owner
    if isinstance(block, Block) and isinstance(func := block.parent_op(), FuncOp):
        return names_of(func, INPUTS_ATTRIBUTE)[cast(BlockArgument, value).index]
    return ""


def names_of(op: Operation, attribute: str) -> tuple[str, ...]:
    """The names in an array attribute such as `onnx.inputs`."""
    value = cast("ArrayAttr[StringAttr]", op.attributes[attribute])
    return tuple(from_text(name) for name in value)


def hint_name(value: SSAValue, tensor: str) -> None:
    """Give a value an SSA name like its ONNX name, with `_` for letters it cannot have.

    Numbers at the end go: xDSL takes one `_N` off at each reading, so they would not last.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_$.") else "_" for c in tensor[:60])
    named = f"_{safe}" if safe[:1].isdigit() else safe
    value.name_hint = re.sub(r"(_\d+)+$", "", named) or None
