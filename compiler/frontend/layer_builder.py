"""What a lowering works with: the builder of a node's layers, and constants, quantised ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import BoolAttr, StringAttr, TensorType, f32, i16
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects.encoding import EncodingAttr
from ..dialects.onnx import InitializerOp, NodeOp, NoValueOp, tensor_name
from ..dialects.onnx_values import to_text
from ..dialects.sparse_tensor import WeightOp, shape_of
from ..layer_properties import layer_properties
from ..weights import WeightStore

Array = npt.NDArray[Any]


class NotALayer(Exception):  # noqa: N818 - a reason for the host call, no error
    """The node has no form as a layer; the message is the reason."""


@dataclass
class Builder:
    """Collects the layers of one node.

    Args:
        node: The ONNX node.
        operands: Its inputs in the new IR.
        store: Where constants are.
    """

    node: NodeOp
    operands: list[SSAValue]
    store: WeightStore
    ops: list[Operation] = field(default_factory=list[Operation])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the node's first output."""
        return shape_of(self.node.outputs[0])

    def properties(self, **more: Attribute) -> dict[str, Attribute]:
        """The properties every layer of this node has, and more."""
        name = self.node.output_names.data[0].data
        node = self.node.node_name.data or name
        return layer_properties((node,), name, self.node.op_type) | more

    def add(self, op: Operation) -> SSAValue:
        """Append an op and return its result."""
        self.ops.append(op)
        return op.results[0]

    def layer(
        self,
        cls: Any,
        operands: Sequence[SSAValue | None],
        shape: tuple[int, ...],
        **more: Attribute,
    ) -> SSAValue:
        """Append a layer op with a float result."""
        return self.add(
            cls(
                operands=operands,
                result_types=[TensorType(f32, shape)],
                properties=self.properties(**more),
            )
        )

    def constant(self, at: int) -> Array | None:
        """The values of a constant input, dequantised if need be; None if it is computed."""
        value = self.source(at)
        owner = None if value is None else value.owner
        if isinstance(owner, NodeOp) and is_constant_dequantize(owner):
            return dequantised_values(owner, self.store)
        return self.store[owner.key.data] if isinstance(owner, InitializerOp) else None

    def source(self, at: int) -> SSAValue | None:
        """The node's own input, None where it is absent."""
        inputs = self.node.inputs
        return None if at >= len(inputs) or isinstance(inputs[at].owner, NoValueOp) else inputs[at]

    def need(self, at: int, what: str) -> Array:
        """The array of a constant input.

        Raises:
            NotALayer: It is computed at run time.
        """
        array = self.constant(at)
        if array is None:
            raise NotALayer(f"its {what} is computed at run time")
        return array

    def weight(self, at: int, array: Array | None = None, transposed: bool = False) -> SSAValue:
        """A weight op for a constant input; `array` replaces its values (stored under a new key).

        Its `source` is the node's input: a constant, or what a DequantizeLinear makes of one, whose
        integers are kept where they can be; `transposed` turns them.

        Raises:
            NotALayer: The input is computed at run time.
        """
        value = self.source(at)
        assert value is not None
        if array is None and isinstance(value.owner, NodeOp):
            return self._dequantised(at, value, value.owner, transposed)
        if array is None:
            assert isinstance(value.owner, InitializerOp)
            key = value.owner.key.data
        else:
            key = self._stored(value, "layer", np.ascontiguousarray(array, dtype=np.float32))
        return self._weight(key, value, transposed)

    def _dequantised(self, at: int, value: SSAValue, node: NodeOp, transposed: bool) -> SSAValue:
        if not is_constant_dequantize(node):
            raise NotALayer("its weights are computed at run time")
        try:
            integers, frac, bits = dequantised_integers(node, self.store)
        except NotALayer:
            real = dequantised_values(node, self.store)
            return self.weight(at, real.T if transposed else real, transposed)
        integers = np.ascontiguousarray(integers.T) if transposed else integers
        key = self._stored(node.inputs[0], "i16", integers)
        return self._weight(key, value, transposed, EncodingAttr.of(frac, bits))

    def _stored(self, value: SSAValue, suffix: str, array: Array) -> str:
        return self.store.add(self.store.fresh_key(to_text(tensor_name(value)).data, suffix), array)

    def _weight(
        self, key: str, value: SSAValue, transposed: bool, encoding: EncodingAttr | None = None
    ) -> SSAValue:
        shape = self.store[key].shape
        kind = TensorType(f32, shape) if encoding is None else TensorType(i16, shape, encoding)
        properties: dict[str, Attribute] = {"key": StringAttr(key)}
        properties["source"] = to_text(tensor_name(value))
        if transposed:
            properties["transposed"] = BoolAttr.from_bool(True)
        return self.add(WeightOp(properties=properties, result_types=[kind]))

    def float_constant(self, suffix: str, array: Array) -> SSAValue:
        """A new float constant."""
        key = self.store.fresh_key(self.node.output_names.data[0].data, suffix)
        self.store.add(key, np.ascontiguousarray(array, dtype=np.float32))
        return self.add(
            WeightOp(
                properties={"key": StringAttr(key)}, result_types=[TensorType(f32, array.shape)]
            )
        )


