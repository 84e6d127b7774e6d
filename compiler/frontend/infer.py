"""Element types and static shapes of one node's outputs: onnx's inference, then checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx.defs
from onnx import NodeProto, TypeProto, helper

from .bind import Binding
from .checks import Node, attributes_of, check_inputs, check_outputs
from .guard import Guard, is_trusted
from .problems import FOREIGN_ERRORS, Problems, first_line
from .structure import is_default, node_place
from .tensors import DTYPES, ELEM_TYPES, Array, TensorKind, elem_type_name, small_tensor
from .windows import output_shape

_VALUE_ELEMENTS = 4096  # a constant with more elements does not make a shape


@dataclass
class Inference:
    """What is known about the values of a graph, node after node.

    Args:
        versions: Opset version by domain.
        ir_version: The model's.
        declared: The types that the model itself gives to values.
        binding: Knows the sizes of symbols.
        problems: Takes what is wrong.
        guard: Makes the calls into the library.
        kinds: Kind of every value known so far, by ONNX name.
        constants: Arrays of the constants known so far.
    """

    versions: dict[str, int]
    ir_version: int
    declared: Mapping[str, TypeProto]
    binding: Binding
    problems: Problems
    guard: Guard
    kinds: dict[str, TensorKind]
    constants: dict[str, Array] = field(default_factory=dict[str, Array])

    def infer(self, proto: NodeProto) -> list[TensorKind | None] | None:
        """Kinds of a node's outputs, None for absent ones; None instead of a list if it fails."""
        where = node_place(proto)
        inputs = [self.kinds[name] if name else None for name in proto.input]
        constants = {i: self.constants[n] for i, n in enumerate(proto.input) if n in self.constants}
        node = Node(proto, attributes_of(proto), inputs, (), constants)
        is_known = is_default(proto.domain)
        found = list(check_inputs(node)) if is_known else []
        shape = output_shape(node) if is_known and not found else None
        if isinstance(shape, list):
            found += shape
        for message in found:
            self.problems.add(where, message)
        if found or (types := self._types(proto, where)) is None:
            return None
        outputs = self._outputs(proto, types, shape if isinstance(shape, tuple) else None)
        if outputs is None:
            return None
        bad = list(check_outputs(Node(proto, node.attributes, inputs, outputs))) if is_known else []
        for message in bad:
            self.problems.add(where, message)
        return None if bad else outputs

    def _types(self, proto: NodeProto, where: str) -> dict[str, TypeProto] | None:
        """What onnx infers; nothing for an operator that it does not know."""
        domain = "" if is_default(proto.domain) else proto.domain
        version = self.versions.get(domain, 1)
        if not onnx.defs.has(proto.op_type, version, domain):
            return {}
        names = [n for n in dict.fromkeys(proto.input) if n]
        values = {n: small_tensor(n, self.constants[n]) for n in names if self._is_small(n)}
        try:
            outputs: dict[str, bytes] = self.guard.call(
                is_trusted([proto]),
                "infer_node",
                proto.SerializeToString(),
                {n: tensor_type_proto(self.kinds[n]).SerializeToString() for n in names},
                {n: tensor.SerializeToString() for n, tensor in values.items()},
                self.versions,
                self.ir_version,
            )
            return {name: TypeProto.FromString(data) for name, data in outputs.items()}
        except FOREIGN_ERRORS as error:
            self.problems.add(where, f"shape inference fails: {_reason(error)}")
            return None

    def _is_small(self, name: str) -> bool:
        return name in self.constants and self.constants[name].size <= _VALUE_ELEMENTS

    def _outputs(
        self, proto: NodeProto, types: dict[str, TypeProto], first: tuple[int, ...] | None
    ) -> list[TensorKind | None] | None:
        """Inferred types as kinds; `first` is the first output's shape where it is known better."""
        kinds: list[TensorKind | None] = []
        for index, name in enumerate(proto.output):
            shape = first if index == 0 or proto.op_type == "MaxPool" else None
            kind = self._kind(proto, name, types.get(name), shape) if name else None
            if name and kind is None:
                return None
            kinds.append(kind)
        return kinds

    def _kind(
        self,
        proto: NodeProto,
        name: str,
        inferred: TypeProto | None,
        better: tuple[int, ...] | None,
    ) -> TensorKind | None:
        where = node_place(proto)
        known = [t for t in (inferred, self.declared.get(name)) if t and t.WhichOneof("value")]
        if known and not known[0].HasField("tensor_type"):
            word = str(known[0].WhichOneof("value")).removesuffix("_type")
            self.problems.unsupported(where, f"output '{name}' is a {word}, not a tensor")
            return None
        elem = next((e for t in known if (e := t.tensor_type.elem_type)), 0)
        if elem not in DTYPES:
            what = f"elements of type {elem_type_name(elem)}" if elem else "an unknown element type"
            self.problems.unsupported(where, f"output '{name}' has {what}, which is not supported")
            return None
        shapes = [s for t in known if (s := self.binding.resolve(t)) is not None]
        shape = _merge(shapes)
        is_settled = shape is not None and None not in shape
        if better is not None:
            if is_settled and tuple(shape or ()) != better and not _rounds_up(proto):
                self.problems.add(where, f"output '{name}' should be {better}, not {shape}")
                return None
            shape = list(better)
        static = tuple(d for d in shape or () if d is not None)
        if shape is None or len(static) != len(shape):
            text = "unknown" if shape is None else str(shape).replace("None", "?")
            self.problems.unsupported(
                where,
                f"the shape of output '{name}' depends on data ({text}); shapes must be static",
                "give every dynamic input dimension a size, or cut the model before this node",
            )
            return None
        return TensorKind(DTYPES[elem], static)


def tensor_type_proto(kind: TensorKind) -> TypeProto:
    """A kind as ONNX writes it."""
    return helper.make_tensor_type_proto(ELEM_TYPES[kind.dtype], kind.shape)


def _merge(shapes: list[list[int | None]]) -> list[int | None] | None:
    """The first shape, its unknown dimensions filled from the others of the same rank."""
    if not shapes:
        return None
    merged = list(shapes[0])
    for shape in shapes[1:]:
        if len(shape) == len(merged):
            merged = [a if a is not None else b for a, b in zip(merged, shape, strict=True)]
    return merged


def _rounds_up(proto: NodeProto) -> bool:
    return any(a.name == "ceil_mode" and a.i for a in proto.attribute)


def _reason(error: BaseException) -> str:
    """The telling part of an inference error."""
    text = first_line(error)
    return text.removeprefix("[ShapeInferenceError] ").removeprefix("[TypeInferenceError] ")
