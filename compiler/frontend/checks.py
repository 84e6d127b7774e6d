"""Attributes and shapes of nodes, checked again with Python integers.

onnx's shape inference computes in C++ with 64 bits and believes what it reads: a dilation of 1e9
gives a negative dimension, a stride of 0 may divide by zero. So attributes are checked before it
runs, and the shapes it gives afterwards. Each rule is a function of a `Node` that yields
sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, cast

from onnx import NodeProto, helper

from .problems import FOREIGN_ERRORS, Problems, first_line
from .structure import is_default, node_place, subgraphs
from .tensors import Array, TensorKind, shape_problem

_MAX_INT = (1 << 31) - 1  # no size, stride or axis is larger
_ANY_INTEGERS = frozenset({"Constant", "ConstantOfShape", "Slice"})  # values, and "to the end"
_POSITIVE = ("strides", "dilations", "kernel_shape", "group", "blocksize", "size", "num_groups")
_NOT_NEGATIVE = ("pads", "output_padding", "split", "storage_order", "ceil_mode")
_AUTO_PADS = (b"NOTSET", b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"")

# Inputs whose constant values make shapes: operator -> their positions.
_SHAPE_INPUTS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1,),
    "Reshape": (1,),
    "Resize": (3,),
    "Split": (1,),
    "Tile": (1,),
    "TopK": (1,),
}


@dataclass(frozen=True)
class Node:
    """A node with what is known about its values.

    Args:
        proto: The node.
        attributes: Its attributes as Python values.
        inputs: The kinds of its inputs, None where absent.
        outputs: The kinds of its outputs once they are inferred, None where absent.
        constants: The values of constant inputs, by position.
    """

    proto: NodeProto
    attributes: dict[str, Any]
    inputs: Sequence[TensorKind | None] = ()
    outputs: Sequence[TensorKind | None] = ()
    constants: dict[int, Array] | None = None

    def shape(self, index: int) -> tuple[int, ...] | None:
        """The shape of an input, None where it is absent."""
        kind = self.inputs[index] if index < len(self.inputs) else None
        return None if kind is None else kind.shape


Rule = Callable[[Node], Iterator[str]]


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values; tensors, graphs and types stay messages."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def check_attributes(node: NodeProto, problems: Problems) -> None:
    """Check a node's attributes alone, those of its subgraphs' nodes too."""
    where = node_place(node)
    try:
        attributes = attributes_of(node)
    except FOREIGN_ERRORS as error:
        problems.add(where, f"an attribute has no value: {first_line(error)}")
        return
    if len(attributes) != len(node.attribute):
        problems.add(where, "an attribute is there twice")
    if is_default(node.domain):
        for message in _attribute_problems(node.op_type, attributes):
            problems.add(where, message)
    for graph in subgraphs(node):
        for inner in graph.node:
            check_attributes(inner, problems)


def _attribute_problems(op_type: str, attributes: dict[str, Any]) -> Iterator[str]:
    for name, value in attributes.items():
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        integers = [v for v in values if isinstance(v, int)]
        if any(abs(v) > _MAX_INT for v in integers) and op_type not in _ANY_INTEGERS:
            yield f"{name} = {value} is beyond 31 bits"
        elif name in _POSITIVE and any(v < 1 for v in integers):
            yield f"{name} = {value} must be positive"
        elif name in _NOT_NEGATIVE and any(v < 0 for v in integers) and op_type != "Pad":
            yield f"{name} = {value} must not be negative"
        elif name == "epsilon" and not all(isinstance(v, float) and 0 <= v < inf for v in values):
            yield f"epsilon = {value} must be a number and not negative"
        elif name == "auto_pad" and value not in _AUTO_PADS:
            yield f"auto_pad = {value} is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID"


def check_inputs(node: Node) -> Iterator[str]:
    """What is wrong with a node before its output shapes are inferred."""
    for index in _SHAPE_INPUTS.get(node.proto.op_type, ()):
        values = (node.constants or {}).get(index)
        if values is not None and values.size and values.dtype.kind in "iu":
            extreme = max(abs(int(values.min())), abs(int(values.max())))
            if extreme > _MAX_INT:
                yield f"input '{node.proto.input[index]}' holds {extreme}, beyond 31 bits"
    if (rule := BEFORE.get(node.proto.op_type)) is not None:
        yield from rule(node)


def check_outputs(node: Node) -> Iterator[str]:
    """What is wrong with the output shapes that were inferred."""
    for name, kind in zip(node.proto.output, node.outputs, strict=False):
        if kind is None:
            continue
        if (problem := shape_problem(kind.shape)) is not None:
            yield f"the shape of output '{name}' {problem}"
    if (rule := AFTER.get(node.proto.op_type)) is not None and None not in node.inputs[:1]:
        yield from rule(node)


def same_elements(node: Node) -> Iterator[str]:
    """Moving data keeps the number of elements."""
    source, result = node.inputs[0], node.outputs[0]
    if source is not None and result is not None and source.elements != result.elements:
        yield f"{source.shape} does not fit {result.shape}: another number of elements"


def per_channel(*positions: int) -> Rule:
    """The inputs at these positions hold one value per channel of the first input."""

    def rule(node: Node) -> Iterator[str]:
        shape = node.shape(0)
        if shape is not None and len(shape) < 2:
            yield f"input shape {shape} has no channel axis"
        elif shape is not None:
            for index in positions:
                if (values := node.shape(index)) is not None and values != (shape[1],):
                    name = node.proto.input[index]
                    yield f"input '{name}' has shape {values}, but there are {shape[1]} channels"

    return rule


def gemm(node: Node) -> Iterator[str]:
    """A [M, K] times B [K, N] plus C, which spreads to [M, N]."""
    a, b, c = node.shape(0), node.shape(1), node.shape(2)
    if a is None or b is None:
        return
    if len(a) != 2 or len(b) != 2:
        yield f"takes two matrices, not {a} and {b}"
        return
    m, k = reversed(a) if node.attributes.get("transA") else a
    k_b, n = reversed(b) if node.attributes.get("transB") else b
    if k != k_b:
        yield f"inner dimensions {k} and {k_b} of {a} and {b} differ"
    if c is not None and (
        len(c) > 2 or any(x not in (1, y) for x, y in zip(c[::-1], (n, m), strict=False))
    ):
        yield f"bias of shape {c} does not spread to ({m}, {n})"


def transpose(node: Node) -> Iterator[str]:
    """The permutation names every axis once."""
    shape, perm = node.shape(0), node.attributes.get("perm")
    if shape is not None and perm is not None and sorted(perm) != list(range(len(shape))):
        yield f"perm = {perm} is no permutation of {len(shape)} axes"


def squeeze(node: Node) -> Iterator[str]:
    """The list of axes is not empty: shape inference then keeps all, onnxruntime drops all."""
    axes = (node.constants or {}).get(1)
    if axes is not None and axes.size == 0:
        yield "its list of axes is empty; leave the input away to drop every axis of size 1"


def axis_in_range(node: Node) -> Iterator[str]:
    """The axis is one of the first input's."""
    shape, axis = node.shape(0), node.attributes.get("axis")
    slack = node.proto.op_type in ("Flatten", "Unsqueeze")
    if shape is not None and axis is not None and not -len(shape) <= axis < len(shape) + slack:
        yield f"axis = {axis} does not exist in shape {shape}"


