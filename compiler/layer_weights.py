"""Layers that sum products, and the arrays they multiply with."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType, f32
from xdsl.ir import Attribute, SSAValue

from .context import main_of
from .dialects.encoding import EncodingAttr, encoding_of
from .dialects.sparse_tensor import SumsOp, WeightOp
from .requirements import require
from .weights import Array, WeightStore


def sums_layers(module: ModuleOp) -> list[SumsOp]:
    """The network's convolutions and matmuls, in order.

    Raises:
        PassError: The module has no function `main`.
    """
    return [op for op in main_of(module).body.block.ops if isinstance(op, SumsOp)]


def tiled_layers(module: ModuleOp) -> list[SumsOp]:
    """The network's convolutions and matmuls, all tiled.

    Raises:
        PassError: One is not, or the module has no function `main`.
    """
    layers = sums_layers(module)
    for layer in layers:
        require(layer.tiling is not None, "it is not tiled", layer.label, "tile")
    return layers


def weight_encoding(layer: SumsOp) -> EncodingAttr:
    """The fixed point of a layer's weights.

    Raises:
        PassError: They are not quantised.
    """
    encoding = encoding_of(layer.weight)
    require(encoding is not None, "weights are not quantised", layer.label, "quantize")
    assert encoding is not None
    return encoding


def weight_op(value: SSAValue) -> WeightOp:
    """The op that gives a layer its weights or biases."""
    assert isinstance(value.owner, WeightOp)
    return value.owner


def weight_key(value: SSAValue) -> str:
    """The key of a weight op's array in the store."""
    return weight_op(value).key.data


def array_of(value: SSAValue, store: WeightStore) -> Array:
    """The array of a weight op's result, as it is stored."""
    return store[weight_key(value)]


def new_weight(
    store: WeightStore, base: str, suffix: str, array: Array, element: Attribute = f32
) -> WeightOp:
    """Store an array under a fresh key and make its op."""
    key = store.add(store.fresh_key(base, suffix), array)
    kind = TensorType(element, array.shape)
    return WeightOp(properties={"key": StringAttr(key)}, result_types=[kind])