def dequantised_integers(node: NodeOp, store: WeightStore) -> tuple[Array, int, int]:
    """Integers, fraction bits and width of a constant behind DequantizeLinear.

    Raises:
        NotALayer: It is not int8 or int16 with zero point 0 and one power-of-two scale.
    """
    frac = scale_frac(node, store)
    owner = node.inputs[0].owner
    if not isinstance(owner, InitializerOp):
        raise NotALayer("its quantised weights are computed at run time")
    array = store[owner.key.data]
    if array.dtype not in (np.dtype(np.int8), np.dtype(np.int16)):
        raise NotALayer(f"its weights are {array.dtype}, not int8 or int16")
    return array.astype(np.int16), frac, array.dtype.itemsize * 8


def is_constant_dequantize(op: Operation) -> bool:
    """Whether an op only dequantises a constant.

    Such an op has no layer of its own; its users read through it.
    """
    return (
        isinstance(op, NodeOp)
        and op.op_type == "DequantizeLinear"
        and all(isinstance(v.owner, InitializerOp | NoValueOp) for v in op.inputs)
    )


def dequantised_values(node: NodeOp, store: WeightStore) -> Array:
    """The float values of a constant behind DequantizeLinear, with one scale or one per channel.

    Raises:
        NotALayer: It is not a constant, or has scales per block.
    """
    if not is_constant_dequantize(node):
        raise NotALayer("its weights are computed at run time")
    arrays = [store[v.owner.key.data] for v in node.inputs if isinstance(v.owner, InitializerOp)]
    integers, scale = arrays[0], arrays[1]
    zero = arrays[2].astype(np.int64) if len(arrays) > 2 else np.zeros_like(scale, dtype=np.int64)
    if scale.ndim > 1 or node.attr("block_size", 0):
        raise NotALayer("its weights have scales per block")
    if scale.ndim == 1 and scale.size > 1:
        form = [1] * integers.ndim
        form[node.attr("axis", 1)] = scale.size
        scale, zero = scale.reshape(form), zero.reshape(form)
    return ((integers.astype(np.int64) - zero) * scale).astype(np.float32)


def scale_frac(node: NodeOp, store: WeightStore) -> int:
    """Fraction bits of a Quantize/DequantizeLinear.

    Raises:
        NotALayer: The scale is no single power of two, or the zero point is not 0.
    """
    owners = [value.owner for value in node.inputs[1:]]
    arrays = [store[o.key.data] for o in owners if isinstance(o, InitializerOp)]
    if len(arrays) < len([o for o in owners if not isinstance(o, NoValueOp)]):
        raise NotALayer("its scale is computed at run time")
    scale, zero_points = arrays[0], arrays[1:]
    if scale.size != 1 or any(z.any() for z in zero_points):
        raise NotALayer("it has scales per channel or a zero point other than 0")
    frac = -log2(float(scale.ravel()[0])) if float(scale.ravel()[0]) > 0 else 0.5
    if frac != int(frac):
        raise NotALayer(f"its scale {float(scale.ravel()[0])} is not a power of two")
    return int(frac)