def concat(node: Node) -> Iterator[str]:
    """Shapes agree on all axes but one, where they add up."""
    shapes = [k.shape for k in node.inputs if k is not None]
    result, axis = node.outputs[0], int(node.attributes.get("axis", 0))
    if result is None:
        return
    axis %= max(1, len(result.shape))
    rests = {s[:axis] + s[axis + 1 :] for s in shapes}
    total = sum([s[axis] for s in shapes])
    if len(rests) > 1 or result.shape[axis] != total:
        yield f"shapes {shapes} do not join along axis {axis}"


_AXIS_OPS = [
    "ArgMax",
    "ArgMin",
    "Concat",
    "Flatten",
    "Gather",
    "GatherElements",
    "Hardmax",
    "LogSoftmax",
    "LpNormalization",
    "ScatterElements",
    "Softmax",
    "Split",
]

BEFORE: dict[str, Rule] = {
    **dict.fromkeys(_AXIS_OPS, axis_in_range),
    "BatchNormalization": per_channel(1, 2, 3, 4),
    "Gemm": gemm,
    "InstanceNormalization": per_channel(1, 2),
    "Squeeze": squeeze,
    "Transpose": transpose,
}
AFTER: dict[str, Rule] = {
    **dict.fromkeys(
        ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "SpaceToDepth", "DepthToSpace"],
        same_elements,
    ),
    "Concat": concat,
}
