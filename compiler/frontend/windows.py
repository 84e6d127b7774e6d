"""Shapes of convolutions and pools, computed with Python integers (ONNX operators, opset 17 to 22).

Where `ceil_mode` is set, a last window that starts in the right padding is dropped, as in opset
22 and in onnxruntime for every opset; onnx's inference keeps it before opset 22, so this shape
replaces its.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .checks import Node

# Operator -> positions of input, weights and bias. Weights are [K, C / group, kernel...].
_CONVS = {"Conv": (0, 1, 2), "ConvInteger": (0, 1, -1), "QLinearConv": (0, 3, 8)}
_POOLS = ("AveragePool", "LpPool", "MaxPool")
_GLOBAL_POOLS = ("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool")


class Windows(NamedTuple):
    """How windows slide over the spatial axes; every list has one entry per axis."""

    kernel: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    begins: Sequence[int]
    ends: Sequence[int]
    auto_pad: str

    def extent(self, axis: int) -> int:
        """Width of a window, the holes of its dilation counted."""
        return self.dilations[axis] * (self.kernel[axis] - 1) + 1

    def slide(self, axis: int, size: int, ceil: bool = False) -> int:
        """How many windows fit over `size` elements; below 1 when the window is too large."""
        stride = self.strides[axis]
        if self.auto_pad.startswith("SAME"):
            return -(-size // stride)
        room = size + self.begins[axis] + self.ends[axis] - self.extent(axis)
        if room < 0 or not ceil:
            return room // stride + 1
        count = -(-room // stride) + 1
        return count - ((count - 1) * stride >= size + self.begins[axis])


def output_shape(node: Node) -> tuple[int, ...] | list[str] | None:
    """The output shape of a convolution or pool, or sentences on what is wrong.

    Returns:
        None where the operator slides no window or an input is missing.
    """
    if (rule := _RULES.get(node.proto.op_type)) is None or node.shape(0) is None:
        return None
    result = rule(node)
    return result if isinstance(result, tuple) else list(result)


def _windows(attributes: dict[str, Any], rank: int, kernel: Sequence[int]) -> Windows | str:
    """The windows of a node with `rank` spatial axes; a sentence where lengths differ."""
    auto_pad = attributes.get("auto_pad", b"NOTSET").decode() or "NOTSET"
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    pads = attributes.get("pads") or [0] * (2 * rank)
    if auto_pad != "NOTSET":
        pads = [0] * (2 * rank)
    for name, values, length in (
        ("kernel_shape", kernel, rank),
        ("strides", strides, rank),
        ("dilations", dilations, rank),
        ("pads", pads, 2 * rank),
    ):
        if len(values) != length:
            return f"{name} = {list(values)} needs {length} entries for {rank} spatial axes"
    return Windows(kernel, strides, dilations, pads[:rank], pads[rank:], auto_pad)


def _slide(windows: Windows, sizes: Sequence[int], ceil: bool = False) -> list[int] | str:
    """The spatial output sizes; a sentence where a window is larger than the padded input."""
    counts = [windows.slide(axis, size, ceil) for axis, size in enumerate(sizes)]
    for axis, count in enumerate(counts):
        if count < 1:
            padded = sizes[axis] + windows.begins[axis] + windows.ends[axis]
            return (
                f"a window of {windows.extent(axis)} (kernel {windows.kernel[axis]}, dilation "
                f"{windows.dilations[axis]}) is larger than the padded input of {padded}"
            )
    return counts


def _conv(node: Node) -> tuple[int, ...] | Iterator[str]:
    x_at, w_at, b_at = _CONVS[node.proto.op_type]
    x, w = node.shape(x_at), node.shape(w_at)
    if x is None or w is None:
        return iter(())
    if problems := list(_conv_channels(node, x, w, node.shape(b_at) if b_at >= 0 else None)):
        return iter(problems)
    windows = _windows(node.attributes, len(x) - 2, w[2:])
    sizes = windows if isinstance(windows, str) else _slide(windows, x[2:])
    return iter((sizes,)) if isinstance(sizes, str) else (x[0], w[0], *sizes)


def _conv_channels(
    node: Node, x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None
) -> Iterator[str]:
    group, kernel = node.attributes.get("group", 1), node.attributes.get("kernel_shape")
    if len(x) < 3 or len(w) != len(x):
        yield f"input {x} and weights {w} must have one rank, at least 3"
    elif min(w) < 1:
        yield f"weights {w} are empty"
    elif x[1] != w[1] * group:
        yield f"input has {x[1]} channels, but weights {w} with group = {group} take {w[1] * group}"
    elif w[0] % group:
        yield f"{w[0]} output channels are not a multiple of group = {group}"
    elif kernel and tuple(kernel) != w[2:]:
        yield f"kernel_shape = {kernel} does not match weights {w}"
    elif bias is not None and bias != (w[0],):
        yield f"bias has shape {bias}, but there are {w[0]} output channels"


def _conv_transpose(node: Node) -> tuple[int, ...] | Iterator[str]:
    """Weights are [C, K / group, kernel...] (ConvTranspose, opset 11 and 22)."""
    x, w = node.shape(0), node.shape(1)
    if x is None or w is None:
        return iter(())
    group = node.attributes.get("group", 1)
    if len(x) < 3 or len(w) != len(x) or min(w) < 1:
        return iter((f"input {x} and weights {w} must have one rank, at least 3",))
    if x[1] != w[0] or w[0] % group:
        return iter(
            (f"input {x} has other channels than weights {w}, or group = {group} does not divide",)
        )
    rank = len(x) - 2
    windows = _windows(node.attributes, rank, w[2:])
    if isinstance(windows, str):
        return iter((windows,))
    given = node.attributes.get("output_shape")
    extra = node.attributes.get("output_padding") or [0] * rank
    if len(extra) != rank or len(given or extra) not in (rank, rank + 2):
        return iter((f"output_padding and output_shape need {rank} entries",))
    if given:
        sizes = [int(s) for s in given[-rank:]]
    else:
        sizes = [_grown(windows, a, size, extra[a]) for a, size in enumerate(x[2:])]
    if min(sizes) < 1:
        return iter((f"its output would have the spatial sizes {sizes}",))
    return (x[0], w[1] * group, *sizes)


def _grown(windows: Windows, axis: int, size: int, extra: int) -> int:
    stride = windows.strides[axis]
    if windows.auto_pad.startswith("SAME"):
        return size * stride
    pads = windows.begins[axis] + windows.ends[axis]
    return stride * (size - 1) + extra + windows.extent(axis) - pads


def _pool(node: Node) -> tuple[int, ...] | Iterator[str]:
    x, kernel = node.shape(0) or (), node.attributes.get("kernel_shape", [])
    if len(x) < 3:
        return iter((f"input {x} needs at least 3 axes",))
    windows = _windows(node.attributes, len(x) - 2, kernel)
    if isinstance(windows, str):
        return iter((windows,))
    for axis in range(len(x) - 2):
        if max(windows.begins[axis], windows.ends[axis]) >= kernel[axis]:
            pads = node.attributes["pads"]
            return iter((f"pads = {pads} are not smaller than the kernel {list(kernel)}",))
    sizes = _slide(windows, x[2:], bool(node.attributes.get("ceil_mode", 0)))
    return iter((sizes,)) if isinstance(sizes, str) else (*x[:2], *sizes)


def _global_pool(node: Node) -> tuple[int, ...] | Iterator[str]:
    x = node.shape(0) or ()
    if len(x) < 3:
        return iter((f"input {x} needs at least 3 axes",))
    return (*x[:2], *(1 for _ in x[2:]))


_RULES: dict[str, Callable[[Node], tuple[int, ...] | Iterator[str]]] = {
    **dict.fromkeys(_CONVS, _conv),
    **dict.fromkeys(_POOLS, _pool),
    **dict.fromkeys(_GLOBAL_POOLS, _global_pool),
    "ConvTranspose": _conv_transpose,
}
