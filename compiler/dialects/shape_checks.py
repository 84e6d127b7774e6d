"""What the shapes and parameters of a layer must satisfy, on plain numbers.

Each check raises VerifyException with a sentence; the sparse_tensor ops' verifiers call them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.utils.exceptions import VerifyException

Shape = tuple[int, ...]


def check(condition: bool, message: str) -> None:
    """Raise unless a condition holds."""
    if not condition:
        raise VerifyException(message)


def check_epilogue(clip: Sequence[float] | None, residual: Shape | None, result: Shape) -> None:
    """A clip is a range, and a residual has the result's shape."""
    if clip is not None:
        check(len(clip) == 2, f"clip takes a lower and an upper bound, got {list(clip)}")
        check(clip[0] <= clip[1], f"clip = [{clip[0]}, {clip[1]}] is no range")
    check(residual in (None, result), f"the residual has shape {residual}, the result {result}")


def check_conv(x: Shape, weights: Shape, y: Shape, groups: int) -> None:
    """Channels of input [N, C, H, W], weights [K, C/groups, R, S] and result agree."""
    ranks = {len(x), len(weights), len(y)}
    check(ranks == {4}, f"conv2d takes rank-4 tensors, got {x}, {weights} and {y}")
    agree = groups >= 1 and x[1] == weights[1] * groups and weights[0] % groups == 0
    check(
        agree and y[:2] == (x[0], weights[0]),
        f"channels of {x}, {weights} and {y} do not agree for groups = {groups}",
    )


def check_bias(bias: Shape | None, filters: int) -> None:
    """A bias has one value per filter."""
    check(bias in (None, (filters,)), f"the bias has shape {bias}, the layer {filters} filters")


def check_window(
    x: Shape,
    kernel: Sequence[int],
    y: Shape,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> None:
    """The maps of input and result agree with the window.

    Args:
        x: Input [N, C, H, W].
        kernel: Rows, columns.
        y: Result [N, K, OH, OW].
        strides: Rows, columns.
        pads: Top, left, bottom, right.
        dilations: Rows, columns.
    """
    for name, values, length, least in (
        ("kernel", kernel, 2, 1),
        ("strides", strides, 2, 1),
        ("pads", pads, 4, 0),
        ("dilations", dilations, 2, 1),
    ):
        fits = len(values) == length and min(values) >= least
        check(fits, f"{name} = {list(values)} is not {length} numbers of at least {least}")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    sizes = [x[2 + axis] + pads[axis] + pads[2 + axis] for axis in (0, 1)]
    wanted = tuple((sizes[axis] - spans[axis]) // strides[axis] + 1 for axis in (0, 1))
    check(y[2:] == wanted, f"the window makes a map of {wanted}, not {y[2:]}")


def check_affine(x: Shape, scale: Shape, shift: Shape, y: Shape) -> None:
    """Scale and shift have one value per channel."""
    check(len(x) >= 2, f"affine takes tensors with channels, got {x}")
    check(scale == shift == (x[1],), f"scale {scale} and shift {shift} are not {x[1]} values")
    check(y == x, f"affine keeps the shape, got {x} and {y}")


def check_concat(inputs: Sequence[Shape], y: Shape) -> None:
    """The operands lie behind each other along axis 1."""
    check(bool(inputs) and len(y) >= 2, "concat takes at least one operand with channels")
    others = {shape[:1] + shape[2:] for shape in (*inputs, y)}
    agree = len(others) == 1 and {len(shape) for shape in inputs} == {len(y)}
    total = sum(shape[1] for shape in inputs if len(shape) > 1)
    check(agree and y[1:2] == (total,), f"{list(inputs)} do not make {y} along axis 1")


def check_reshape(x: Shape, y: Shape) -> None:
    """As many elements before as after."""
    check(prod(x) == prod(y), f"{x} has {prod(x)} elements, {y} has {prod(y)}")
