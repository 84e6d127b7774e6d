"""Tensors in and out of the DRAM image: fixed point on the machine's side, float on the other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..isa.errors import TrapError
from ..isa.tables import TensorInfo
from .memory import Dram, Memory

Array = npt.NDArray[Any]
"""A tensor of any type and shape."""

_FINITE_FRAC = -112
"""With fewer fraction bits, the largest integers are beyond what float32 holds."""
_KEPT = (np.dtype(np.int8), np.dtype(np.int16))


def element_type(info: TensorInfo) -> np.dtype[Any]:
    """The numpy type of a tensor's values outside the machine; fixed point is float32 there."""
    return np.dtype(np.float32) if info.dtype == "i16" else np.dtype(info.dtype)


def is_storable(info: TensorInfo, kind: np.dtype[Any]) -> bool:
    """Tell whether values of a numpy type can be stored into the tensor.

    Fixed point takes floats, which are quantised, and int8 and int16, which are kept as they are.
    """
    if info.dtype == "i16":
        return kind.kind == "f" or kind in _KEPT
    return kind == np.dtype(info.dtype)


def load_tensor(memory: Dram | Memory, info: TensorInfo) -> Array:
    """A copy of a tensor as the network sees it: real values, or its raw type.

    Raises:
        TrapError: The tensor is not inside the memory.
    """
    if info.dtype == "i16":
        frac, integers = info.frac or 0, load_integers(memory, info)
        values = _scaled(integers.astype(np.float32), -frac)
        # At its coarsest scales int16 reaches beyond float32: a real value saturates there.
        return values if frac >= _FINITE_FRAC else np.nan_to_num(values, copy=False)
    return _in_order(_view(memory, info, info.dtype), info).copy()


def load_integers(memory: Dram | Memory, info: TensorInfo) -> npt.NDArray[np.int16]:
    """A copy of a fixed-point tensor's integers.

    Raises:
        TrapError: The tensor is not inside the memory.
    """
    return _in_order(_view(memory, info, "int16"), info).astype(np.int16)


def store_tensor(dram: Dram, info: TensorInfo, values: Array) -> int:
    """Write a tensor into the image, quantised if it is fixed point.

    Args:
        dram: The image.
        info: Where and how.
        values: Of the tensor's shape, and of a type that `is_storable`.

    Returns:
        How many values were beyond what `bits` bits hold and were saturated.

    Raises:
        TrapError: The tensor is not inside the image, or its type, shape or a value does not fit.
    """
    if values.shape != info.shape:
        raise TrapError(f"'{info.name}' has shape {values.shape}, the image holds {info.shape}")
    if not is_storable(info, values.dtype):
        raise TrapError(f"'{info.name}' has type {values.dtype}, the image holds {info.dtype}")
    if info.dtype != "i16":
        _view(dram, info, info.dtype)[...] = values
        return 0
    integers, saturated = quantise(values, info.frac or 0, info.bits)
    _view(dram, info, "int16")[...] = integers
    return saturated


def quantise(values: Array, frac: int, bits: int) -> tuple[npt.NDArray[np.int16], int]:
    """Round values x 2^frac half to even and saturate them; integers are kept as they are.

    Returns:
        The integers in the shape of the values, and how many were saturated.

    Raises:
        TrapError: A value is not a number.
    """
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if values.dtype.kind == "f":
        scaled: Array = np.rint(_scaled(values.astype(np.float64), frac))
        if np.isnan(scaled).any():
            raise TrapError("NaN has no fixed-point value")
    else:
        scaled = values
    saturated = int(np.count_nonzero((scaled < low) | (scaled > high)))
    return np.clip(scaled, low, high).astype(np.int16), saturated


def _scaled(values: Array, exponent: int) -> Array:
    """Multiply by 2^exponent; what leaves the float's range becomes infinite or 0."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.ldexp(values, np.int32(exponent)))  # a scalar stays an array


def _in_order(values: Array, info: TensorInfo) -> Array:
    """Bring the channels into the order of the network."""
    return values[:, np.argsort(info.channels)] if info.channels else values


def _view(memory: Dram | Memory, info: TensorInfo, dtype: str) -> Array:
    return memory.tensor(info.offset, info.shape, info.strides, dtype)
