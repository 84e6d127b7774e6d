"""Float values of every tensor of a sparse_tensor module, layer by layer through onnxruntime.

Calibration needs the activations of the module as it is now: pruned, folded and fused. Each layer
runs as a one-node model whose weights are inputs, so that no large model is ever serialised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ...isa.errors import PassError
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import (
    AffineOp,
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    HostCallOp,
    LayerOp,
    MatmulOp,
    PoolOp,
    RequantizeOp,
    ReshapeOp,
    WeightOp,
    numbers,
    residual_of,
    shape_of,
)
from ..layer_weights import array_of
from ..weights import WeightStore
from .fixed_point import from_fixed, to_fixed
from .layer_models import convolve, run_model, run_node

Array = npt.NDArray[Any]


def evaluate(
    main: FuncOp, store: WeightStore, feeds: Mapping[str, Array], input_names: tuple[str, ...]
) -> Iterator[tuple[Operation | None, dict[SSAValue, Array]]]:
    """Run the network once.

    Args:
        main: The network.
        store: Its weights.
        feeds: Input arrays by ONNX name.
        input_names: The ONNX names of the function's arguments.

    Yields:
        After the inputs (None) and after each op but weights, the activations known so far. One is
        dropped after its last use; results whose type is already fixed point carry that rounding.
    """
    values: dict[SSAValue, Array] = {}
    for argument, name in zip(main.body.block.args, input_names, strict=True):
        values[argument] = _rounded(argument, feeds[name])
    yield None, values
    last_use = {
        value: op for op in main.body.block.ops for value in op.operands
    }  # ops in order: the last one wins
    for op in main.body.block.ops:
        if isinstance(op, ReturnOp):
            return
        if isinstance(op, WeightOp):
            continue
        for result, array in zip(
            op.results, _run(op, _operands(op, values, store), store), strict=True
        ):
            values[result] = _rounded(result, array)
        yield op, values
        for value in set(op.operands):
            if last_use[value] is op:
                values.pop(value, None)


def _operands(
    op: Operation, values: Mapping[SSAValue, Array], store: WeightStore
) -> dict[SSAValue, Array]:
    """The values of an op's operands; weights become real numbers here, and for this op only."""
    return {v: values[v] if v in values else weight_values(v, store) for v in op.operands}


def weight_values(value: SSAValue, store: WeightStore) -> Array:
    """The real values of a weight op's result, float32 if it is fixed point."""
    array, encoding = array_of(value, store), encoding_of(value)
    return array if encoding is None else from_fixed(array, encoding.frac.value.data)


def _rounded(value: SSAValue, array: Array) -> Array:
    encoding = encoding_of(value)
    if encoding is None:
        return array
    frac, bits = encoding.frac.value.data, encoding.bits.value.data
    return from_fixed(to_fixed(array, frac, bits), frac)


def _run(op: Operation, values: Mapping[SSAValue, Array], store: WeightStore) -> list[Array]:
    match op:
        case HostCallOp():
            return run_model(
                store[op.fragment.data].tobytes(), [values[v] for v in op.inputs], op.label
            )
        case ConcatOp():
            return [np.concatenate([values[v] for v in op.inputs], axis=1)]
        case ReshapeOp():
            return [values[op.input].reshape(shape_of(op.result))]
        case LayerOp():
            return [_epilogue(op, _layer(op, values), values)]
        case _:
            raise PassError(f"{op.name} cannot be evaluated", "calibration")


def _layer(op: LayerOp, values: Mapping[SSAValue, Array]) -> Array:
    match op:
        case MatmulOp():
            y = values[op.input] @ values[op.weight].T
            return y + values[op.bias] if op.bias else y
        case AffineOp():
            x = values[op.input]
            column = (-1, *[1] * (x.ndim - 2))
            return x * values[op.scale].reshape(column) + values[op.shift].reshape(column)
        case ElementwiseOp():
            return values[op.input]
        case RequantizeOp():
            frac, bits = op.frac.value.data, op.bits.value.data
            return from_fixed(to_fixed(values[op.input], frac, bits), frac)
        case Conv2dOp():
            return convolve(
                values[op.input],
                values[op.weight],
                values[op.bias] if op.bias else None,
                strides=numbers(op.strides),
                pads=numbers(op.pads),
                dilations=numbers(op.dilations),
                groups=op.groups.value.data,
                label=op.label,
            )
        case PoolOp():
            reach = zip(numbers(op.pads), numbers(op.kernel) * 2, strict=True)
            if any(pad >= kernel for pad, kernel in reach):
                return _far_padded_pool(op, values[op.input])
            return run_node(_pool_node(op), {"x": values[op.input]}, op.label)
        case _:
            raise PassError(f"{op.name} cannot be evaluated", op.label)


def _epilogue(op: LayerOp, y: Array, values: Mapping[SSAValue, Array]) -> Array:
    residual = residual_of(op)
    if residual is not None:
        y = y + values[residual]
    low, high = op.clip_range()
    return np.clip(y, low, high) if (low, high) != (-np.inf, np.inf) else y


def _pool_node(op: PoolOp) -> onnx.NodeProto:
    attributes: dict[str, Any] = {
        "kernel_shape": numbers(op.kernel),
        "strides": numbers(op.strides),
        "pads": numbers(op.pads),
        "dilations": numbers(op.dilations),
    }
    if op.kind.data == "average":
        attributes["count_include_pad"] = int(op.include_pad.value.data)
    kind = {"max": "MaxPool", "average": "AveragePool"}[op.kind.data]
    return helper.make_node(kind, ["x"], ["y"], **attributes)


def _far_padded_pool(op: PoolOp, x: Array) -> Array:
    """A pool with pads beyond its kernel (its windows are dilated), which onnxruntime refuses."""
    top, left, bottom, right = numbers(op.pads)
    (R, S), (sh, sw), (dh, dw) = map(numbers, (op.kernel, op.strides, op.dilations))

    def windows(array: Array, padding: float) -> Array:
        sides = ((0, 0), (0, 0), (top, bottom), (left, right))
        padded = np.pad(array, sides, constant_values=padding)
        span = ((R - 1) * dh + 1, (S - 1) * dw + 1)
        views = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
        return views[:, :, ::sh, ::sw, ::dh, ::dw]

    if op.kind.data == "max":
        return windows(x, -np.inf).max(axis=(-2, -1))
    inside = windows(np.ones_like(x), 0.0).sum(axis=(-2, -1))
    return windows(x, 0.0).sum(axis=(-2, -1)) / (R * S if op.include_pad.value.data else inside)
