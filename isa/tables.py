"""The tables of a program: tensors in the DRAM image, layers, host fragments."""

import math
from typing import Literal

import msgspec

NO_LAYER = 0xFFFFFFFF
"""In `Program.lines`: the instruction belongs to no layer."""
DRAM = "dram"
"""The name of the memory that holds tensors, unless they stay on chip."""
SRAM_LIMIT_BYTES = 1 << 28
DRAM_LIMIT_BYTES = 1 << 40
"""DRAM addresses have 40 bits."""
MAX_RANK = 32
"""numpy takes up to 64 dimensions, ONNX models a handful."""

ITEM_BYTES = {
    "i16": 2, "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4,
    "int64": 8, "uint64": 8, "float16": 2, "float32": 4, "float64": 8,
}  # fmt: skip
"""Bytes per element of the tensor types a DRAM image can hold."""


class TensorInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tensor in the DRAM image, or in an SRAM.

    Args:
        name: Name of the ONNX tensor.
        dtype: "i16" is fixed point, real value = int16 * 2^-frac; else a numpy type's name.
        shape: Extents, outermost first.
        offset: Byte address of the first element.
        strides: Distance between neighbours along each dimension, in bytes; may be those of a view.
        frac: Fraction bits of an "i16" tensor, None for every other.
        bits: 8 or 16, the width an "i16" tensor is quantised to; else the width of the type.
        memory: Where the addresses are; only a layer's output may be elsewhere than in DRAM.
        channels: The channel at each position along axis 1, if they are not in order; only a
            layer's output may have them in another one.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    frac: int | None = None
    bits: int
    memory: str = DRAM
    channels: tuple[int, ...] = ()

    @property
    def item_bytes(self) -> int:
        """Bytes of one element."""
        return ITEM_BYTES[self.dtype]

    @property
    def element_count(self) -> int:
        """How many elements the tensor has."""
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        """One past the last byte; `offset` if the tensor has no elements."""
        if not self.element_count:
            return self.offset
        steps = zip(self.shape, self.strides, strict=True)
        return self.offset + sum((n - 1) * stride for n, stride in steps) + self.item_bytes


class LayerInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a group of instructions comes from.

    Args:
        name: Unique name, for reports and assembly labels.
        op: Operator of the main ONNX node.
        placement: Executed as it stands, rewritten to what the target has, or on the host.
        nodes: Names of the ONNX nodes it computes.
        output: Its result in the DRAM image, if it can be looked at after the layer ran.
        source: ONNX tensor name of the output; empty if it is part of one's computation.
        nominal_macs: Multiply-accumulates of the layer as the model states it.
        expanded_macs: The same after lowering (padding of groups, transposed convolution...).
        product_shift: Right shift of the layer's products before they are added up, in bits; None
            if it has none.
        static_counts: What the compiler counted, under the names of counters; reports add it to
            what the machine counts.
    """

    name: str
    op: str
    placement: Literal["native", "lowered", "host"]
    nodes: tuple[str, ...] = ()
    output: TensorInfo | None = None
    source: str = ""
    nominal_macs: int = 0
    expanded_macs: int = 0
    product_shift: int | None = None
    static_counts: dict[str, int] = {}


class Fragment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host call: an ONNX model and where its graph inputs and outputs lie in the DRAM image."""

    model: bytes
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
