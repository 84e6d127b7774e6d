"""How each ONNX operator becomes sparse_tensor layers; what has no form there says why.

A lowering appends ops to a `Builder` and returns the value of the node's only output, or raises
`NotALayer` with the reason that the host call will carry. Sources: the ONNX operator specification,
opset 17 and later.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from typing import Any

import numpy as np
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, StringAttr, TensorType, f32, i64
from xdsl.ir import Attribute, SSAValue

from ..dialects.onnx import NodeOp
from ..dialects.onnx_values import dtype_name
from ..dialects.sparse_tensor import (
    AffineOp,
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    MatmulOp,
    PoolOp,
    RequantizeOp,
    ReshapeOp,
    bounds,
    ints,
    numbers,
    shape_of,
)
from ..layer_properties import NO_TENSOR
from ..weights import WeightStore
from .layer_builder import (
    Array,
    Builder,
    NotALayer,
    dequantised_values,
    is_constant_dequantize,
    scale_frac,
)


def window(b: Builder, kernel: tuple[int, ...]) -> dict[str, Attribute]:
    """Strides, pads and dilations of a window op; the end pads make the output size exact."""
    x, y = shape_of(b.node.inputs[0])[2:], b.shape[2:]
    strides = b.node.attr("strides", (1,) * len(kernel))
    dilations = b.node.attr("dilations", (1,) * len(kernel))
    pads = b.node.attr("pads", (0,) * 2 * len(kernel))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    needed = [(o - 1) * s + w - i for o, s, w, i in zip(y, strides, span, x, strict=True)]
    match b.node.attr("auto_pad", "NOTSET"):
        case "SAME_UPPER":
            begin = [max(n, 0) // 2 for n in needed]
        case "SAME_LOWER":
            begin = [(max(n, 0) + 1) // 2 for n in needed]
        case "VALID":
            begin = [0] * len(kernel)
        case _:
            begin = list(pads[: len(kernel)])
    # ceil_mode and SAME reach beyond the declared pads: pad to what the output size implies.
    end = [max(n - p, 0) for n, p in zip(needed, begin, strict=True)]
    return {"strides": ints(*strides), "pads": ints(*begin, *end), "dilations": ints(*dilations)}


def conv(b: Builder) -> SSAValue:
    """Conv with constant weights over two spatial dimensions."""
    weights = b.source(1)
    assert weights is not None
    kernel = shape_of(weights)[2:]
    if len(kernel) != 2:
        raise NotALayer(f"it has {len(kernel)} spatial dimensions, not 2")
    if not isinstance(weights.owner, NodeOp):
        b.need(1, "weight tensor")
    bias = _bias(b, 2)
    groups = IntegerAttr(b.node.attr("group", 1), i64)
    w = b.weight(1)
    return b.layer(
        Conv2dOp, [b.operands[0], w, bias, None], b.shape, groups=groups, **window(b, kernel)
    )


def _bias(b: Builder, at: int) -> SSAValue | None:
    value = b.source(at)
    if value is None:
        return None
    if isinstance(value.owner, NodeOp) and value.owner.op_type == "DequantizeLinear":
        return b.float_constant("bias", dequantised_values(value.owner, b.store))
    return b.weight(at, np.array(b.need(at, "bias")).reshape(-1))


def gemm(b: Builder) -> SSAValue:
    """Gemm with a constant B and a constant or absent C."""
    if b.node.attr("transA", 0):
        raise NotALayer("its A is transposed")
    by_rows = bool(b.node.attr("transB", 0))
    weight = _matrix(b, "B", by_rows, b.node.attr("alpha", 1.0))
    K, bias, source = b.shape[1], None, b.source(2)
    if source is not None:
        C = b.need(2, "C") * np.float32(b.node.attr("beta", 1.0))
        if C.size not in (1, K) or (C.ndim == 2 and C.shape[0] != 1):
            raise NotALayer(f"its C of shape {C.shape} is not one value per output")
        values = np.broadcast_to(C.reshape(-1), (K,))
        is_quantised = isinstance(source.owner, NodeOp)
        bias = b.float_constant("bias", values) if is_quantised else b.weight(2, values)
    return b.layer(MatmulOp, [b.operands[0], weight, bias, None], b.shape)


def _matrix(b: Builder, what: str, by_rows: bool, factor: float = 1.0) -> SSAValue:
    """The constant second operand times a factor as weights [K, C]; `by_rows`: stored like this."""
    source = b.source(1)
    assert source is not None
    is_quantised = isinstance(source.owner, NodeOp) and is_constant_dequantize(source.owner)
    if is_quantised and factor == 1.0:
        return b.weight(1, transposed=not by_rows)
    array = b.need(1, what)
    if by_rows and factor == 1.0:
        return b.weight(1)
    array = (array if by_rows else array.T) * np.float32(factor)
    return b.weight(1, array, not by_rows)


def matmul(b: Builder) -> SSAValue:
    """MatMul of activations of any rank with a constant matrix [C, K]."""
    source = b.source(1)
    assert source is not None
    x, matrix = shape_of(b.node.inputs[0]), shape_of(source)
    if len(matrix) != 2 or len(x) < 2:
        raise NotALayer(f"it multiplies ranks {len(x)} and {len(matrix)}")
    rows = prod(x[:-1])
    flat = _reshape(b, b.operands[0], (rows, x[-1]), tensor=NO_TENSOR)
    weight = _matrix(b, "second operand", by_rows=False)
    product = b.layer(MatmulOp, [flat, weight, None, None], (rows, matrix[1]))
    return _reshape(b, product, b.shape)


def _reshape(b: Builder, value: SSAValue, shape: tuple[int, ...], **more: Attribute) -> SSAValue:
    return value if shape_of(value) == shape else b.layer(ReshapeOp, [value], shape, **more)


def reshape(b: Builder) -> SSAValue:
    """Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout: the same bytes."""
    if len(b.node.outputs) > 1 and b.node.outputs[1].uses.get_length():
        raise NotALayer("its second output is used")
    return b.layer(ReshapeOp, [b.operands[0]], b.shape)


def pool(b: Builder) -> SSAValue:
    """MaxPool, AveragePool and their global forms over two spatial dimensions."""
    x = shape_of(b.node.inputs[0])
    if len(x) != 4:
        raise NotALayer(f"it has {len(x) - 2} spatial dimensions, not 2")
    if len(b.node.outputs) > 1:
        raise NotALayer("its indices output is used")
    kernel = x[2:] if b.node.op_type.startswith("Global") else b.node.attr("kernel_shape", (0, 0))
    kind = "max" if "Max" in b.node.op_type else "average"
    include_pad = bool(b.node.attr("count_include_pad", 0))
    geometry = window(b, kernel)
    if include_pad and b.node.attr("ceil_mode", 0):
        raise NotALayer("ceil_mode with count_include_pad divides by windows cut at the edge")
    _check_windows(b, kernel, geometry)
    return b.layer(
        PoolOp,
        [b.operands[0], None],
        b.shape,
        kind=StringAttr(kind),
        kernel=ints(*kernel),
        include_pad=BoolAttr.from_bool(include_pad),
        **geometry,
    )


def _check_windows(b: Builder, kernel: tuple[int, ...], geometry: dict[str, Any]) -> None:
    """Refuse windows that see no element at all: their maximum or mean is not a number."""
    x = shape_of(b.node.inputs[0])[2:]
    strides, pads, dilations = (
        numbers(geometry[name]) for name in ("strides", "pads", "dilations")
    )
    for axis in (0, 1):
        first = np.arange(b.shape[2 + axis])[:, None] * strides[axis] - pads[axis]
        taps = first + np.arange(kernel[axis])[None, :] * dilations[axis]
        if not ((taps >= 0) & (taps < x[axis])).any(axis=1).all():
            raise NotALayer("one of its windows lies wholly in the padding")


def clip(b: Builder) -> SSAValue:
    """Relu and Clip with constant bounds."""
    low, high = 0.0, inf
    if b.node.op_type == "Clip":
        low, high = -inf, inf
        if b.source(1) is not None:
            low = float(b.need(1, "lower bound").ravel()[0])
        if b.source(2) is not None:
            high = float(b.need(2, "upper bound").ravel()[0])
        if not low <= high:
            raise NotALayer(f"its bounds {low} and {high} are the wrong way round")
    return b.layer(ElementwiseOp, [b.operands[0], None], b.shape, clip=bounds(low, high))


def batch_normalization(b: Builder) -> SSAValue:
    """BatchNormalization at inference: y = (x - mean) / sqrt(variance + epsilon) * scale + bias."""
    if b.node.attr("training_mode", 0) or len(b.node.outputs) > 1:
        raise NotALayer("it is in training mode")
    scale, bias, mean, variance = (
        b.need(at, what).astype(np.float64)
        for at, what in enumerate(("scale", "bias", "mean", "variance"), start=1)
    )
    factor = scale / np.sqrt(variance + b.node.attr("epsilon", 1e-5))
    return _affine(b, factor, bias - mean * factor)


def _affine(b: Builder, scale: Array, shift: Array) -> SSAValue:
    if len(b.shape) < 2:
        raise NotALayer("it has no channel axis")
    operands = [b.operands[0], b.float_constant("scale", scale), b.float_constant("shift", shift)]
    return b.layer(AffineOp, operands, b.shape)


def arithmetic(b: Builder) -> SSAValue:
    """Add, Sub, Mul, Div with a constant per channel; Add and Sum of tensors of one shape."""
    constants = [b.constant(at) for at in range(len(b.node.inputs))]
    if len(constants) == 2 and any(c is not None for c in constants):
        return _with_constant(b, 0 if constants[1] is not None else 1)
    if b.node.op_type not in ("Add", "Sum"):
        raise NotALayer("both its operands are computed at run time")
    if any(c is not None for c in constants) or any(shape_of(v) != b.shape for v in b.node.inputs):
        raise NotALayer("its operands have different shapes")
    total, last = b.operands[0], b.operands[-1] if len(b.operands) > 1 else None
    for operand in b.operands[1:-1]:
        total = b.layer(ElementwiseOp, [total, operand], b.shape, tensor=NO_TENSOR)
    return b.layer(ElementwiseOp, [total, last], b.shape)


def _with_constant(b: Builder, variable: int) -> SSAValue:
    """Scale and shift of `x op c` or `c op x` with one constant per channel (axis 1)."""
    array = b.need(1 - variable, "operand").astype(np.float64)
    if shape_of(b.node.inputs[variable]) != b.shape or len(b.shape) < 2:
        raise NotALayer("its constant operand changes the shape")
    C = b.shape[1]
    aligned = array.reshape((1,) * (len(b.shape) - array.ndim) + array.shape)
    if any(d != 1 for axis, d in enumerate(aligned.shape) if axis != 1):
        raise NotALayer("its constant operand differs within a channel")
    c = np.broadcast_to(aligned.reshape(-1), (C,))
    one, zero = np.ones(C), np.zeros(C)
    b.operands[0] = b.operands[variable]
    match b.node.op_type, variable:
        case (("Add" | "Sum"), _):
            return _affine(b, one, c)
        case "Mul", _:
            return _affine(b, c, zero)
        case "Sub", 0:
            return _affine(b, one, -c)
        case "Sub", _:
            return _affine(b, -one, c)
        case "Div", 0 if (c != 0).all():
            return _affine(b, 1 / c, zero)
        case _:
            raise NotALayer("it divides by a computed value or by zero")


def concat(b: Builder) -> SSAValue:
    """Concat along the channels."""
    rank = len(b.shape)
    if rank < 2 or b.node.attr("axis", 1) % rank != 1:
        raise NotALayer("it is not along the channels (axis 1)")
    if any(b.constant(at) is not None for at in range(len(b.node.inputs))):
        raise NotALayer("one of its operands is a constant")
    if len(b.operands) == 1:
        return b.layer(ReshapeOp, [b.operands[0]], b.shape)
    return b.add(
        ConcatOp(
            operands=[b.operands],
            result_types=[TensorType(f32, b.shape)],
            properties=b.properties(),
        )
    )


def quantize(b: Builder) -> SSAValue:
    """QuantizeLinear to int8 or int16 by a power of two: the layer before keeps these integers."""
    frac = scale_frac(b.node, b.store)
    uses = [use.operation for use in b.node.outputs[0].uses]
    if not uses or not all(
        isinstance(u, NodeOp) and u.op_type == "DequantizeLinear" and _same_scale(u, frac, b.store)
        for u in uses
    ):
        raise NotALayer(
            "its integers are used by something else than a DequantizeLinear of its scale"
        )
    return requantize(b)


def requantize(b: Builder) -> SSAValue:
    """The layer op that stores a quantiser's integers.

    Raises:
        NotALayer: They are not int8 or int16, or the scale is no single power of two.
    """
    kind = dtype_name(b.node.outputs[0].type)
    if kind not in ("int8", "int16"):
        raise NotALayer(f"it quantises to {kind}, not int8 or int16")
    return b.layer(
        RequantizeOp,
        [b.operands[0]],
        b.shape,
        frac=IntegerAttr(scale_frac(b.node, b.store), i64),
        bits=IntegerAttr(8 if kind == "int8" else 16, i64),
    )


def _same_scale(node: NodeOp, frac: int, store: WeightStore) -> bool:
    try:
        return scale_frac(node, store) == frac
    except NotALayer:
        return False


def dequantize(b: Builder) -> SSAValue:
    """DequantizeLinear of a quantised layer: the real values, which layers carry all along."""
    producer = b.operands[0].owner
    if not isinstance(producer, RequantizeOp):
        raise NotALayer("its integers come from outside the accelerator's layers")
    # The layer's result is the real value: in ONNX the output of this node, not its integers.
    producer.properties["tensor"] = b.properties()["tensor"]
    return b.operands[0]


LOWERINGS: dict[str, Callable[[Builder], SSAValue]] = {
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"), pool),
    **dict.fromkeys(("Relu", "Clip"), clip),
    **dict.fromkeys(("Add", "Sum", "Sub", "Mul", "Div"), arithmetic),
    "BatchNormalization": batch_normalization,
    "Concat": concat,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"), reshape),
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
}
"""Every ONNX operator that can become layers."""
