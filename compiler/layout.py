"""Where tensors lie in the DRAM image: `allocate` writes it into the IR, the lowerings read it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from ..isa import tables
from ..isa.program import TensorInfo
from .dialects.encoding import encoding_of
from .dialects.onnx_values import dtype_name
from .dialects.program import from_attribute, to_attribute
from .dialects.sparse_tensor import Tensor, shape_of

DRAM = "dram"
"""Attribute of an op (for its results) or of the function (for its arguments): a list of views."""
ON_CHIP = "on_chip"
"""Attribute of a layer whose result never reaches DRAM: the SRAM `memory` and its view there."""
CHANNELS = "channels"
"""Attribute of a layer whose result has its channels in another order: the one at each position."""
IMAGE = "spcc.image"
"""Module attribute: bytes of constants and of the whole DRAM image."""
ALIGNMENT = 64
"""Tensors start at multiples of a DRAM burst, so that no two share one."""


@dataclass(frozen=True)
class View:
    """A tensor's first byte and its strides in bytes, outermost first."""

    offset: int
    strides: tuple[int, ...]

    def to_attribute(self) -> Attribute:
        """The view as `{offset = 64 : i64, strides = [..]}`."""
        return to_attribute({"offset": self.offset, "strides": self.strides})


def element_bytes(value: SSAValue) -> int:
    """Bytes of one element of a value in DRAM."""
    if encoding_of(value) is not None:
        return 2
    return np.dtype(_numpy_name(value)).itemsize


def _numpy_name(value: SSAValue) -> str:
    kind = value.type
    assert isinstance(kind, TensorType)
    return dtype_name(cast(Tensor, kind))


def compact_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Row-major strides in bytes."""
    return tuple(itemsize * prod(shape[at + 1 :]) for at in range(len(shape)))


def is_row_major(
    view: View, shape: tuple[int, ...], itemsize: int = 2, *, joined: bool = False
) -> bool:
    """Whether the elements of each image lie one after the other, in the order of the shape.

    Args:
        view: Where they lie.
        shape: Images first.
        itemsize: Bytes of an element.
        joined: Whether the images must lie one after the other too.
    """
    wanted = compact_strides(shape, itemsize)
    steps = list(zip(shape, view.strides, wanted, strict=True))[0 if joined else 1 :]
    return all(stride == compact for count, stride, compact in steps if count > 1)


def view_of(value: SSAValue) -> View:
    """The view that `allocate` gave a value."""
    if isinstance(value, BlockArgument):
        func = value.block.parent_op()
        assert isinstance(func, FuncOp)
        views, index = func.attributes[DRAM], value.index
    else:
        assert isinstance(value, OpResult)
        views, index = value.op.attributes[DRAM], value.index
    plain = from_attribute(cast("ArrayAttr[DictionaryAttr]", views).data[index])
    return View(plain["offset"], tuple(plain["strides"]))


def tensor_info_of(value: SSAValue, name: str) -> TensorInfo:
    """The program's description of a value: in DRAM, or in the SRAM where its layer leaves it."""
    encoding, memory = encoding_of(value), tables.DRAM
    owner = value.owner
    if isinstance(owner, Operation) and ON_CHIP in owner.attributes:
        plain = from_attribute(owner.attributes[ON_CHIP])
        view, memory = View(plain["offset"], tuple(plain["strides"])), plain["memory"]
    else:
        view = view_of(value)
    channels: tuple[int, ...] = ()
    if isinstance(owner, Operation) and CHANNELS in owner.attributes:
        channels = from_attribute(owner.attributes[CHANNELS])
    return TensorInfo(
        name=name,
        dtype="i16" if encoding else _numpy_name(value),
        shape=shape_of(value),
        offset=view.offset,
        strides=view.strides,
        frac=encoding.frac.value.data if encoding else None,
        bits=encoding.bits.value.data if encoding else 8 * element_bytes(value),
        memory=memory,
        channels=channels,
    )


def address_of(op: Operation) -> int:
    """The DRAM address of a constant op's array or of a layer's packed image."""
    address = op.attributes[DRAM if "packed_dram" not in op.attributes else "packed_dram"]
    assert isinstance(address, IntegerAttr)
    return address.value.data
