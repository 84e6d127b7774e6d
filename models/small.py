"""Small networks for tests: one operator, one block, or a bit of everything, with seeded weights.

Each builder returns a model with one float32 input "x" that onnxruntime runs as it stands. Names
follow the layer's letters: N images, C channels, H x W map, K filters, R x S kernel.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx

from ..isa.errors import FrontendError
from .builder import GraphBuilder

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[Any]


def single_conv(
    *,
    N: int | str = 1,
    C: int = 3,
    H: int = 8,
    W: int = 8,
    K: int = 4,
    R: int = 3,
    S: int = 3,
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    groups: int = 1,
    auto_pad: str = "NOTSET",
    bias: npt.ArrayLike | bool = True,
    weights: npt.ArrayLike | None = None,
    relu: bool = False,
    density: float = 1.0,
    integers: int | None = None,
    seed: int = 0,
) -> onnx.ModelProto:
    """Build one convolution.

    Args:
        N: Images, a number or a symbol.
        C: Channels of the input.
        H: Rows of the input.
        W: Columns of the input.
        K: Filters.
        R: Rows of the kernel.
        S: Columns of the kernel.
        strides: Rows, columns.
        pads: Top, left, bottom, right; left out unless `auto_pad` is NOTSET.
        dilations: Rows, columns.
        groups: Divides C and K.
        auto_pad: Attribute of Conv.
        bias: Whether to have one, or its values [K].
        weights: [K, C/groups, R, S] in place of drawn ones; K, R, S are then taken from it.
        relu: Put a ReLU behind it.
        density: Share of nonzero weights.
        integers: Draw weights and bias from whole numbers in -integers..integers.
        seed: Seed of weights and bias.
    """
    build = GraphBuilder("single_conv", seed, density, integers)
    kernel = build.weights(K, C // groups, R, S)
    if weights is not None:
        kernel = np.asarray(weights, np.float32)
    shift: Floats | None = None
    if not isinstance(bias, bool):
        shift = np.asarray(bias, np.float32)
    elif bias:
        shift = build.vector(len(kernel))
    attributes: dict[str, Any] = {"auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        attributes = {"pads": list(pads)}
    result = build.conv(
        build.input(N, C, H, W),
        kernel,
        shift,
        kernel_shape=list(kernel.shape[2:]),
        strides=list(strides),
        dilations=list(dilations),
        group=groups,
        **attributes,
    )
    return build.model(build.node("Relu", result) if relu else result)


def qdq_conv(
    x_int: Integers | Sequence[int],
    w_int: Integers,
    bias_int: Integers | None = None,
    *,
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    groups: int = 1,
    relu: bool = False,
    bits: Literal[8, 16] = 16,
    x_scale: float = 1.0,
    w_scale: float = 1.0,
    y_scale: float = 1.0,
) -> onnx.ModelProto:
    """Build a quantised convolution between QuantizeLinear and DequantizeLinear.

    With scales 1 the float input carries the integers themselves, and so does the output.

    Args:
        x_int: The input's integers [N, C, H, W], to be fed as `x_int * x_scale`, or their shape.
        w_int: Weights [K, C/groups, R, S], whole numbers of `bits` bits.
        bias_int: [K] int32, in units of x_scale * w_scale.
        strides: Rows, columns.
        pads: Top, left, bottom, right.
        dilations: Rows, columns.
        groups: Divides C and K.
        relu: Put a ReLU before the output is quantised.
        bits: 8 or 16, of input, weights and output; zero points are 0.
        x_scale: Real value of one unit of the input, a power of two.
        w_scale: The same of the weights.
        y_scale: The same of the output.

    Raises:
        FrontendError: A weight or bias is no whole number of its type.
    """
    shape = x_int.shape if isinstance(x_int, np.ndarray) else tuple(x_int)
    dtype = {8: np.int8, 16: np.int16}[bits]
    build = GraphBuilder("qdq_conv")

    def quantised(source: str, scale: float) -> str:
        limits = build.constant(np.float32(scale)), build.constant(dtype(0))
        return build.node(
            "DequantizeLinear", build.node("QuantizeLinear", source, *limits), *limits
        )

    def constant(values: Integers, scale: float, kind: type[np.signedinteger[Any]]) -> str:
        stored = np.asarray(values)
        if not np.array_equal(stored, stored.astype(kind)):
            largest = np.abs(stored).max()
            raise FrontendError(f"Integers up to {largest} do not fit {np.dtype(kind)}")
        scaled = build.constant(np.float32(scale)), build.constant(kind(0))
        return build.node("DequantizeLinear", build.constant(stored.astype(kind)), *scaled)

    operands = [quantised(build.input(*shape), x_scale), constant(w_int, w_scale, dtype)]
    if bias_int is not None:
        operands.append(constant(bias_int, x_scale * w_scale, np.int32))
    result = build.node(
        "Conv",
        *operands,
        kernel_shape=list(np.shape(w_int)[2:]),
        strides=list(strides),
        pads=list(pads),
        dilations=list(dilations),
        group=groups,
    )
    result = build.node("Relu", result) if relu else result
    return build.model(quantised(result, y_scale))


def gemm(
    *,
    N: int | str = 4,
    C: int = 16,
    K: int = 10,
    transB: bool = True,
    alpha: float = 1.0,
    beta: float = 1.0,
    bias: bool = True,
    density: float = 1.0,
    integers: int | None = None,
    seed: int = 0,
) -> onnx.ModelProto:
    """Build one fully connected layer [N, C] -> [N, K] as a Gemm."""
    build = GraphBuilder("gemm", seed, density, integers)
    weights = build.weights(K, C)
    constants = [build.constant(weights if transB else np.ascontiguousarray(weights.T))]
    if bias:
        constants.append(build.constant(build.vector(K)))
    result = build.node(
        "Gemm", build.input(N, C), *constants, transB=int(transB), alpha=alpha, beta=beta
    )
    return build.model(result)


def matmul(
    *,
    N: int | str = 4,
    C: int = 16,
    K: int = 10,
    density: float = 1.0,
    integers: int | None = None,
    seed: int = 0,
) -> onnx.ModelProto:
    """Build one fully connected layer [N, C] -> [N, K] as a MatMul with an Add behind it."""
    build = GraphBuilder("matmul", seed, density, integers)
    weights = build.constant(np.ascontiguousarray(build.weights(K, C).T))
    product = build.node("MatMul", build.input(N, C), weights)
    return build.model(build.node("Add", product, build.constant(build.vector(K))))


def mlp(
    sizes: Sequence[int] = (16, 32, 10), *, N: int | str = 4, density: float = 1.0, seed: int = 0
) -> onnx.ModelProto:
    """Build fully connected layers of the given widths, ReLU between them."""
    build = GraphBuilder("mlp", seed, density)
    value = build.input(N, sizes[0])
    for index, (C, K) in enumerate(pairwise(sizes)):
        value = build.gemm(build.node("Relu", value) if index else value, C, K)
    return build.model(value)


def residual_block(
    *, C: int = 8, K: int | None = None, H: int = 8, W: int = 8, stride: int = 1, seed: int = 0
) -> onnx.ModelProto:
    """Build conv-BN-ReLU-conv-BN plus the input, ReLU; the input goes through a 1x1 conv if needed.

    Args:
        C: Channels of the input.
        K: Channels of the output, C by default.
        H: Rows of the input.
        W: Columns of the input.
        stride: Of the first convolution and of the shortcut.
        seed: Seed of the weights.
    """
    build = GraphBuilder("residual_block", seed)
    filters = K or C
    strides = [stride, stride]
    x = build.input(1, C, H, W)
    inner = build.batch_norm(build.conv_same(x, C, filters, strides=strides), filters)
    inner = build.conv_same(build.node("Relu", inner), filters, filters)
    shortcut = x
    if filters != C or stride > 1:
        shortcut = build.conv_same(x, C, filters, 1, strides=strides)
    inner = build.node("Add", build.batch_norm(inner, filters), shortcut)
    return build.model(build.node("Relu", inner))


def concat_block(*, C: int = 6, H: int = 8, W: int = 8, seed: int = 0) -> onnx.ModelProto:
    """Build an inception block: 1x1, 3x3, 5x5 and pooled branches, joined on the channels."""
    build = GraphBuilder("concat_block", seed)
    x = build.input(1, C, H, W)
    pooled = build.node("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    branches = [build.conv_same(x, C, 4, kernel) for kernel in (1, 3, 5)]
    branches.append(build.conv_same(pooled, C, 4, 1))
    branches = [build.node("Relu", branch) for branch in branches]
    return build.model(build.node("Concat", *branches, axis=1))


def pool(
    op_type: str = "MaxPool", *, C: int = 4, H: int = 9, W: int = 8, **attributes: Any
) -> onnx.ModelProto:
    """Build one pooling operator.

    Args:
        op_type: MaxPool, AveragePool, GlobalMaxPool or GlobalAveragePool.
        C: Channels.
        H: Rows of the input.
        W: Columns of the input.
        attributes: Attributes of the operator; kernel 2x2 unless it is a global one.
    """
    build = GraphBuilder("pool")
    if not op_type.startswith("Global"):
        attributes = {"kernel_shape": [2, 2], **attributes}
    return build.model(build.node(op_type, build.input(1, C, H, W), **attributes))


POOLS: dict[str, Callable[[], onnx.ModelProto]] = {
    "max": lambda: pool(strides=[2, 2]),
    "max_overlapping": lambda: pool(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max_ceil": lambda: pool(kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1),
    "max_dilated": lambda: pool(dilations=[2, 3]),
    "max_same": lambda: pool(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "average": lambda: pool("AveragePool", strides=[2, 2]),
    "average_padded": lambda: pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "average_counting_pads": lambda: pool(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 2], count_include_pad=1
    ),
    "average_ceil": lambda: pool("AveragePool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
    "global_max": lambda: pool("GlobalMaxPool"),
    "global_average": lambda: pool("GlobalAveragePool"),
}


def preactivation(
    *, C: int = 8, K: int = 8, H: int = 8, W: int = 8, seed: int = 0
) -> onnx.ModelProto:
    """Build BN -> ReLU -> conv, a BatchNormalization that no convolution in front can take in."""
    build = GraphBuilder("preactivation", seed)
    normal = build.batch_norm(build.input(1, C, H, W), C)
    return build.model(build.conv_same(build.node("Relu", normal), C, K))


def lrn_softmax(
    *, C: int = 6, H: int = 8, W: int = 8, K: int = 10, seed: int = 0
) -> onnx.ModelProto:
    """Build conv, ReLU, LRN, global pool, fully connected layer and Softmax."""
    build = GraphBuilder("lrn_softmax", seed)
    value = build.node("Relu", build.conv_same(build.input(1, 3, H, W), 3, C))
    value = build.node("LRN", value, size=5, alpha=1e-2, beta=0.75, bias=1.0)
    value = build.node("Flatten", build.node("GlobalAveragePool", value))
    return build.model(build.node("Softmax", build.gemm(value, C, K), axis=1))


def shuffle(
    *, C: int = 12, groups: int = 3, H: int = 6, W: int = 6, seed: int = 0
) -> onnx.ModelProto:
    """Build a ShuffleNet unit: grouped 1x1 conv, channel shuffle, depthwise conv, grouped conv."""
    build = GraphBuilder("shuffle", seed)
    value = build.conv_same(build.input(1, C, H, W), C, C, 1, group=groups)
    value = _shuffled(build, build.node("Relu", value), C, groups, H, W)
    value = build.conv_same(value, C, C, group=C)
    return build.model(build.conv_same(value, C, C, 1, group=groups))


def everything(*, seed: int = 0) -> onnx.ModelProto:
    """Build a network of 14 operator types: "x" [1, 3, 16, 16] -> class probabilities [1, 10]."""
    build = GraphBuilder("everything", seed)
    value = build.batch_norm(build.conv_same(build.input(1, 3, 16, 16), 3, 16), 16)
    value = build.node("LRN", build.node("Relu", value), size=3, alpha=1e-2)
    value = build.node("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    branches = [build.conv_same(value, 16, 8, kernel) for kernel in (1, 3)]
    joined = build.node("Concat", *[build.node("Relu", branch) for branch in branches], axis=1)
    joined = build.conv_same(_shuffled(build, joined, 16, 4, 8, 8), 16, 16, group=4)
    value = build.node("Add", joined, value)
    value = build.node("Relu", build.batch_norm(value, 16))
    value = build.conv_same(value, 16, 24, strides=[2, 2])
    limits = build.constant(np.float32(0)), build.constant(np.float32(6))
    value = build.node("Clip", value, *limits)
    value = build.node("AveragePool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    value = build.node("Dropout", build.node("Flatten", build.node("GlobalAveragePool", value)))
    return build.model(build.node("Softmax", build.gemm(value, 24, 10), axis=1))


def _shuffled(build: GraphBuilder, source: str, C: int, groups: int, H: int, W: int) -> str:
    """Interleave the channels of `groups` groups: Reshape, Transpose, Reshape."""
    split = build.constant(np.array([0, groups, C // groups, H, W]))
    turned = build.node("Transpose", build.node("Reshape", source, split), perm=[0, 2, 1, 3, 4])
    return build.node("Reshape", turned, build.constant(np.array([0, C, H, W])))


BUILDERS: dict[str, Callable[[], onnx.ModelProto]] = {
    "single_conv": single_conv,
    "qdq_conv": lambda: qdq_conv((1, 2, 5, 5), np.arange(-18, 18).reshape(2, 2, 3, 3)),
    "gemm": gemm,
    "matmul": matmul,
    "mlp": mlp,
    "residual_block": residual_block,
    "residual_block_strided": lambda: residual_block(K=12, stride=2),
    "concat_block": concat_block,
    **{f"pool_{name}": build for name, build in POOLS.items()},
    "preactivation": preactivation,
    "lrn_softmax": lrn_softmax,
    "shuffle": shuffle,
    "everything": everything,
}
"""Every builder with its defaults, for tests over all of them."""
